//! What frames cost, over made-up counters.

use std::fs;

use super::*;
use crate::energy::gpu::Gpus;
use crate::energy::gpu::tests::made_up_library;

struct Machine {
    root: tempfile::TempDir,
    start: Instant,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { root: tempfile::tempdir().unwrap(), start: Instant::now() };
        let zone = machine.zone();
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), "package-0").unwrap();
        fs::write(zone.join("max_energy_range_uj"), "262143328850").unwrap();
        machine.set(0.0);
        machine
    }

    fn zone(&self) -> std::path::PathBuf {
        self.root.path().join("class/powercap/intel-rapl:0")
    }

    fn set(&self, joules: f64) {
        fs::write(self.zone().join("energy_uj"), format!("{}", (joules * 1e6) as u64)).unwrap();
    }

    fn busy(&self, seconds: f64) {
        let ticks = (seconds * rustix::param::clock_ticks_per_second() as f64) as u64;
        fs::write(self.root.path().join("stat"), format!("cpu  {ticks} 0 0 0 0 0 0\n")).unwrap();
    }

    fn account(&self, settings: &EnergySettings) -> EnergyAccount {
        EnergyAccount::open(settings, &self.host()).unwrap()
    }

    fn host(&self) -> Host {
        Host { sys: self.root.path().to_owned(), proc: self.root.path().to_owned() }
    }

    fn at(&self, seconds: f64) -> Instant {
        self.start + Duration::from_secs_f64(seconds)
    }
}

fn near(energy: FrameEnergy, energy_mj: f64, method: &str) {
    let found = energy.energy_mj.unwrap();
    assert!((found - energy_mj).abs() < 1e-6, "{found} is not {energy_mj}");
    assert_eq!(energy.method, method);
}

#[test]
fn a_frame_costs_what_was_counted_while_it_ran_and_idle_time_costs_nothing() {
    let machine = Machine::new();
    let account = machine.account(&EnergySettings::default());
    let door: Arc<str> = "door".into();
    machine.set(1.0);
    let first = account.begin(&door, 1, machine.at(10.0));
    machine.set(1.5);
    near(first.finish(Duration::ZERO, machine.at(10.1)), 500.0, "rapl");
    machine.set(60.0);
    let second = account.begin(&door, 1, machine.at(30.0));
    machine.set(60.25);
    near(second.finish(Duration::ZERO, machine.at(30.1)), 250.0, "rapl");
    let camera = &account.cameras()[&door];
    assert_eq!((camera.frames, camera.unknown_frames), (2, 0));
    assert!((camera.energy_mj - 750.0).abs() < 1e-6 && account.total_mj().is_some());
}

#[test]
fn what_else_kept_cores_busy_bears_its_part() {
    let machine = Machine::new();
    machine.busy(0.0);
    let account = machine.account(&EnergySettings::default());
    let door: Arc<str> = "door".into();
    drop(account.begin(&door, 1, machine.at(0.0)));
    // Four cores were busy in these two seconds.
    machine.busy(8.0);
    let span = account.begin(&door, 1, machine.at(2.0));
    machine.set(10.0);
    near(span.finish(Duration::ZERO, machine.at(2.5)), 2_500.0, "rapl");
}

#[test]
fn what_else_kept_cores_busy_bears_nothing_of_the_gpus() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = made_up_library(&folder) else {
        eprintln!("skipped: there is no C compiler");
        return;
    };
    let machine = Machine::new();
    machine.busy(0.0);
    let (settings, gpus) = (EnergySettings::default(), Gpus::open(Some(library.as_os_str())).unwrap());
    let meter = EnergyMeter::open(&settings, &machine.host()).unwrap().with_gpus(gpus);
    let account = EnergyAccount::over(meter, &settings, &machine.host());
    let door: Arc<str> = "door".into();
    drop(account.begin(&door, 1, machine.at(0.0)));
    machine.busy(8.0);
    let span = account.begin(&door, 1, machine.at(2.0));
    machine.set(10.0);
    // A quarter of the package's 10 J; all of the first GPU's 250 J and of the second's 30 W.
    near(span.finish(Duration::ZERO, machine.at(2.5)), 2_500.0 + 250_000.0 + 15_000.0, "rapl+nvml");
}

#[test]
fn time_that_comes_out_of_turn_is_not_charged_twice() {
    let machine = Machine::new();
    machine.busy(0.0);
    let settings: EnergySettings = toml::from_str("method = 'cpu-model'\nbusy_watts = 6\nidle_watts = 2").unwrap();
    let account = machine.account(&settings);
    let first = account.begin(&"a".into(), 1, machine.at(0.0));
    let second = account.begin(&"b".into(), 1, machine.at(3.0));
    // It looked at the clock before the other one began, and had to wait for it.
    near(first.finish(Duration::ZERO, machine.at(2.0)), 6_000.0, "cpu-model");
    near(second.finish(Duration::ZERO, machine.at(4.0)), 2_000.0, "cpu-model");
}

#[test]
fn two_cameras_at_once_are_not_charged_twice() {
    let machine = Machine::new();
    let account = machine.account(&EnergySettings::default());
    let first = account.begin(&"a".into(), 1, machine.at(0.0));
    let second = account.begin(&"b".into(), 1, machine.at(0.0));
    machine.set(3.0);
    near(first.finish(Duration::ZERO, machine.at(1.0)), 1_500.0, "rapl");
    machine.set(5.0);
    near(second.finish(Duration::ZERO, machine.at(2.0)), 3_500.0, "rapl");
}

#[test]
fn a_frame_that_was_not_measured_says_none() {
    let machine = Machine::new();
    let account = machine.account(&EnergySettings::default());
    let door: Arc<str> = "door".into();
    machine.set(100_000.0);
    let span = account.begin(&door, 1, machine.at(0.0));
    machine.set(0.0);
    let energy = span.finish(Duration::ZERO, machine.at(1.0));
    assert_eq!(energy, FrameEnergy { energy_mj: None, method: "none" }, "the counter began anew");
    let span = account.begin(&door, 1, machine.at(2.0));
    fs::remove_file(machine.zone().join("energy_uj")).unwrap();
    assert_eq!(span.finish(Duration::ZERO, machine.at(3.0)).method, "none", "the counter is gone");
    assert_eq!(account.cameras()[&door], CameraEnergy { unknown_frames: 2, ..CameraEnergy::default() });
}

#[test]
fn the_model_charges_processor_time_and_a_part_of_the_idle_draw() {
    let machine = Machine::new();
    machine.busy(0.0);
    let settings: EnergySettings = toml::from_str("method = 'cpu-model'\nbusy_watts = 6\nidle_watts = 2").unwrap();
    let account = machine.account(&settings);
    let first = account.begin(&"a".into(), 2, machine.at(0.0));
    // A second alone, a second together: 2 J + 1 J, and six watts for a second and a half.
    let second = account.begin(&"b".into(), 2, machine.at(1.0));
    near(first.finish(Duration::from_millis(1500), machine.at(2.0)), 12_000.0, "cpu-model");
    near(second.finish(Duration::from_millis(500), machine.at(2.0)), 4_000.0, "cpu-model");
}

#[test]
fn a_box_of_which_nothing_is_known_makes_nothing_up() {
    let machine = Machine::new();
    let settings = EnergySettings { method: crate::MethodChoice::None, ..EnergySettings::default() };
    let account = machine.account(&settings);
    let energy = account.begin(&"a".into(), 1, machine.at(0.0)).finish(Duration::from_secs(1), machine.at(1.0));
    assert_eq!((energy.energy_mj, energy.method, account.total_mj()), (None, "none", None));
}
