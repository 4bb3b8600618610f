//! The sensors of a box, running: owns their threads and takes them down.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::energy::EnergySettings;
use crate::error::SensorsError;
use crate::feed::{Outlet, Queue, SourceCounters, SourceState};
use crate::host::Host;
use crate::reading::Reading;
use crate::settings::{BuiltIn, SensorSettings, SourceSettings};
use crate::source::mqtt::{self, Mqtt};
use crate::source::polled::{self, Polled};
use crate::source::replay::{self, Replay};
use crate::source::serial::{self, Serial};
use crate::source::{FileProbe, HwmonProbe, Probe, built_in_probe};
use crate::stop::Stop;

/// Running sensors. One thread asks what can be asked, one after the other; serial devices, brokers and files that are
/// played have one each. A source that fails never keeps another from its work. It is tried again: what is asked at its
/// interval, all else with a growing delay. Dropping this stops them and waits for them: for a quarter of a second, or
/// for as long as the kernel takes for a file or the resolver for a broker's name.
pub struct Sensors {
    queue: Arc<Queue>,
    stop: Arc<Stop>,
    states: Vec<Arc<SourceState>>,
    threads: Vec<JoinHandle<()>>,
}

impl Sensors {
    /// Checks the settings and starts. A device, a file or a broker that is away does not keep it from starting.
    ///
    /// # Errors
    /// Every setting that makes no sense; a method of energy that is named and that the box does not have.
    pub fn open(settings: &SensorSettings, energy: &EnergySettings, host: &Host) -> Result<Self, SensorsError> {
        let mut problems = settings.problems();
        problems.extend(energy.problems());
        if !problems.is_empty() {
            return Err(SensorsError::Settings { problems });
        }
        let queue = Queue::new(settings.queue_readings);
        let mut sensors = Self { queue, stop: Arc::default(), states: Vec::new(), threads: Vec::new() };
        if settings.enabled {
            sensors.start_polled(settings, energy, host)?;
            for source in &settings.sources {
                sensors.start(source)?;
            }
        }
        Ok(sensors)
    }

    /// Waits up to `patience` for a reading and then up to `linger` for others, and takes all there are; fewer waits
    /// where the queue fills. Empty where none came in time. Nothing once every source has ended, which is after
    /// [`Sensors::stop`], or where there is none but files that were played to their end.
    ///
    /// It blocks; call it on a thread that may.
    pub fn take(&self, patience: Duration, linger: Duration) -> Option<Vec<Reading>> {
        self.queue.take(patience, linger)
    }

    /// What was counted of each source since the start, built-in sensors that the box lacks included; always the same
    /// sources in the same order. Cheap enough for every scrape of metrics.
    pub fn counters(&self) -> Vec<SourceCounters> {
        self.states.iter().map(|state| state.counters()).collect()
    }

    /// Readings that were let go because nobody took them in time.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Tells all sources to end; [`Sensors::take`] then gives the rest and after it nothing. From any thread, at once.
    pub fn stop(&self) {
        self.stop.stop();
    }

    fn start_polled(
        &mut self,
        settings: &SensorSettings,
        energy: &EnergySettings,
        host: &Host,
    ) -> Result<(), SensorsError> {
        let now = Instant::now();
        let mut polled = Vec::new();
        for built_in in &settings.built_in {
            let probe = built_in_probe(*built_in, host, energy, now);
            let probe = probe.map_err(|source| SensorsError::Energy { source: Box::new(source) })?;
            let synthetic = settings.synthetic.then_some(*built_in).filter(|built_in| *built_in != BuiltIn::GpuPower);
            polled.push(self.polled(built_in.sensor(), settings.interval_ms, probe, synthetic));
        }
        for source in &settings.sources {
            let (sensor, interval_ms, probe): (_, _, Box<dyn Probe>) = match source {
                SourceSettings::File(file) => (&file.sensor, file.interval_ms, Box::new(FileProbe::new(file))),
                SourceSettings::Hwmon(hwmon) => {
                    (&hwmon.sensor, hwmon.interval_ms, Box::new(HwmonProbe::new(hwmon, host)))
                }
                _ => continue,
            };
            polled.push(self.polled(sensor, interval_ms.unwrap_or(settings.interval_ms), probe, None));
        }
        if polled.is_empty() {
            return Ok(());
        }
        self.spawn("sensors".to_owned(), move |outlet, stop| polled::run(polled, outlet, stop))
    }

    fn polled(&mut self, sensor: &str, interval_ms: u64, probe: Box<dyn Probe>, synthetic: Option<BuiltIn>) -> Polled {
        let state = self.state(sensor.to_owned());
        Polled { sensor: sensor.into(), interval: Duration::from_millis(interval_ms), probe, state, synthetic }
    }

    fn start(&mut self, source: &SourceSettings) -> Result<(), SensorsError> {
        let name = format!("sensors-{}", self.threads.len());
        match source {
            SourceSettings::File(_) | SourceSettings::Hwmon(_) => Ok(()),
            SourceSettings::Serial(settings) => {
                let (serial, state) = (Serial::new(settings), self.state(serial::source_of(settings)));
                self.spawn(name, move |outlet, stop| serial.run(outlet, &state, stop))
            }
            SourceSettings::Mqtt(settings) => {
                let (mqtt, state) = (Mqtt::new(settings), self.state(mqtt::source_of(settings)));
                self.spawn(name, move |outlet, stop| mqtt.run(outlet, &state, stop))
            }
            SourceSettings::Csv(settings) => {
                let (replay, state) = (Replay::new(settings), self.state(replay::source_of(settings)));
                self.spawn(name, move |outlet, stop| replay.run(outlet, &state, stop))
            }
        }
    }

    fn state(&mut self, source: String) -> Arc<SourceState> {
        // Two that read one topic or file are told apart by a number.
        let is_taken = |name: &str| self.states.iter().any(|state| state.source() == name);
        let mut name = source.clone();
        let mut number = 1;
        while is_taken(&name) {
            number += 1;
            name = format!("{source} ({number})");
        }
        let state = SourceState::new(name);
        self.states.push(Arc::clone(&state));
        state
    }

    fn spawn(&mut self, name: String, run: impl FnOnce(&Outlet, &Stop) + Send + 'static) -> Result<(), SensorsError> {
        let (outlet, stop) = (self.queue.outlet(), Arc::clone(&self.stop));
        let thread = std::thread::Builder::new().name(name.clone()).spawn(move || run(&outlet, &stop));
        self.threads.push(thread.map_err(|source: io::Error| SensorsError::Thread { name, source })?);
        Ok(())
    }
}

impl Drop for Sensors {
    fn drop(&mut self) {
        self.stop.stop();
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "a sensor's thread died, which is a defect");
            }
        }
    }
}

#[cfg(test)]
mod tests;
