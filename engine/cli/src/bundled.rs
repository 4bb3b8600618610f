//! What the binary brings along for a first start: a clip for the cameras, and the query files.

use std::path::{Path, PathBuf};

use anyhow::Context;

const CLIP: &[u8] = include_bytes!("../../../footage/vtest-a.mp4");

macro_rules! query {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../queries/", $name)))
    };
}

const QUERIES: [(&str, &str); 6] = [
    query!("busiest_cameras.sql"),
    query!("frames.sql"),
    query!("hourly_occupancy.sql"),
    query!("people_last_minute.sql"),
    query!("people_per_camera.sql"),
    query!("silent_camera.sql"),
];

/// The clip, as a file below the data folder.
pub(crate) fn clip(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let path = data_dir.join("footage/vtest-a.mp4");
    // A file that is cut short (a full disk, a kill) is written again.
    let whole = std::fs::metadata(&path).is_ok_and(|file| file.len() == CLIP.len() as u64);
    if !whole {
        write(&path, CLIP)?;
    }
    Ok(path)
}

/// The bundled query files, as a folder below the data folder. Files that are there are left as they are: somebody may
/// have changed them.
pub(crate) fn queries(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let folder = data_dir.join("queries");
    for (name, text) in QUERIES {
        let path = folder.join(name);
        if !path.exists() {
            write(&path, text.as_bytes())?;
        }
    }
    Ok(folder)
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("could not make folder {}", folder.display()))?;
    std::fs::write(path, content).with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_file_of_the_repository_is_bundled() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql"))
            .collect();
        names.sort();
        assert_eq!(names, QUERIES.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn a_changed_query_is_left_and_a_cut_clip_is_written_again() {
        let data = tempfile::tempdir().unwrap();
        let folder = queries(data.path()).unwrap();
        std::fs::write(folder.join("frames.sql"), "-- mine").unwrap();
        queries(data.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("frames.sql")).unwrap(), "-- mine");
        let path = clip(data.path()).unwrap();
        std::fs::write(&path, &CLIP[..100]).unwrap();
        assert_eq!(std::fs::read(clip(data.path()).unwrap()).unwrap(), CLIP);
    }
}
