//! Pictures as a camera: one file, or the files of a folder in the order of their names.

use std::path::{Path, PathBuf};

use super::{CameraError, Picture, Recording};

/// Endings of files that are pictures, lower case.
pub(super) const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

pub(super) struct Pictures {
    paths: Vec<PathBuf>,
    next: usize,
}

impl Pictures {
    pub(super) fn single(path: &Path) -> Result<Self, CameraError> {
        std::fs::metadata(path).map_err(|source| CameraError::Read { path: path.to_owned(), source })?;
        Ok(Self { paths: vec![path.to_owned()], next: 0 })
    }

    pub(super) fn folder(path: &Path) -> Result<Self, CameraError> {
        let read = |source| CameraError::Read { path: path.to_owned(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let found = entry.map_err(read)?.path();
            let ending = found.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
            if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                paths.push(found);
            }
        }
        if paths.is_empty() {
            return Err(CameraError::NoPictures { path: path.to_owned() });
        }
        paths.sort();
        Ok(Self { paths, next: 0 })
    }
}

impl Recording for Pictures {
    fn next_frame(&mut self) -> Result<Option<Picture>, CameraError> {
        let Some(path) = self.paths.get(self.next) else { return Ok(None) };
        let bytes = std::fs::read(path).map_err(|source| CameraError::Read { path: path.clone(), source })?;
        let decoded = Picture::decode(&bytes);
        let picture = decoded.map_err(|source| CameraError::Picture { path: path.clone(), source })?;
        self.next += 1;
        Ok(Some(picture))
    }

    fn rewind(&mut self) -> Result<(), CameraError> {
        self.next = 0;
        Ok(())
    }

    fn fps(&self) -> f64 {
        1.0
    }

    fn frame_count(&self) -> Option<u64> {
        Some(self.paths.len() as u64)
    }
}
