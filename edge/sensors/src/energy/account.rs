//! The account of those who detect: reads the meter where a detection begins and ends, and says what it cost.
//!
//! # How a detection's cost is known
//!
//! - *Measured* (`rapl`, `hwmon`, `battery`): what the meter counted while the detection ran, divided among all
//!   detections that ran then and everything else that kept cores busy, by the mean of a second or, where detections
//!   are further apart, of the time between them. The idle draw of that time is within; of time in which nothing was
//!   detected nothing is.
//! - *Measured on GPUs* (`nvml`): likewise, but divided among detections alone.
//! - *Modelled* (`cpu-model`): the detection's processor time by the watts of a busy core, and its part of the idle
//!   draw where the settings say one.
//!
//! A board's sensor and a battery are as fast as their chip, which may give one number for many detections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Attribution, EnergyError, EnergyMeter, EnergyMethod, EnergySettings, SpanId};
use crate::cpu::machine_busy_s;
use crate::host::Host;
use crate::retry::Seldom;

/// Over how long the machine's busy cores are averaged at least; its ticks are 10 ms. There is no longest: where
/// detections are rare, a mean of all the time between says more of what else runs than none.
const BUSY_WINDOW: Duration = Duration::from_secs(1);

/// Shared by all who detect. Calls from several threads take turns, for as long as reading the meter takes.
pub struct EnergyAccount {
    method_name: &'static str,
    /// Parameters of the model, where it is in use.
    model: Option<ModelWatts>,
    books: Mutex<Books>,
}

/// What a frame cost, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameEnergy {
    /// Millijoules; nothing where it is not known.
    pub energy_mj: Option<f64>,
    /// The method, `none` where the cost is not known.
    pub method: &'static str,
}

/// What a camera's frames cost so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraEnergy {
    /// Millijoules of the frames whose cost is known.
    pub energy_mj: f64,
    /// How many those are.
    pub frames: u64,
    /// Frames whose cost is not known.
    pub unknown_frames: u64,
}

/// A detection that runs. One that is dropped, because it failed, costs its camera nothing.
#[must_use = "a detection that is not finished is charged to nobody"]
pub struct EnergySpan<'a> {
    account: &'a EnergyAccount,
    camera: Arc<str>,
    id: SpanId,
    is_finished: bool,
}

#[derive(Clone, Copy)]
struct ModelWatts {
    busy: f64,
    idle: f64,
}

struct Books {
    host: Host,
    meter: EnergyMeter,
    attribution: Attribution,
    busy: BusyCores,
    settled: Option<Instant>,
    cameras: BTreeMap<Arc<str>, CameraEnergy>,
    trouble: Seldom,
}

impl EnergyAccount {
    /// An account over the meter of these settings.
    ///
    /// # Errors
    /// Why a method that the settings name cannot be used, with the file. `auto` fails only where `gpu` is set and the
    /// driver has none.
    pub fn open(settings: &EnergySettings, host: &Host) -> Result<Self, EnergyError> {
        Ok(Self::over(EnergyMeter::open(settings, host)?, settings, host))
    }

    fn over(meter: EnergyMeter, settings: &EnergySettings, host: &Host) -> Self {
        let busy = settings.busy_watts.filter(|_| meter.method() == EnergyMethod::CpuModel);
        Self {
            method_name: meter.method_name(),
            model: busy.map(|busy| ModelWatts { busy, idle: settings.idle_watts }),
            books: Mutex::new(Books {
                host: host.clone(),
                meter,
                attribution: Attribution::default(),
                busy: BusyCores::default(),
                settled: None,
                cameras: BTreeMap::new(),
                trouble: Seldom::default(),
            }),
        }
    }

    /// The name of the method that is in use, the GPU's part included, as frames carry it.
    pub fn method_name(&self) -> &'static str {
        self.method_name
    }

    /// Why better methods are not in use, an error and its sources on a line each.
    pub fn passed_over(&self) -> Vec<String> {
        self.lock().meter.passed_over().iter().map(|error| crate::error::chain(error)).collect()
    }

    /// A detection of a camera begins, on so many threads.
    pub fn begin(&self, camera: &Arc<str>, threads: usize, now: Instant) -> EnergySpan<'_> {
        let mut books = self.lock();
        books.settle(self.model, now);
        let id = books.attribution.begin(threads);
        EnergySpan { account: self, camera: Arc::clone(camera), id, is_finished: false }
    }

    /// What each camera's frames cost so far; cameras that have finished none are missing.
    pub fn cameras(&self) -> BTreeMap<Arc<str>, CameraEnergy> {
        self.lock().cameras.clone()
    }

    /// Millijoules of all cameras so far; nothing where the method is `none`.
    pub fn total_mj(&self) -> Option<f64> {
        let total = || self.lock().cameras.values().map(|camera| camera.energy_mj).sum();
        (self.method_name != EnergyMethod::None.name(false)).then(total)
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EnergySpan<'_> {
    /// The detection has ended. `cpu` is the processor time it took on all its threads, which the model charges; where
    /// that was not measured, its duration times its threads is the most it can be.
    pub fn finish(mut self, cpu: Duration, now: Instant) -> FrameEnergy {
        self.is_finished = true;
        let account = self.account;
        let mut books = account.lock();
        books.settle(account.model, now);
        let shared = books.attribution.finish(self.id);
        let modelled = account.model.map_or(0.0, |watts| watts.busy * cpu.as_secs_f64());
        let energy_mj = shared.map(|shared| (shared + modelled) * 1e3);
        let camera = books.cameras.entry(Arc::clone(&self.camera)).or_default();
        match energy_mj {
            Some(energy_mj) => {
                camera.energy_mj += energy_mj;
                camera.frames += 1;
            }
            None => camera.unknown_frames += 1,
        }
        let method = if energy_mj.is_some() { account.method_name } else { EnergyMethod::None.name(false) };
        FrameEnergy { energy_mj, method }
    }
}

impl Drop for EnergySpan<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            let mut books = self.account.lock();
            // Its part of what comes until the next reading goes to whoever runs then.
            books.attribution.finish(self.id);
        }
    }
}

impl Books {
    /// Brings the attribution up to now.
    fn settle(&mut self, model: Option<ModelWatts>, now: Instant) {
        // Who waited for a turn comes with a time before that of whoever had it.
        let now = self.settled.map_or(now, |before| before.max(now));
        let elapsed = self.settled.replace(now).map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        let read = match model {
            // Busy time is charged by each detection's own; the machine's ticks are too coarse for it.
            Some(watts) => {
                let idle_joules = watts.idle * elapsed.as_secs_f64();
                self.meter.read_gpus(now).map(|gpu_joules| (Some(idle_joules), gpu_joules))
            }
            None => self.meter.read_apart(now).map(|apart| (apart.box_joules, apart.gpu_joules)),
        };
        let (box_joules, gpu_joules) = read.unwrap_or_else(|error| {
            if let Some(unsaid) = self.trouble.failed(now) {
                let reason = crate::error::chain(&error);
                tracing::warn!(method = self.meter.method_name(), %reason, unsaid, "energy not measured");
            }
            (None, None)
        });
        let machine_busy_cores = if model.is_some() { None } else { self.busy.at(now, || machine_busy_s(&self.host)) };
        self.attribution.advance(box_joules, machine_busy_cores);
        // Busy cores say nothing of the GPUs, which were said to be there for detection.
        self.attribution.advance(gpu_joules, None);
    }
}

/// How many cores were busy, on the mean between the last two readings that lie at least [`BUSY_WINDOW`] apart: one is
/// taken when somebody asks, however long after the one before.
#[derive(Default)]
struct BusyCores {
    before: Option<(f64, Instant)>,
    cores: Option<f64>,
}

impl BusyCores {
    fn at(&mut self, now: Instant, busy_s: impl FnOnce() -> Option<f64>) -> Option<f64> {
        let elapsed = self.before.map(|(_, before)| now.saturating_duration_since(before));
        if elapsed.is_some_and(|elapsed| elapsed < BUSY_WINDOW) {
            return self.cores;
        }
        let busy_s = busy_s();
        self.cores = self.before.zip(busy_s).map(|((busy_before_s, before), busy_s)| {
            (busy_s - busy_before_s).max(0.0) / now.saturating_duration_since(before).as_secs_f64()
        });
        self.before = busy_s.map(|busy_s| (busy_s, now));
        self.cores
    }
}

#[cfg(test)]
mod tests;
