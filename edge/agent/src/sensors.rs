//! The device's own sensors: the temperature of its processor and its load. Where the device has no such file the value is
//! made up, and the method says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_proto::batch::sensors::SensorRow;

/// The method of a value that nobody measured.
pub(crate) const METHOD_SYNTHETIC: &str = "synthetic";

/// Where the kernel shows its sensors.
#[derive(Clone, Debug)]
pub(crate) struct SensorFiles {
    thermal: PathBuf,
    loadavg: PathBuf,
}

impl Default for SensorFiles {
    fn default() -> Self {
        Self { thermal: "/sys/class/thermal".into(), loadavg: "/proc/loadavg".into() }
    }
}

impl SensorFiles {
    /// Reads all of them; a row a sensor.
    pub(crate) fn read(&self, device_id: &str, ts: i64) -> Vec<SensorRow> {
        let device_id: Arc<str> = device_id.into();
        let row = |sensor: &str, unit: &str, found: Option<(f64, PathBuf)>, made_up: f64| {
            let (value, method) = match found {
                Some((value, path)) => (value, path.display().to_string()),
                None => (made_up, METHOD_SYNTHETIC.to_owned()),
            };
            let device_id = Arc::clone(&device_id);
            SensorRow { device_id, ts, sensor: sensor.into(), value, unit: unit.into(), method: method.into() }
        };
        // A day's swing, so that a chart of made-up values moves.
        let swing = (ts as f64 / 86_400_000.0 * std::f64::consts::TAU).sin();
        vec![
            row("cpu_temperature", "celsius", self.temperature(), 45.0 + 5.0 * swing),
            row("load_1m", "processes", self.load(), 0.5 + 0.4 * swing),
        ]
    }

    /// The zone of the processor, or the first one where none says that it is.
    fn temperature(&self) -> Option<(f64, PathBuf)> {
        let mut zones: Vec<PathBuf> = fs::read_dir(&self.thermal).ok()?.flatten().map(|entry| entry.path()).collect();
        zones.retain(|zone| zone.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone")));
        zones.sort();
        let is_processor = |zone: &&PathBuf| {
            let kind = fs::read_to_string(zone.join("type")).unwrap_or_default().to_ascii_lowercase();
            ["cpu", "pkg", "soc"].iter().any(|name| kind.contains(name))
        };
        let path = zones.iter().find(is_processor).or(zones.first())?.join("temp");
        let millidegrees: f64 = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        Some((millidegrees / 1000.0, path))
    }

    fn load(&self) -> Option<(f64, PathBuf)> {
        let text = fs::read_to_string(&self.loadavg).ok()?;
        Some((first_number(&text)?, Path::new(&self.loadavg).to_owned()))
    }
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_found_among_the_zones() {
        let root = tempfile::tempdir().unwrap();
        for (zone, kind, temp) in [("thermal_zone0", "acpitz", "27800"), ("thermal_zone1", "x86_pkg_temp", "51500")] {
            let zone = root.path().join(zone);
            fs::create_dir(&zone).unwrap();
            fs::write(zone.join("type"), kind).unwrap();
            fs::write(zone.join("temp"), format!("{temp}\n")).unwrap();
        }
        let loadavg = root.path().join("loadavg");
        fs::write(&loadavg, "0.75 0.50 0.25 1/234 5678\n").unwrap();
        let rows = SensorFiles { thermal: root.path().to_owned(), loadavg }.read("north", 7);
        assert_eq!((rows[0].value, &*rows[0].unit), (51.5, "celsius"));
        assert!(rows[0].method.ends_with("thermal_zone1/temp"), "{}", rows[0].method);
        assert_eq!((rows[1].value, rows[1].ts), (0.75, 7));
    }

    #[test]
    fn a_device_without_sensors_says_that_its_values_are_made_up() {
        let nowhere = PathBuf::from("/nowhere");
        let rows = SensorFiles { thermal: nowhere.clone(), loadavg: nowhere }.read("north", 0);
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| &*row.method == METHOD_SYNTHETIC));
    }
}
