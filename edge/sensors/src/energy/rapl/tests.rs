//! Made-up trees of `class/powercap`, as machines have them.

use std::fs;
use std::time::Duration;

use super::*;

struct Tree {
    root: tempfile::TempDir,
    start: Instant,
}

impl Tree {
    fn new(zones: &[(&str, &str, u64)]) -> Self {
        let tree = Self { root: tempfile::tempdir().unwrap(), start: Instant::now() };
        for (zone, name, energy_uj) in zones {
            let zone = tree.zone(zone);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("name"), format!("{name}\n")).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "262143328850\n").unwrap();
            fs::write(zone.join("energy_uj"), format!("{energy_uj}\n")).unwrap();
        }
        tree
    }

    fn zone(&self, zone: &str) -> PathBuf {
        self.root.path().join("class/powercap").join(zone)
    }

    fn set(&self, zone: &str, energy_uj: &str) {
        fs::write(self.zone(zone).join("energy_uj"), energy_uj).unwrap();
    }

    fn open(&self) -> Result<Rapl, EnergyError> {
        Rapl::open(&Host { sys: self.root.path().to_owned(), proc: "/nowhere".into() })
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }
}

/// Two sockets with memory, and everything that must not be counted a second time.
fn server() -> Tree {
    Tree::new(&[
        ("intel-rapl:0", "package-0", 1_000_000),
        ("intel-rapl:0:0", "core", 0),
        ("intel-rapl:0:1", "uncore", 0),
        ("intel-rapl:0:2", "dram", 0),
        ("intel-rapl:1", "package-1", 262_143_000_000),
        ("intel-rapl:1:0", "dram", 0),
        ("intel-rapl:2", "psys", 0),
        ("intel-rapl-mmio:0", "package-0", 0),
    ])
}

#[test]
fn packages_and_memory_are_added_up_and_nothing_twice() {
    let tree = server();
    let mut rapl = tree.open().unwrap();
    assert_eq!(rapl.read(tree.at(0)).unwrap(), None, "the first reading");
    for (zone, energy_uj) in [
        ("intel-rapl:0", "21000000"),
        ("intel-rapl:0:0", "15000000"),
        ("intel-rapl:0:1", "3000000"),
        ("intel-rapl:0:2", "2000000"),
        ("intel-rapl:1", "262143000000"),
        ("intel-rapl:1:0", "500000"),
        ("intel-rapl:2", "99000000"),
        ("intel-rapl-mmio:0", "20000000"),
    ] {
        tree.set(zone, energy_uj);
    }
    assert_eq!(rapl.read(tree.at(1)).unwrap(), Some(22.5));
}

#[test]
fn one_package_may_wrap_while_the_other_does_not() {
    let tree = server();
    let mut rapl = tree.open().unwrap();
    rapl.read(tree.at(0)).unwrap();
    tree.set("intel-rapl:0", "11000000");
    // 328,850 up to the largest value, one more to 0, and 9,671,149 on.
    tree.set("intel-rapl:1", "9671149");
    let joules = rapl.read(tree.at(1)).unwrap().unwrap();
    assert!((joules - 20.0).abs() < 1e-9, "{joules}");
}

#[test]
fn after_a_suspend_one_interval_is_unknown() {
    let tree = server();
    let mut rapl = tree.open().unwrap();
    rapl.read(tree.at(0)).unwrap();
    tree.set("intel-rapl:1", "0");
    tree.set("intel-rapl:0", "0");
    assert_eq!(rapl.read(tree.at(1)).unwrap(), None);
    tree.set("intel-rapl:0", "7000000");
    assert_eq!(rapl.read(tree.at(2)).unwrap(), Some(7.0));
}

#[test]
fn an_amd_machine_has_a_package_and_its_cores() {
    let tree = Tree::new(&[("intel-rapl:0", "package-0", 0), ("intel-rapl:0:0", "core", 0)]);
    let mut rapl = tree.open().unwrap();
    rapl.read(tree.at(0)).unwrap();
    tree.set("intel-rapl:0", "4000000");
    tree.set("intel-rapl:0:0", "3000000");
    assert_eq!(rapl.read(tree.at(1)).unwrap(), Some(4.0));
}

#[test]
fn a_machine_without_it_says_where_it_was_looked_for() {
    let error = Tree::new(&[]).open().err().unwrap().to_string();
    assert!(error.contains("class/powercap"), "{error}");
    let only_psys = Tree::new(&[("intel-rapl:0", "psys", 0)]);
    assert!(matches!(only_psys.open(), Err(EnergyError::Absent { .. })));
}

#[test]
fn what_is_no_count_is_named_with_its_file() {
    for garbage in ["", "-5\n", "12.5", "many joules", "99999999999999999999999"] {
        let tree = server();
        let mut rapl = tree.open().unwrap();
        tree.set("intel-rapl:1:0", garbage);
        let error = rapl.read(tree.at(0)).unwrap_err().to_string();
        assert!(error.contains("intel-rapl:1:0/energy_uj"), "{error}");
        assert!(tree.open().is_err(), "{garbage:?} at the start");
    }
}

#[test]
fn a_counter_that_is_gone_is_named() {
    let tree = server();
    let mut rapl = tree.open().unwrap();
    fs::remove_file(tree.zone("intel-rapl:0").join("energy_uj")).unwrap();
    assert!(matches!(rapl.read(tree.at(0)), Err(EnergyError::Read { .. })));
}

#[test]
fn a_counter_for_root_alone_says_how_to_allow_it() {
    let path = PathBuf::from("/sys/class/powercap/intel-rapl:0/energy_uj");
    let pattern = PathBuf::from("/sys/class/powercap/intel-rapl:*/energy_uj");
    let error = EnergyError::ForRootAlone { path, pattern, source: io::ErrorKind::PermissionDenied.into() };
    let text = error.to_string();
    assert!(text.contains("intel-rapl:0/energy_uj may be read by root alone"), "{text}");
    assert!(text.contains("z /sys/class/powercap/intel-rapl:*/energy_uj 0440 root headwater"), "{text}");
}

#[test]
fn a_file_that_may_not_be_read_is_that_error() {
    use std::os::unix::fs::PermissionsExt;
    let tree = server();
    let energy = tree.zone("intel-rapl:0").join("energy_uj");
    fs::set_permissions(&energy, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&energy).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    assert!(matches!(tree.open(), Err(EnergyError::ForRootAlone { .. })));
}
