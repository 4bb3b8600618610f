//! A number in a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{Probe, Sample};
use crate::error::SourceError;
use crate::host::read_text;
use crate::settings::FileSettings;

/// Reads the first word of a file.
pub(crate) struct FileProbe {
    path: PathBuf,
    method: Arc<str>,
    unit: Arc<str>,
    scale: f64,
    offset: f64,
}

impl FileProbe {
    pub(crate) fn new(settings: &FileSettings) -> Self {
        Self {
            path: settings.path.clone(),
            method: settings.path.to_string_lossy().into(),
            unit: settings.unit.as_str().into(),
            scale: settings.scale,
            offset: settings.offset,
        }
    }
}

impl Probe for FileProbe {
    fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
        let value = first_number(&self.path)? * self.scale + self.offset;
        if !value.is_finite() {
            return Err(SourceError::NotFinite { path: self.path.clone() });
        }
        Ok(Sample::Value { value, unit: Arc::clone(&self.unit), method: Arc::clone(&self.method) })
    }
}

/// The finite number that a file begins with.
pub(super) fn first_number(path: &Path) -> Result<f64, SourceError> {
    let text = read_text(path).map_err(|source| SourceError::Read { path: path.to_owned(), source })?;
    let number =
        text.split_whitespace().next().and_then(|word| word.parse().ok()).filter(|number: &f64| number.is_finite());
    let quoted = || text.chars().take(40).collect();
    number.ok_or_else(|| SourceError::NoNumber { path: path.to_owned(), text: quoted() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_scaled_and_what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("temperature");
        let settings = FileSettings {
            sensor: "shed".into(),
            unit: "celsius".into(),
            path: path.clone(),
            scale: 0.001,
            offset: 1.0,
            interval_ms: None,
        };
        let mut probe = FileProbe::new(&settings);
        let read = |probe: &mut FileProbe, text: &str| {
            std::fs::write(&path, text).unwrap();
            probe.read(Instant::now())
        };
        let Ok(Sample::Value { value, unit, method }) = read(&mut probe, "21500 and more\n") else { panic!() };
        assert_eq!((value, &*unit, &*method), (22.5, "celsius", &*path.to_string_lossy()));
        for garbage in ["", "warm", "NaN", "inf"] {
            let error = read(&mut probe, garbage).unwrap_err().to_string();
            assert!(error.contains("temperature holds"), "{error}");
        }
        assert!(read(&mut probe, "1e308").is_ok());
        probe.scale = 10.0;
        assert!(matches!(read(&mut probe, "1e308"), Err(SourceError::NotFinite { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(probe.read(Instant::now()), Err(SourceError::Read { .. })));
    }
}
