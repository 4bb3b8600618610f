//! NVIDIA's GPUs by NVML, the driver's own library, which is looked for when it is first needed: a box without it runs
//! the same program.
//!
//! Newer GPUs (since Volta) count millijoules; of older ones the power of the moment is read. What is counted is the
//! whole GPU, whoever uses it.

use std::ffi::OsStr;
use std::time::Instant;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use super::EnergyError;
use super::counter::{Counter, Power};

/// All GPUs of the box.
pub(crate) struct Gpus {
    nvml: Nvml,
    gpus: Vec<Gpu>,
}

struct Gpu {
    index: u32,
    gauge: Gauge,
}

enum Gauge {
    Counts(Counter),
    Draws(Power),
}

impl Gpus {
    /// Loads the library and finds the GPUs; a path instead of the usual name is for tests.
    pub(crate) fn open(library: Option<&OsStr>) -> Result<Self, EnergyError> {
        let nvml = match library {
            Some(path) => Nvml::builder().lib_path(path).init(),
            None => Nvml::init(),
        };
        let nvml = nvml.map_err(asking("its library"))?;
        let count = nvml.device_count().map_err(asking("the number of gpus"))?;
        let mut gpus = Vec::new();
        for index in 0..count {
            let gauge = match energy_mj(&nvml, index) {
                Ok(_) => Gauge::Counts(Counter::new(None)),
                Err(_) => {
                    power_mw(&nvml, index).map_err(asking(&format!("the power of gpu {index}")))?;
                    Gauge::Draws(Power::default())
                }
            };
            gpus.push(Gpu { index, gauge });
        }
        if gpus.is_empty() {
            return Err(EnergyError::Absent { method: "nvml", missing: "the driver knows no gpu".to_owned() });
        }
        Ok(Self { nvml, gpus })
    }

    /// Joules of all GPUs since the reading before; nothing where that is not known of each.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        let mut sum = Some(0.0);
        for Gpu { index, gauge } in &mut self.gpus {
            let joules = match gauge {
                Gauge::Counts(counter) => {
                    let energy_mj = energy_mj(&self.nvml, *index);
                    let energy_mj = energy_mj.map_err(asking(&format!("the energy of gpu {index}")))?;
                    counter.advance(energy_mj.saturating_mul(1000), now)
                }
                Gauge::Draws(power) => {
                    let power_mw = power_mw(&self.nvml, *index);
                    let power_mw = power_mw.map_err(asking(&format!("the power of gpu {index}")))?;
                    power.advance(f64::from(power_mw) / 1e3, now)
                }
            };
            sum = sum.zip(joules).map(|(sum, joules)| sum + joules);
        }
        Ok(sum)
    }
}

fn energy_mj(nvml: &Nvml, index: u32) -> Result<u64, NvmlError> {
    nvml.device_by_index(index)?.total_energy_consumption()
}

fn power_mw(nvml: &Nvml, index: u32) -> Result<u32, NvmlError> {
    nvml.device_by_index(index)?.power_usage()
}

fn asking(what: &str) -> impl FnOnce(NvmlError) -> EnergyError {
    move |source| EnergyError::Nvml { what: what.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
pub(super) mod tests;
