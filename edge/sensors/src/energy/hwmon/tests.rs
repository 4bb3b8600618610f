//! Boards as they are: a Jetson's three rails, a hat with an INA219, a laptop whose disk has a sensor.

use std::fs;
use std::time::Duration;

use super::*;

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
    let root = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let path = root.path().join("class/hwmon").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    let host = Host { sys: root.path().to_owned(), proc: "/nowhere".into() };
    (root, host)
}

const JETSON: &[(&str, &str)] = &[
    ("hwmon0/name", "gpu_thermal"),
    ("hwmon1/name", "ina3221"),
    ("hwmon1/in1_label", "VDD_IN"),
    ("hwmon1/in1_input", "5000"),
    ("hwmon1/curr1_input", "1500"),
    ("hwmon1/in2_label", "VDD_CPU_GPU_CV"),
    ("hwmon1/in2_input", "5000"),
    ("hwmon1/curr2_input", "400"),
    ("hwmon1/in3_label", "VDD_SOC"),
    ("hwmon1/in3_input", "5000"),
    ("hwmon1/curr3_input", "200"),
    ("hwmon1/in4_input", "8"),
    ("hwmon1/curr4_input", "2100"),
    ("hwmon1/in7_label", "sum of shunt voltages"),
    ("hwmon1/in7_input", "11"),
];

#[test]
fn the_rail_that_feeds_all_is_taken_alone() {
    let (_root, host) = tree(JETSON);
    assert_eq!(Board::open(&host, &[]).unwrap().watts().unwrap(), 7.5);
}

#[test]
fn rails_that_are_named_are_added_up() {
    let (_root, host) = tree(JETSON);
    let labels = ["VDD_SOC".to_owned(), "VDD_CPU_GPU_CV".to_owned()];
    assert_eq!(Board::open(&host, &labels).unwrap().watts().unwrap(), 3.0);
    let error = Board::open(&host, &["VDD_CPU".to_owned()]).err().unwrap().to_string();
    assert!(error.contains("\"VDD_CPU\"") && error.contains("VDD_IN, VDD_CPU_GPU_CV, VDD_SOC"), "{error}");
}

#[test]
fn a_shunts_voltage_and_the_sum_of_all_currents_are_no_rail() {
    let files: Vec<(&str, &str)> = JETSON.iter().filter(|(file, _)| !file.ends_with("_label")).copied().collect();
    let (_root, host) = tree(&files);
    assert_eq!(Board::open(&host, &[]).unwrap().watts().unwrap(), 7.5 + 2.0 + 1.0);
}

#[test]
fn power_over_time_is_energy() {
    let (root, host) = tree(&[("hwmon3/name", "ina219"), ("hwmon3/power1_input", "4000000")]);
    let start = Instant::now();
    let mut board = Board::open(&host, &[]).unwrap();
    assert_eq!(board.read(start).unwrap(), None);
    fs::write(root.path().join("class/hwmon/hwmon3/power1_input"), "6000000").unwrap();
    assert_eq!(board.read(start + Duration::from_secs(2)).unwrap(), Some(10.0));
}

#[test]
fn a_disk_is_not_the_board_unless_it_is_named() {
    let files = [("hwmon0/name", "nvme"), ("hwmon0/power1_input", "3000000"), ("hwmon0/power1_label", "drive")];
    let (_root, host) = tree(&files);
    assert!(matches!(Board::open(&host, &[]), Err(EnergyError::Absent { .. })));
    assert_eq!(Board::open(&host, &["drive".to_owned()]).unwrap().watts().unwrap(), 3.0);
}

#[test]
fn a_rail_that_is_off_is_left_out_and_a_negative_one_is_nothing() {
    let files = [
        ("hwmon0/name", "ina3221"),
        ("hwmon0/in1_input", "5000"),
        ("hwmon0/curr1_input", "-8"),
        ("hwmon0/in2_input", "5000"),
        ("hwmon0/curr2_input", "1000"),
        ("hwmon0/in3_enable", "0"),
        ("hwmon0/in3_input", "5000"),
        ("hwmon0/curr3_input", "1000"),
    ];
    let (_root, host) = tree(&files);
    assert_eq!(Board::open(&host, &[]).unwrap().watts().unwrap(), 5.0);
}

#[test]
fn what_is_no_number_is_named_with_its_file() {
    let (_root, host) = tree(&[("hwmon0/name", "power_meter"), ("hwmon0/power1_average", "a lot")]);
    let error = Board::open(&host, &[]).err().unwrap().to_string();
    assert!(error.contains("hwmon0/power1_average holds \"a lot"), "{error}");
}
