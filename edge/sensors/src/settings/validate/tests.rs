//! Every wrong value is named, nothing unknown is swallowed.

use serde::Deserialize;

use super::*;
use crate::settings::{BuiltIn, Pace};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sensors: SensorSettings,
}

fn parsed(text: &str) -> Result<SensorSettings, String> {
    toml::from_str::<File>(text).map(|file| file.sensors).map_err(|error| error.to_string())
}

fn keys(text: &str) -> Vec<String> {
    parsed(text).unwrap().problems().into_iter().map(|problem| problem.key).collect()
}

/// One of each kind, as a user would write it.
const ALL_KINDS: &str = r#"
[sensors]
interval_ms = 5000
built_in = ["load_1m", "power"]

[[sensors.sources]]
kind = "file"
sensor = "shed"
unit = "celsius"
path = "/sys/bus/w1/devices/28-0000/temperature"
scale = 0.001

[[sensors.sources]]
kind = "hwmon"
sensor = "fan"
chip = "nct6775"
input = "fan2"

[[sensors.sources]]
kind = "serial"
device = "/dev/serial/by-id/usb-arduino"
baud = 115200
format = "name_value"
values = [{ sensor = "room", unit = "celsius", pick = "t" }, { sensor = "damp", unit = "percent", pick = "h" }]

[[sensors.sources]]
kind = "mqtt"
host = "localhost"
topic = "zigbee2mqtt/+"
username = "reader"
password = "hidden"
format = "json"
values = [{ sensor = "{1}_temperature", unit = "celsius", pick = "/temperature" }]

[[sensors.sources]]
kind = "csv"
path = "day.csv"
pace = "fast"
loop = true
"#;

#[test]
fn one_of_each_kind_is_read() {
    let settings = parsed(ALL_KINDS).unwrap();
    assert_eq!(settings.problems(), []);
    assert_eq!(settings.built_in, [BuiltIn::Load1m, BuiltIn::Power]);
    assert_eq!((settings.sources.len(), settings.queue_readings), (5, 10_000));
    let SourceSettings::Serial(serial) = &settings.sources[2] else { panic!() };
    assert_eq!((serial.baud, serial.separator, serial.values[1].scale), (115_200, ',', 1.0));
    let SourceSettings::Csv(csv) = &settings.sources[4] else { panic!() };
    assert_eq!((csv.pace, csv.repeat), (Pace::Fast, true));
    assert!(!format!("{settings:?}").contains("hidden"), "a password is not shown");
    assert_eq!(parsed("").unwrap(), SensorSettings::default());
    assert_eq!(SensorSettings::default().problems(), []);
}

#[test]
fn an_unknown_key_or_kind_is_an_error_that_names_it() {
    assert!(parsed("[sensors]\nintervall_ms = 3").unwrap_err().contains("intervall_ms"));
    let file = "[[sensors.sources]]\nkind = 'file'\nsensor = 'a'\nunit = 'b'\npath = 'c'\n";
    assert!(parsed(file).is_ok());
    assert!(parsed(&format!("{file}scall = 2")).unwrap_err().contains("scall"));
    assert!(parsed("[[sensors.sources]]\nkind = 'file'\nsensor = 'a'\nunit = 'b'").unwrap_err().contains("path"));
    assert!(parsed("[[sensors.sources]]\nkind = 'bluetooth'").unwrap_err().contains("bluetooth"));
    assert!(parsed("[sensors]\nbuilt_in = ['humidity']").unwrap_err().contains("humidity"));
}

#[test]
fn a_password_that_is_no_text_is_not_shown() {
    let error = parsed(
        "[[sensors.sources]]\nkind = 'mqtt'\nhost = 'h'\ntopic = 't'\npassword = 271828\n\
         values = [{ sensor = 'a', unit = 'b' }]",
    );
    let error = error.unwrap_err();
    assert!(error.contains("a password must be a text") && !error.contains("271828"), "{error}");
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let keys = keys(
        r#"
        [sensors]
        interval_ms = 1
        queue_readings = 0
        [[sensors.sources]]
        kind = "file"
        sensor = "power"
        unit = ""
        path = ""
        scale = 0
        interval_ms = 0
        [[sensors.sources]]
        kind = "serial"
        device = "/dev/ttyUSB0"
        baud = 1
        format = "csv"
        values = [{ sensor = "a b", unit = "c", pick = "0" }]
        [[sensors.sources]]
        kind = "mqtt"
        host = ""
        port = 0
        topic = "a/#/b"
        password = "x"
        client_id = ""
        values = [{ sensor = "{3}", unit = "c", pick = "t" }]
        [[sensors.sources]]
        kind = "mqtt"
        host = "h"
        topic = "t"
        username = "u"
        password = "x"
        password_file = "y"
        values = []
        "#,
    );
    let expected = [
        "sensors.interval_ms",
        "sensors.queue_readings",
        "sensors.sources[0].sensor",
        "sensors.sources[0].unit",
        "sensors.sources[0].path",
        "sensors.sources[0].scale",
        "sensors.sources[0].interval_ms",
        "sensors.sources[1].baud",
        "sensors.sources[1].values[0].sensor",
        "sensors.sources[1].values[0].pick",
        "sensors.sources[2].host",
        "sensors.sources[2].port",
        "sensors.sources[2].topic",
        "sensors.sources[2].username",
        "sensors.sources[2].client_id",
        "sensors.sources[2].values[0].sensor",
        "sensors.sources[2].values[0].pick",
        "sensors.sources[3].password_file",
        "sensors.sources[3].values",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn what_is_picked_must_fit_the_format() {
    use PayloadFormat::{Csv, Json, NameValue, Number};
    for (format, pick) in
        [(Number, None), (NameValue, Some("t")), (Csv, Some("1")), (Json, Some("/a")), (Json, Some("")), (Json, None)]
    {
        assert_eq!(pick_problem(format, pick), None, "{format:?} {pick:?}");
    }
    for (format, pick) in [
        (Number, Some("t")),
        (NameValue, None),
        (NameValue, Some("")),
        (Csv, None),
        (Csv, Some("t")),
        (Json, Some("a")),
    ] {
        assert!(pick_problem(format, pick).is_some(), "{format:?} {pick:?}");
    }
}

#[test]
fn names_and_units_are_checked_and_may_not_be_used_twice() {
    let source = |values: &str| {
        format!("[[sensors.sources]]\nkind = 'mqtt'\nhost = 'h'\ntopic = 'home/+/air'\nvalues = [{values}]\n")
    };
    let of = |sensor: &str, unit: &str| source(&format!("{{ sensor = '{sensor}', unit = '{unit}' }}"));
    assert!(keys(&of("{1}_air", "µg/m³")).is_empty());
    for sensor in ["{1} air", "{1}/air", "{1}_{", "{1}}", &format!("{{1}}{}", "x".repeat(128))] {
        assert_eq!(keys(&of(sensor, "u")), ["sensors.sources[0].values[0].sensor"], "{sensor}");
    }
    for unit in ["{1}", "a}", "", &"x".repeat(65)] {
        assert_eq!(keys(&of("{1}", unit)), ["sensors.sources[0].values[0].unit"], "{unit}");
    }
    let control = source("{ sensor = 's', unit = \"a\\u0007\" }");
    assert_eq!(keys(&control), ["sensors.sources[0].values[0].unit"]);

    let value = "{ sensor = '{1}_air', unit = 'u' }";
    let twice = parsed(&source(&format!("{value}, {value}"))).unwrap().problems();
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0].to_string(), "sensors.sources[0].values[1].sensor: {1}_air is used twice");
    assert!(keys(&format!("{}{}", source(value), source(value))).is_empty(), "of two sources it is two names");
}
