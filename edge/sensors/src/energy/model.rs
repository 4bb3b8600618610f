//! The machine by a model: every second that a core was busy costs its watts, every second at all what the idle box
//! draws.
//!
//! Linear in processor time, and so blind to clock rates, vector units, memory and everything that is no processor.

use std::time::Instant;

use super::EnergyError;
use crate::cpu::machine_busy_s;
use crate::host::Host;

/// A machine of which two numbers are known.
pub(crate) struct Model {
    busy_watts: f64,
    idle_watts: f64,
    host: Host,
    before: Option<(f64, Instant)>,
}

impl Model {
    /// A model with these watts; the machine must say how busy it is.
    pub(crate) fn open(host: &Host, busy_watts: f64, idle_watts: f64) -> Result<Self, EnergyError> {
        let model = Self { busy_watts, idle_watts, host: host.clone(), before: None };
        model.busy_s()?;
        Ok(model)
    }

    /// Joules of the whole machine since the reading before.
    pub(crate) fn read(&mut self, now: Instant) -> Result<Option<f64>, EnergyError> {
        let busy_s = self.busy_s()?;
        let joules = self.before.replace((busy_s, now)).map(|(busy_before_s, before)| {
            let elapsed_s = now.saturating_duration_since(before).as_secs_f64();
            self.busy_watts * (busy_s - busy_before_s).max(0.0) + self.idle_watts * elapsed_s
        });
        Ok(joules)
    }

    fn busy_s(&self) -> Result<f64, EnergyError> {
        machine_busy_s(&self.host).ok_or_else(|| EnergyError::NoBusyTime { path: self.host.proc.join("stat") })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn busy_seconds_cost_their_watts_and_all_seconds_the_idle_ones() {
        let root = tempfile::tempdir().unwrap();
        let host = Host { sys: "/nowhere".into(), proc: root.path().to_owned() };
        let error = Model::open(&host, 6.0, 2.0).err().unwrap().to_string();
        assert!(error.ends_with("stat does not say how busy the processors are"), "{error}");
        let ticks = rustix::param::clock_ticks_per_second();
        let busy = |seconds: u64| {
            std::fs::write(root.path().join("stat"), format!("cpu  {} 0 0 999 0 0 0\n", seconds * ticks)).unwrap();
        };
        busy(100);
        let mut model = Model::open(&host, 6.0, 2.0).unwrap();
        let start = Instant::now();
        assert_eq!(model.read(start).unwrap(), None);
        busy(103);
        assert_eq!(model.read(start + Duration::from_secs(10)).unwrap(), Some(38.0));
    }
}
