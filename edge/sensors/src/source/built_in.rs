//! What a box measures about itself: temperature, load, memory, power.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::file::first_number;
use super::{Probe, Sample};
use crate::energy::{EnergyError, EnergyMeter, EnergySettings, Spent};
use crate::error::SourceError;
use crate::host::{Host, entries, read_name, read_text};
use crate::settings::BuiltIn;

/// Chips whose `temp1` is the processor's.
const PROCESSOR_CHIPS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

/// What is in the names of a processor's thermal zones: `x86_pkg_temp`, `cpu-thermal`, `soc_thermal`,
/// `bcm2835_thermal`.
const PROCESSOR_ZONES: [&str; 4] = ["cpu", "pkg", "soc", "bcm"];

/// Over less than this the steps of counters are seen more than the power.
const POWER_INTERVAL_MIN: Duration = Duration::from_millis(90);

/// What reads a built-in sensor.
///
/// # Errors
/// Where the settings name a method of energy that the box does not have.
pub(crate) fn probe(
    built_in: BuiltIn,
    host: &Host,
    energy: &EnergySettings,
    now: Instant,
) -> Result<Box<dyn Probe>, EnergyError> {
    Ok(match built_in {
        BuiltIn::CpuTemperature => Box::new(Temperature { host: host.clone() }),
        BuiltIn::Load1m => Box::new(Load { path: host.proc.join("loadavg") }),
        BuiltIn::MemoryUsed => Box::new(Memory { path: host.proc.join("meminfo") }),
        BuiltIn::Power => {
            let meter = EnergyMeter::open(energy, host)?;
            Box::new(Power::new(built_in, Some(meter).filter(|meter| meter.method_name() != "none"), now))
        }
        BuiltIn::GpuPower => Box::new(Power::new(built_in, EnergyMeter::of_gpus().ok(), now)),
    })
}

fn value(value: f64, built_in: BuiltIn, method: &str) -> Sample {
    Sample::Value { value, unit: built_in.unit().into(), method: method.into() }
}

struct Temperature {
    host: Host,
}

impl Temperature {
    /// Of a chip in the processor, else of a zone around it. A zone that names neither is something else's temperature.
    fn file(&self) -> Option<PathBuf> {
        let says = |path: PathBuf| read_name(&path).unwrap_or_default().to_ascii_lowercase();
        let is_chip = |chip: &PathBuf| PROCESSOR_CHIPS.contains(&says(chip.join("name")).as_str());
        let chips = entries(&self.host.sys.join("class/hwmon"), "hwmon");
        let of_chip = chips.into_iter().filter(is_chip).map(|chip| chip.join("temp1_input"));
        let zones = entries(&self.host.sys.join("class/thermal"), "thermal_zone");
        let is_zone = |zone: &PathBuf| {
            let kind = says(zone.join("type"));
            PROCESSOR_ZONES.iter().any(|name| kind.contains(name))
        };
        let of_zone = zones.into_iter().filter(is_zone).map(|zone| zone.join("temp"));
        of_chip.chain(of_zone).find(|file| file.exists())
    }
}

impl Probe for Temperature {
    fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
        let Some(file) = self.file() else { return Ok(Sample::Absent) };
        let millidegrees = first_number(&file)?;
        Ok(value(millidegrees / 1e3, BuiltIn::CpuTemperature, &file.to_string_lossy()))
    }
}

struct Load {
    path: PathBuf,
}

impl Probe for Load {
    fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
        if !self.path.exists() {
            return Ok(Sample::Absent);
        }
        Ok(value(first_number(&self.path)?, BuiltIn::Load1m, &self.path.to_string_lossy()))
    }
}

struct Memory {
    path: PathBuf,
}

impl Probe for Memory {
    fn read(&mut self, _now: Instant) -> Result<Sample, SourceError> {
        let Ok(text) = read_text(&self.path) else { return Ok(Sample::Absent) };
        // Kernels before 3.14 do not say what is available.
        let (Some(total), Some(available)) = (kibibytes(&text, "MemTotal:"), kibibytes(&text, "MemAvailable:")) else {
            return Ok(Sample::Absent);
        };
        let used_bytes = (total - available).max(0.0) * 1024.0;
        Ok(value(used_bytes, BuiltIn::MemoryUsed, &self.path.to_string_lossy()))
    }
}

fn kibibytes(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes as f64)
}

/// The mean power since the last reading, or of as much of that time as is known.
struct Power {
    built_in: BuiltIn,
    /// Nothing where the box has none.
    meter: Option<EnergyMeter>,
    /// When it was read last; nothing where that failed.
    looked: Option<Instant>,
    joules: f64,
    measured: Duration,
}

impl Power {
    fn new(built_in: BuiltIn, mut meter: Option<EnergyMeter>, now: Instant) -> Self {
        // The first interval begins here. That it fails is seen at the next reading.
        let looked = meter.as_mut().and_then(|meter| meter.read(now).ok()).map(|_| now);
        Self { built_in, meter, looked, joules: 0.0, measured: Duration::ZERO }
    }

    fn look(&mut self, now: Instant) -> Result<(), EnergyError> {
        let Some(meter) = &mut self.meter else { return Ok(()) };
        if self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < POWER_INTERVAL_MIN) {
            return Ok(());
        }
        self.looked = None;
        let spent = meter.read(now)?;
        self.looked = Some(now);
        if let Some(joules) = spent.joules {
            self.joules += joules;
            self.measured += spent.elapsed;
        }
        Ok(())
    }
}

impl Probe for Power {
    fn read(&mut self, now: Instant) -> Result<Sample, SourceError> {
        self.look(now).map_err(|source| SourceError::Energy { source: Box::new(source) })?;
        let Some(meter) = &self.meter else { return Ok(Sample::Absent) };
        let spent =
            Spent { joules: Some(std::mem::take(&mut self.joules)), elapsed: std::mem::take(&mut self.measured) };
        Ok(spent.watts().map_or(Sample::NotNow, |watts| value(watts, self.built_in, meter.method_name())))
    }

    fn watch(&mut self, now: Instant) {
        // What fails here is said at the next reading if it fails still; the time between is not in the mean.
        let _ = self.look(now);
    }
}

#[cfg(test)]
mod tests;
