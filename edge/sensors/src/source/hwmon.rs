//! An input of a chip under `class/hwmon`, in the units that the kernel lays down (`hwmon/sysfs-interface.rst`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::file::first_number;
use super::{Probe, Sample};
use crate::error::SourceError;
use crate::host::{Host, entries, read_name};
use crate::settings::HwmonSettings;

/// Kinds of inputs: how their names begin, their unit, and what of it the file's number is.
const KINDS: [(&str, &str, f64); 8] = [
    ("temp", "celsius", 1e-3),
    ("in", "volts", 1e-3),
    ("curr", "amperes", 1e-3),
    ("power", "watts", 1e-6),
    ("energy", "joules", 1e-6),
    ("humidity", "percent", 1e-3),
    ("fan", "rpm", 1.0),
    ("freq", "hertz", 1.0),
];

/// Reads one input. Where it stands is looked up at each failure again, because a module that is loaded anew may number
/// its chips anew.
pub(crate) struct HwmonProbe {
    folder: PathBuf,
    chip: String,
    input: String,
    found: Option<Found>,
}

struct Found {
    path: PathBuf,
    unit: Arc<str>,
    scale: f64,
    method: Arc<str>,
}

impl HwmonProbe {
    pub(crate) fn new(settings: &HwmonSettings, host: &Host) -> Self {
        let folder = host.sys.join("class/hwmon");
        Self { folder, chip: settings.chip.clone(), input: settings.input.clone(), found: None }
    }

    fn find(&self) -> Option<Found> {
        let is_chip = |chip: &PathBuf| read_name(&chip.join("name")).is_some_and(|name| name == self.chip);
        entries(&self.folder, "hwmon").into_iter().filter(is_chip).find_map(|chip| {
            let path = chip.join(format!("{}_input", self.input));
            if let Some((unit, scale)) = kind_of(&self.input).filter(|_| path.exists()) {
                return Some(Found::new(path, unit, scale));
            }
            entries(&chip, "").into_iter().find_map(|file| {
                let name = file.file_name()?.to_str()?.strip_suffix("_label")?.to_owned();
                let (unit, scale) = kind_of(&name)?;
                let is_labelled = read_name(&file).is_some_and(|label| label == self.input);
                is_labelled.then(|| Found::new(chip.join(format!("{name}_input")), unit, scale))
            })
        })
    }
}

impl Found {
    fn new(path: PathBuf, unit: &str, scale: f64) -> Self {
        let method = path.to_string_lossy().into();
        Self { path, unit: unit.into(), scale, method }
    }
}

impl Probe for HwmonProbe {
    fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
        let found = match self.found.take().or_else(|| self.find()) {
            Some(found) => found,
            None => {
                let Self { folder, chip, input, .. } = self;
                return Err(SourceError::NoInput { folder: folder.clone(), chip: chip.clone(), input: input.clone() });
            }
        };
        let value = first_number(&found.path)? * found.scale;
        let sample = Sample::Value { value, unit: Arc::clone(&found.unit), method: Arc::clone(&found.method) };
        self.found = Some(found);
        Ok(sample)
    }
}

fn kind_of(input: &str) -> Option<(&'static str, f64)> {
    KINDS.into_iter().find_map(|(kind, unit, scale)| {
        let digits = input.strip_prefix(kind)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some((unit, scale))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn probe(root: &tempfile::TempDir, chip: &str, input: &str) -> HwmonProbe {
        let host = Host { sys: root.path().to_owned(), proc: "/nowhere".into() };
        let settings = HwmonSettings { sensor: "s".into(), chip: chip.into(), input: input.into(), interval_ms: None };
        HwmonProbe::new(&settings, &host)
    }

    fn write(root: &tempfile::TempDir, file: &str, text: &str) {
        let path = root.path().join("class/hwmon").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn an_input_is_found_by_chip_and_name_or_label_and_again_when_chips_are_renumbered() {
        let root = tempfile::tempdir().unwrap();
        write(&root, "hwmon0/name", "acpitz\n");
        write(&root, "hwmon0/temp1_input", "1000");
        write(&root, "hwmon1/name", "k10temp\n");
        write(&root, "hwmon1/temp1_input", "45250\n");
        write(&root, "hwmon1/temp1_label", "Tctl\n");
        for input in ["temp1", "Tctl"] {
            let mut probe = probe(&root, "k10temp", input);
            let Sample::Value { value, unit, method } = probe.read(Instant::now()).unwrap() else { panic!() };
            assert_eq!((value, &*unit), (45.25, "celsius"));
            assert!(method.ends_with("hwmon1/temp1_input"));
        }
        let mut moved = probe(&root, "k10temp", "temp1");
        moved.read(Instant::now()).unwrap();
        fs::rename(root.path().join("class/hwmon/hwmon1"), root.path().join("class/hwmon/hwmon7")).unwrap();
        assert!(moved.read(Instant::now()).is_err());
        assert!(moved.read(Instant::now()).is_ok());
        let error = probe(&root, "k10temp", "fan1").read(Instant::now()).unwrap_err().to_string();
        assert!(error.contains("\"k10temp\"") && error.contains("\"fan1\""), "{error}");
    }

    #[test]
    fn names_of_inputs_are_told_from_labels() {
        for input in ["temp1", "in0", "fan12", "power3", "humidity1"] {
            assert!(kind_of(input).is_some(), "{input}");
        }
        for label in ["Tctl", "in", "temp", "tempo1", "../temp1", "power1_x"] {
            assert!(kind_of(label).is_none(), "{label}");
        }
    }
}
