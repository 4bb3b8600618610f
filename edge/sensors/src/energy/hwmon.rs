//! Sensors on the board that measure what it draws (kernel documentation: `hwmon/sysfs-interface.rst`,
//! `hwmon/ina2xx.rst`, `hwmon/ina3221.rst`): a power in microwatts, or a voltage in millivolts with the current in
//! milliamperes of the same number, as on NVIDIA's Jetson.
//!
//! Only chips that are known to stand in a board's supply are taken of themselves: a disk or a GPU has a power sensor
//! too. Others are taken when the settings name their rails.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::EnergyError;
use super::counter::Power;
use crate::host::{Host, entries, read_name, read_text};

/// Channels of a chip that are looked for.
const CHANNELS: std::ops::RangeInclusive<u32> = 1..=8;

/// Channels of which voltage and current are one rail's. Beyond them an INA3221 shows the voltages over its shunts, and
/// as its fourth current the sum of all.
const PAIRED_CHANNELS: std::ops::RangeInclusive<u32> = 1..=3;

/// The rails that are added up.
pub(crate) struct Board {
    rails: Vec<Rail>,
    power: Power,
}

struct Rail {
    label: Option<String>,
    reads: Reads,
}

enum Reads {
    /// Microwatts.
    Power(PathBuf),
    /// Millivolts and milliamperes.
    VoltsAndAmperes(PathBuf, PathBuf),
}

impl Board {
    /// Finds the rails of these labels, or those that measure the board, and reads each once.
    pub(crate) fn open(host: &Host, labels: &[String]) -> Result<Self, EnergyError> {
        let folder = host.sys.join("class/hwmon");
        let chips = entries(&folder, "hwmon");
        let rails = if labels.is_empty() { board_rails(&chips) } else { named_rails(&chips, labels, &folder)? };
        if rails.is_empty() {
            let missing = format!("{} has no chip that is known to measure a board", folder.display());
            return Err(EnergyError::Absent { method: "hwmon", missing });
        }
        let board = Self { rails, power: Power::default() };
        board.watts()?;
        Ok(board)
    }

    /// Joules since the reading before.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        let watts = self.watts()?;
        Ok(self.power.advance(watts, now))
    }

    fn watts(&self) -> Result<f64, EnergyError> {
        self.rails.iter().map(Rail::watts).sum()
    }
}

impl Rail {
    fn watts(&self) -> Result<f64, EnergyError> {
        let watts = match &self.reads {
            Reads::Power(power) => read_number(power)? / 1e6,
            Reads::VoltsAndAmperes(volts, amperes) => read_number(volts)? / 1e3 * (read_number(amperes)? / 1e3),
        };
        // A shunt's offset makes a rail without load a little negative.
        Ok(watts.max(0.0))
    }
}

/// The rail through which all others are fed where a label says so, else all of the first chip.
fn board_rails(chips: &[PathBuf]) -> Vec<Rail> {
    let measures_a_board = |chip: &&PathBuf| {
        read_name(&chip.join("name")).is_some_and(|name| name.starts_with("ina") || name == "power_meter")
    };
    let mut first = Vec::new();
    for chip in chips.iter().filter(measures_a_board) {
        let mut rails = rails_of(chip);
        let feeds_all = |rail: &Rail| rail.label.as_ref().is_some_and(|label| label.ends_with("_IN"));
        if let Some(index) = rails.iter().position(feeds_all) {
            return vec![rails.swap_remove(index)];
        }
        if first.is_empty() {
            first = rails;
        }
    }
    first
}

fn named_rails(chips: &[PathBuf], labels: &[String], folder: &Path) -> Result<Vec<Rail>, EnergyError> {
    let mut rails: Vec<Rail> = chips.iter().flat_map(|chip| rails_of(chip)).collect();
    let known: Vec<String> = rails.iter().filter_map(|rail| rail.label.clone()).collect();
    if let Some(missing) = labels.iter().find(|label| !known.contains(label)) {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let missing = format!("{} has no rail {missing:?} (it has {known})", folder.display());
        return Err(EnergyError::Absent { method: "hwmon", missing });
    }
    rails.retain(|rail| rail.label.as_ref().is_some_and(|label| labels.contains(label)));
    Ok(rails)
}

fn rails_of(chip: &Path) -> Vec<Rail> {
    let file = |name: String| Some(chip.join(name)).filter(|path| path.exists());
    let of_channel = |channel: u32| {
        let is_off = |kind: &str| read_name(&chip.join(format!("{kind}{channel}_enable"))).is_some_and(|on| on == "0");
        let label = |kind: &str| read_name(&chip.join(format!("{kind}{channel}_label")));
        let power =
            file(format!("power{channel}_input")).or_else(|| file(format!("power{channel}_average"))).map(Reads::Power);
        if let Some(reads) = power {
            return (!is_off("power")).then(|| Rail { label: label("power"), reads });
        }
        if !PAIRED_CHANNELS.contains(&channel) {
            return None;
        }
        let volts = file(format!("in{channel}_input"))?;
        let amperes = file(format!("curr{channel}_input"))?;
        (!is_off("in")).then(|| Rail { label: label("in"), reads: Reads::VoltsAndAmperes(volts, amperes) })
    };
    CHANNELS.filter_map(of_channel).collect()
}

/// The number that a file of sysfs holds.
pub(crate) fn read_number(path: &Path) -> Result<f64, EnergyError> {
    let text = read_text(path).map_err(|source| EnergyError::Read { path: path.to_owned(), source })?;
    let number: i64 = text.trim().parse().map_err(|_| EnergyError::garbage(path, "number", &text))?;
    Ok(number as f64)
}

#[cfg(test)]
mod tests;
