//! All kinds together: what works is not kept back by what does not, and all of it ends.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::settings::{CsvSettings, FileSettings, Pace, SerialSettings};

const LONG: Duration = Duration::from_secs(30);

fn machine(root: &tempfile::TempDir) -> Host {
    let host = Host { sys: root.path().join("sys"), proc: root.path().join("proc") };
    fs::create_dir_all(&host.proc).unwrap();
    fs::write(host.proc.join("loadavg"), "0.75 0.50 0.25 1/234 5678\n").unwrap();
    host
}

fn file(sensor: &str, path: impl Into<std::path::PathBuf>) -> SourceSettings {
    let (sensor, unit) = (sensor.to_owned(), "lux".to_owned());
    SourceSettings::File(FileSettings {
        sensor,
        unit,
        path: path.into(),
        scale: 1.0,
        offset: 0.0,
        interval_ms: Some(100),
    })
}

fn by_sensor(readings: Vec<Reading>) -> BTreeMap<String, Reading> {
    readings.into_iter().map(|reading| (reading.sensor.to_string(), reading)).collect()
}

#[test]
fn what_works_is_not_kept_back_by_what_does_not() {
    let root = tempfile::tempdir().unwrap();
    let host = machine(&root);
    let light = root.path().join("light");
    fs::write(&light, "7").unwrap();
    let played = root.path().join("day.csv");
    fs::write(&played, "timestamp,sensor,value\n5,rain,1\n").unwrap();
    let serial: SerialSettings =
        toml::from_str("device = '/dev/nowhere'\nvalues = [{ sensor = 's', unit = 'u' }]").unwrap();
    let settings = SensorSettings {
        interval_ms: 100,
        sources: vec![
            file("dark", "/nowhere/dark"),
            file("light", &light),
            SourceSettings::Serial(serial),
            SourceSettings::Csv(CsvSettings { path: played, pace: Pace::Fast, repeat: false }),
        ],
        ..SensorSettings::default()
    };
    let sensors = Sensors::open(&settings, &EnergySettings::default(), &host).unwrap();
    let mut found = BTreeMap::new();
    while !["load_1m", "light", "rain"].iter().all(|sensor| found.contains_key(*sensor)) {
        found.extend(by_sensor(sensors.take(LONG, Duration::ZERO).unwrap()));
    }
    assert_eq!(found.len(), 3, "nothing is made up: {found:?}");
    assert_eq!((found["load_1m"].value, found["light"].value, found["rain"].ts_ms), (0.75, 7.0, 5));
    assert_eq!(found["load_1m"].ts_ms, found["light"].ts_ms, "a round has one time");
    let is_failing = |source: &str| {
        let counters = sensors.counters();
        let counters = counters.iter().find(|counters| counters.source == source).unwrap();
        counters.failures > 0 && !counters.is_working
    };
    while !is_failing("dark") || !is_failing("serial:/dev/nowhere") {
        std::thread::yield_now();
    }
    assert_eq!(sensors.dropped(), 0);
}

#[test]
fn two_sources_of_one_file_are_counted_apart() {
    let root = tempfile::tempdir().unwrap();
    let played = root.path().join("day.csv");
    fs::write(&played, "timestamp,sensor,value\n5,rain,1\n").unwrap();
    let csv = || SourceSettings::Csv(CsvSettings { path: played.clone(), pace: Pace::Fast, repeat: false });
    let settings =
        SensorSettings { built_in: Vec::new(), sources: vec![csv(), csv(), csv()], ..SensorSettings::default() };
    let sensors = Sensors::open(&settings, &EnergySettings::default(), &machine(&root)).unwrap();
    while sensors.take(LONG, Duration::ZERO).is_some() {}
    let counters: Vec<(String, u64)> =
        sensors.counters().into_iter().map(|counters| (counters.source, counters.readings)).collect();
    let name = format!("csv:{}", played.display());
    assert_eq!(counters, [(name.clone(), 1), (format!("{name} (2)"), 1), (format!("{name} (3)"), 1)]);
}

#[test]
fn it_ends_when_it_is_stopped_and_gives_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let host = machine(&root);
    let sensors = Sensors::open(&SensorSettings::default(), &EnergySettings::default(), &host).unwrap();
    let sensors = Arc::new(sensors);
    let taker = std::thread::spawn({
        let sensors = Arc::clone(&sensors);
        move || {
            let (mut count, start) = (0, Instant::now());
            while let Some(readings) = sensors.take(LONG, LONG) {
                count += readings.len();
            }
            assert!(start.elapsed() < LONG, "nobody woke it");
            count
        }
    });
    while sensors.counters()[1].readings == 0 {
        std::thread::yield_now();
    }
    sensors.stop();
    assert_eq!(taker.join().unwrap(), 1);
}

#[test]
fn made_up_values_are_sent_where_they_are_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let settings = SensorSettings { synthetic: true, ..SensorSettings::default() };
    let sensors = Sensors::open(&settings, &EnergySettings::default(), &machine(&root)).unwrap();
    let found = by_sensor(sensors.take(LONG, Duration::ZERO).unwrap());
    let methods: Vec<(&str, bool)> =
        found.iter().map(|(sensor, reading)| (sensor.as_str(), &*reading.method == "synthetic")).collect();
    assert_eq!(methods, [("cpu_temperature", true), ("load_1m", false), ("memory_used", true), ("power", true)]);
}

#[test]
fn sensors_that_are_off_end_at_once() {
    let settings = SensorSettings { enabled: false, ..SensorSettings::default() };
    let sensors = Sensors::open(&settings, &EnergySettings::default(), &Host::default()).unwrap();
    let start = Instant::now();
    assert_eq!((sensors.take(LONG, LONG), sensors.counters().len()), (None, 0));
    assert!(start.elapsed() < LONG);
}

#[test]
fn settings_that_make_no_sense_keep_it_from_starting() {
    let settings = SensorSettings { interval_ms: 0, ..SensorSettings::default() };
    let energy = EnergySettings { busy_watts: Some(-1.0), ..EnergySettings::default() };
    let error = Sensors::open(&settings, &energy, &Host::default()).err().unwrap().to_string();
    assert!(error.contains("sensors.interval_ms: must be 100") && error.contains("energy.busy_watts: -1"), "{error}");
}

#[test]
fn this_very_machine_can_be_read() {
    let settings = SensorSettings { interval_ms: 100, ..SensorSettings::default() };
    let energy = EnergySettings { busy_watts: Some(5.0), ..EnergySettings::default() };
    let sensors = Sensors::open(&settings, &energy, &Host::default()).unwrap();
    let readings = sensors.take(LONG, Duration::from_millis(500)).unwrap();
    assert!(readings.iter().all(|reading| reading.value.is_finite() && &*reading.method != "synthetic"));
    assert!(by_sensor(readings).contains_key("memory_used"));
}
