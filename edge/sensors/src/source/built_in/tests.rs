//! Made-up boxes: one with everything, one with nothing.

use std::fs;

use super::*;

fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    let host = Host { sys: root.path().join("sys"), proc: root.path().join("proc") };
    (root, host)
}

fn read(built_in: BuiltIn, host: &Host) -> Result<Sample, SourceError> {
    let now = Instant::now();
    probe(built_in, host, &EnergySettings::default(), now).unwrap().read(now + Duration::from_secs(2))
}

fn number(built_in: BuiltIn, host: &Host) -> (f64, String, String) {
    match read(built_in, host).unwrap() {
        Sample::Value { value, unit, method } => (value, unit.to_string(), method.to_string()),
        other => panic!("{built_in:?}: {other:?}"),
    }
}

#[test]
fn the_processor_is_found_among_zones_and_chips() {
    let zones = [
        ("sys/class/thermal/thermal_zone0/type", "acpitz"),
        ("sys/class/thermal/thermal_zone0/temp", "27800"),
        ("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp"),
        ("sys/class/thermal/thermal_zone1/temp", "51500"),
    ];
    let (root, host) = machine(&zones);
    let (celsius, unit, method) = number(BuiltIn::CpuTemperature, &host);
    assert_eq!((celsius, unit.as_str()), (51.5, "celsius"));
    assert!(method.ends_with("thermal_zone1/temp"), "{method}");
    let chip = root.path().join("sys/class/hwmon/hwmon3");
    fs::create_dir_all(&chip).unwrap();
    fs::write(chip.join("name"), "k10temp\n").unwrap();
    fs::write(chip.join("temp1_input"), "60125\n").unwrap();
    assert_eq!(number(BuiltIn::CpuTemperature, &host).0, 60.125);
}

#[test]
fn a_zone_of_something_else_is_not_the_processor() {
    let (_root, host) = machine(&[
        ("sys/class/thermal/thermal_zone0/type", "iwlwifi_1"),
        ("sys/class/thermal/thermal_zone0/temp", "40000"),
    ]);
    assert_eq!(read(BuiltIn::CpuTemperature, &host).unwrap(), Sample::Absent);
}

#[test]
fn load_and_memory_are_the_kernels() {
    let (_root, host) = machine(&[
        ("proc/loadavg", "0.75 0.50 0.25 1/234 5678"),
        ("proc/meminfo", "MemTotal:       8000 kB\nMemFree:   100 kB\nMemAvailable:    6000 kB"),
    ]);
    assert_eq!(number(BuiltIn::Load1m, &host).0, 0.75);
    assert_eq!(number(BuiltIn::MemoryUsed, &host).0, 2_048_000.0);
}

#[test]
fn power_says_its_method() {
    let (_root, host) =
        machine(&[("sys/class/hwmon/hwmon0/name", "ina226"), ("sys/class/hwmon/hwmon0/power1_input", "5500000")]);
    assert_eq!(number(BuiltIn::Power, &host), (5.5, "watts".into(), "hwmon".into()));
}

#[test]
fn a_box_that_has_nothing_says_nothing() {
    let (_root, host) = machine(&[]);
    for built_in in [BuiltIn::CpuTemperature, BuiltIn::Load1m, BuiltIn::MemoryUsed, BuiltIn::Power] {
        assert_eq!(read(built_in, &host).unwrap(), Sample::Absent, "{built_in:?}");
    }
}

#[test]
fn a_file_of_garbage_is_a_failure_and_not_an_absence() {
    let (_root, host) = machine(&[("proc/loadavg", "busy")]);
    assert!(read(BuiltIn::Load1m, &host).unwrap_err().to_string().contains("loadavg holds \"busy"));
}

#[test]
fn power_over_a_long_interval_is_the_mean_of_what_was_seen_between() {
    let zone = "sys/class/powercap/intel-rapl:0";
    let file = |name: &str| format!("{zone}/{name}");
    // AMD's counters wrap at 65 kJ, which a package may draw within a minute.
    let (name, range, energy) = (file("name"), file("max_energy_range_uj"), file("energy_uj"));
    let (root, host) = machine(&[(&name, "package-0"), (&range, "65532610987"), (&energy, "0")]);
    let start = Instant::now();
    let mut power = probe(BuiltIn::Power, &host, &EnergySettings::default(), start).unwrap();
    let mut at = |seconds: u64, energy_uj: &str, is_asked: bool| {
        fs::write(root.path().join(&energy), energy_uj).unwrap();
        let now = start + Duration::from_secs(seconds);
        power.watch(now);
        is_asked.then(|| power.read(now).unwrap())
    };
    for ten in 1..30_u64 {
        at(ten * 10, &(ten * 100_000_000).to_string(), false);
    }
    let Some(Sample::Value { value, .. }) = at(300, "4500000000", true) else { panic!() };
    assert!((value - 15.0).abs() < 1e-9, "{value}");
    at(310, "4800000000", false);
    // It began anew: of these ten seconds nothing is known.
    at(320, "0", false);
    let Some(Sample::Value { value, .. }) = at(330, "100000000", true) else { panic!() };
    assert!((value - 20.0).abs() < 1e-9, "{value}");
}
