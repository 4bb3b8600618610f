//! Which method a box gets.

use std::fs;
use std::path::Path;

use super::*;

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn host(root: &tempfile::TempDir) -> Host {
    Host { sys: root.path().join("sys"), proc: root.path().join("proc") }
}

fn add_rapl(host: &Host, energy_uj: &str) {
    let zone = host.sys.join("class/powercap/intel-rapl:0");
    write(&zone.join("name"), "package-0");
    write(&zone.join("max_energy_range_uj"), "262143328850");
    write(&zone.join("energy_uj"), energy_uj);
}

fn add_board(host: &Host) {
    let chip = host.sys.join("class/hwmon/hwmon0");
    write(&chip.join("name"), "ina226");
    write(&chip.join("power1_input"), "5000000");
    write(&chip.join("power1_label"), "main");
}

fn open(settings: &EnergySettings, host: &Host) -> EnergyMeter {
    EnergyMeter::open(settings, host).unwrap()
}

#[test]
fn the_best_method_of_the_box_is_found_and_the_others_say_why_not() {
    let root = tempfile::tempdir().unwrap();
    let host = host(&root);
    let mut settings = EnergySettings::default();
    let nothing = open(&settings, &host);
    assert_eq!((nothing.method_name(), nothing.passed_over().len()), ("none", 3));
    write(&host.proc.join("stat"), "cpu  1 2 3 4 5 6 7\n");
    settings.busy_watts = Some(3.0);
    assert_eq!(open(&settings, &host).method(), EnergyMethod::CpuModel);
    add_board(&host);
    assert_eq!(open(&settings, &host).method(), EnergyMethod::Hwmon);
    add_rapl(&host, "garbage");
    let meter = open(&settings, &host);
    assert_eq!(meter.method(), EnergyMethod::Hwmon);
    assert!(meter.passed_over()[0].to_string().contains("energy_uj holds \"garbage\""));
    add_rapl(&host, "1000");
    assert_eq!(open(&settings, &host).method(), EnergyMethod::Rapl);
    settings.rails = vec!["main".to_owned()];
    assert_eq!(open(&settings, &host).method(), EnergyMethod::Hwmon, "rails that are named");
}

#[test]
fn a_method_that_is_named_and_missing_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let host = host(&root);
    for method in [MethodChoice::Rapl, MethodChoice::Hwmon, MethodChoice::Battery, MethodChoice::CpuModel] {
        let settings = EnergySettings { method, ..EnergySettings::default() };
        assert!(EnergyMeter::open(&settings, &host).is_err(), "{method:?}");
    }
    let none = EnergySettings { method: MethodChoice::None, ..EnergySettings::default() };
    let mut meter = open(&none, &host);
    assert_eq!((meter.method_name(), meter.read(Instant::now()).unwrap().joules), ("none", None));
}

#[test]
fn a_reading_after_a_failed_one_is_a_first_one() {
    let root = tempfile::tempdir().unwrap();
    let host = host(&root);
    add_rapl(&host, "0");
    let mut meter = open(&EnergySettings::default(), &host);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(meter.read(at(0)).unwrap(), Spent { joules: None, elapsed: Duration::ZERO });
    add_rapl(&host, "");
    assert!(meter.read(at(1)).is_err());
    add_rapl(&host, "8000000");
    assert_eq!(meter.read(at(2)).unwrap().joules, None);
    add_rapl(&host, "20000000");
    let spent = meter.read(at(5)).unwrap();
    assert_eq!((spent.joules, spent.watts()), (Some(12.0), Some(4.0)));
}
