//! What batteries give (kernel documentation: `ABI/testing/sysfs-class-power`): a power in microwatts, or a current in
//! microamperes and a voltage in microvolts. While the box hangs on a charger nothing of this says what the box draws.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::EnergyError;
use super::counter::Power;
use super::hwmon::read_number;
use crate::host::{Host, entries, read_name};

/// All batteries of the box, not those of its keyboard.
pub(crate) struct Batteries {
    batteries: Vec<PathBuf>,
    power: Power,
}

impl Batteries {
    /// Finds the batteries.
    pub(crate) fn open(host: &Host) -> Result<Self, EnergyError> {
        let folder = host.sys.join("class/power_supply");
        let feeds_the_box = |supply: &PathBuf| {
            let says = |file: &str, word: &str| read_name(&supply.join(file)).is_some_and(|text| text == word);
            says("type", "Battery") && !says("scope", "Device")
        };
        let batteries: Vec<PathBuf> = entries(&folder, "").into_iter().filter(feeds_the_box).collect();
        if batteries.is_empty() {
            let missing = format!("{} has no battery", folder.display());
            return Err(EnergyError::Absent { method: "battery", missing });
        }
        Ok(Self { batteries, power: Power::default() })
    }

    /// Joules since the reading before; nothing while the box hangs on a charger.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        match self.watts()? {
            Some(watts) => Ok(self.power.advance(watts, now)),
            None => {
                self.power = Power::default();
                Ok(None)
            }
        }
    }

    fn watts(&self) -> Result<Option<f64>, EnergyError> {
        let status = |battery: &PathBuf| read_name(&battery.join("status")).unwrap_or_default();
        if self.batteries.iter().any(|battery| status(battery) == "Charging") {
            return Ok(None);
        }
        let giving = self.batteries.iter().filter(|battery| status(battery) == "Discharging");
        let watts: Vec<f64> = giving.map(|battery| watts_of(battery)).collect::<Result<_, _>>()?;
        Ok(if watts.is_empty() { None } else { Some(watts.iter().sum()) })
    }
}

/// Some drivers give a current that flows out a sign, some do not.
fn watts_of(battery: &Path) -> Result<f64, EnergyError> {
    let power = battery.join("power_now");
    if power.exists() {
        return Ok(read_number(&power)?.abs() / 1e6);
    }
    let amperes = read_number(&battery.join("current_now"))? / 1e6;
    let volts = read_number(&battery.join("voltage_now"))? / 1e6;
    Ok((amperes * volts).abs())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            set(&root, file, text);
        }
        let host = Host { sys: root.path().to_owned(), proc: "/nowhere".into() };
        (root, host)
    }

    fn set(root: &tempfile::TempDir, file: &str, text: &str) {
        let path = root.path().join("class/power_supply").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    #[test]
    fn batteries_that_discharge_are_added_up() {
        let (root, host) = tree(&[
            ("AC/type", "Mains"),
            ("BAT0/type", "Battery"),
            ("BAT0/status", "Discharging"),
            ("BAT0/power_now", "8000000"),
            ("BAT1/type", "Battery"),
            ("BAT1/status", "Discharging"),
            ("BAT1/current_now", "-500000"),
            ("BAT1/voltage_now", "12000000"),
            ("hidpp_battery_0/type", "Battery"),
            ("hidpp_battery_0/scope", "Device"),
            ("hidpp_battery_0/status", "Discharging"),
        ]);
        let start = Instant::now();
        let mut batteries = Batteries::open(&host).unwrap();
        assert_eq!(batteries.read(start).unwrap(), None);
        assert_eq!(batteries.read(start + Duration::from_secs(3)).unwrap(), Some(42.0));
        set(&root, "BAT1/status", "Charging");
        assert_eq!(batteries.read(start + Duration::from_secs(4)).unwrap(), None);
        set(&root, "BAT1/status", "Not charging");
        assert_eq!(batteries.read(start + Duration::from_secs(5)).unwrap(), None, "the first after the charger");
        assert_eq!(batteries.read(start + Duration::from_secs(6)).unwrap(), Some(8.0));
        set(&root, "BAT0/status", "Full");
        assert_eq!(batteries.read(start + Duration::from_secs(7)).unwrap(), None);
    }

    #[test]
    fn a_box_without_a_battery_says_so() {
        let (_root, host) = tree(&[("AC/type", "Mains")]);
        assert!(Batteries::open(&host).err().unwrap().to_string().contains("class/power_supply has no battery"));
    }
}
