//! The meter of a box: finds the method, and reads it.

use std::time::{Duration, Instant};

use super::battery::Batteries;
use super::gpu::Gpus;
use super::hwmon::Board;
use super::model::Model;
use super::rapl::Rapl;
use super::{EnergyError, EnergyMethod, EnergySettings, MethodChoice};
use crate::host::Host;

/// Gives joules between two readings. Several meters of a box do not disturb each other.
pub(crate) struct EnergyMeter {
    method: EnergyMethod,
    gauge: Gauge,
    gpus: Option<Gpus>,
    passed_over: Vec<EnergyError>,
    before: Option<Instant>,
}

enum Gauge {
    Rapl(Rapl),
    Board(Board),
    Batteries(Batteries),
    Model(Model),
    Nothing,
}

/// What was consumed since the reading before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spent {
    /// Joules. Nothing at the first reading, after a counter began anew, after a gap in which it may have wrapped more
    /// than once, on a charger, and with the method `none`.
    pub(crate) joules: Option<f64>,
    /// Time since the reading before; 0 at the first.
    pub(crate) elapsed: Duration,
}

/// What the box and its GPUs consumed, each as in [`Spent`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Apart {
    pub(crate) box_joules: Option<f64>,
    pub(crate) gpu_joules: Option<f64>,
    pub(crate) elapsed: Duration,
}

impl Spent {
    /// The mean power of the time between, watts.
    pub(crate) fn watts(&self) -> Option<f64> {
        let elapsed_s = self.elapsed.as_secs_f64();
        self.joules.filter(|_| elapsed_s > 0.0).map(|joules| joules / elapsed_s)
    }
}

impl EnergyMeter {
    /// Finds the method that the settings name, or the best of this box.
    ///
    /// # Errors
    /// Why a method that is named cannot be used, with the file. `auto` fails only where `gpu` is set and the driver
    /// has none; why better methods were passed over is in [`EnergyMeter::passed_over`].
    pub(crate) fn open(settings: &EnergySettings, host: &Host) -> Result<Self, EnergyError> {
        let mut passed_over = Vec::new();
        let (method, gauge) = match settings.method {
            MethodChoice::Auto => best(settings, host, &mut passed_over),
            MethodChoice::Rapl => (EnergyMethod::Rapl, Gauge::Rapl(Rapl::open(host)?)),
            MethodChoice::Hwmon => (EnergyMethod::Hwmon, Gauge::Board(Board::open(host, &settings.rails)?)),
            MethodChoice::Battery => (EnergyMethod::Battery, Gauge::Batteries(Batteries::open(host)?)),
            MethodChoice::CpuModel => (EnergyMethod::CpuModel, model(settings, host)?),
            MethodChoice::None => (EnergyMethod::None, Gauge::Nothing),
        };
        let wants_gpu = settings.gpu && settings.method != MethodChoice::None;
        let gpus = if wants_gpu { Some(Gpus::open(None)?) } else { None };
        Ok(Self { method, gauge, gpus, passed_over, before: None })
    }

    /// A meter of NVIDIA's GPUs alone.
    ///
    /// # Errors
    /// Why the driver cannot be asked.
    pub(crate) fn of_gpus() -> Result<Self, EnergyError> {
        let gpus = Some(Gpus::open(None)?);
        Ok(Self { method: EnergyMethod::None, gauge: Gauge::Nothing, gpus, passed_over: Vec::new(), before: None })
    }

    /// The method that is in use.
    pub(crate) fn method(&self) -> EnergyMethod {
        self.method
    }

    /// Its name as it stands beside a value, the GPU's part included.
    pub(crate) fn method_name(&self) -> &'static str {
        self.method.name(self.gpus.is_some())
    }

    /// Why methods that would have been better are not in use, for somebody to read once.
    pub(crate) fn passed_over(&self) -> &[EnergyError] {
        &self.passed_over
    }

    /// What was consumed since the call before. Call it at least twice a minute, because the smallest counters may wrap
    /// in that time and a power is only known at the moment of reading. With NVML or several packages it takes some
    /// tens of microseconds or more.
    ///
    /// # Errors
    /// The file that cannot be read. The next call tries again, and begins as the first one does.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Spent, EnergyError> {
        let Apart { box_joules, gpu_joules, elapsed } = self.read_apart(now)?;
        let joules = box_joules.zip(gpu_joules).map(|(of_box, of_gpus)| of_box + of_gpus);
        Ok(Spent { joules, elapsed })
    }

    /// As [`EnergyMeter::read`], the GPUs apart from the box.
    pub(crate) fn read_apart(&mut self, now: Instant) -> Result<Apart, EnergyError> {
        // Stays taken when a part fails: another part may have gone on alone.
        let before = self.before.take();
        let gauge = match &mut self.gauge {
            Gauge::Rapl(rapl) => rapl.read(now),
            Gauge::Board(board) => board.read(now),
            Gauge::Batteries(batteries) => batteries.read(now),
            Gauge::Model(model) => model.read(now),
            Gauge::Nothing if self.gpus.is_some() => Ok(Some(0.0)),
            Gauge::Nothing => Ok(None),
        };
        let gpus = self.gpus.as_mut().map_or(Ok(Some(0.0)), |gpus| gpus.read(now));
        let (gauge, gpus) = (gauge?, gpus?);
        self.before = Some(now);
        let Some(before) = before else { return Ok(Apart::default()) };
        let elapsed = now.saturating_duration_since(before);
        Ok(Apart { box_joules: gauge, gpu_joules: gpus, elapsed })
    }

    /// Joules of the GPUs alone since the reading before, for those who know what the processor costs from a model.
    pub(crate) fn read_gpus(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        let before = self.before.take();
        let gpus = self.gpus.as_mut().map_or(Ok(Some(0.0)), |gpus| gpus.read(now))?;
        self.before = Some(now);
        Ok(gpus.filter(|_| before.is_some()))
    }

    #[cfg(test)]
    pub(crate) fn with_gpus(self, gpus: Gpus) -> Self {
        Self { gpus: Some(gpus), ..self }
    }
}

fn best(settings: &EnergySettings, host: &Host, passed_over: &mut Vec<EnergyError>) -> (EnergyMethod, Gauge) {
    // Rails that are named are wanted before anything else.
    let rapl = || Rapl::open(host).map(|rapl| (EnergyMethod::Rapl, Gauge::Rapl(rapl)));
    let board = || Board::open(host, &settings.rails).map(|board| (EnergyMethod::Hwmon, Gauge::Board(board)));
    let tries: [&dyn Fn() -> Result<(EnergyMethod, Gauge), EnergyError>; 2] =
        if settings.rails.is_empty() { [&rapl, &board] } else { [&board, &rapl] };
    for attempt in tries {
        match attempt() {
            Ok(found) => return found,
            Err(error) => passed_over.push(error),
        }
    }
    match model(settings, host) {
        Ok(model) => (EnergyMethod::CpuModel, model),
        Err(error) => {
            passed_over.push(error);
            (EnergyMethod::None, Gauge::Nothing)
        }
    }
}

fn model(settings: &EnergySettings, host: &Host) -> Result<Gauge, EnergyError> {
    let busy_watts = settings.busy_watts.ok_or(EnergyError::NoBusyWatts)?;
    Ok(Gauge::Model(Model::open(host, busy_watts, settings.idle_watts)?))
}

#[cfg(test)]
mod tests;
