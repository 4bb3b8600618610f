//! Whether the values of the settings make sense. Every value that does not is named, not only the first.

use std::collections::BTreeSet;

use crate::topic::{NAME_BYTES_MAX, filter_problem, is_name_byte, template_problem, wildcards};

use super::{
    CsvSettings, FileSettings, HwmonSettings, MqttSettings, PayloadFormat, Problem, SensorSettings, SerialSettings,
    SourceSettings, ValueSettings,
};

impl SensorSettings {
    /// What is wrong with the values, by their keys; nothing is opened, a device or a file may come later. Empty is
    /// good.
    pub fn problems(&self) -> Vec<Problem> {
        let mut check = Check::default();
        check.range("sensors.interval_ms", self.interval_ms, 100..=86_400_000);
        check.range("sensors.queue_readings", self.queue_readings as u64, 1..=1_000_000);
        for built_in in &self.built_in {
            check.name("sensors.built_in", built_in.sensor());
        }
        for (index, source) in self.sources.iter().enumerate() {
            let prefix = format!("sensors.sources[{index}]");
            match source {
                SourceSettings::File(file) => check_file(&mut check, &prefix, file),
                SourceSettings::Hwmon(hwmon) => check_hwmon(&mut check, &prefix, hwmon),
                SourceSettings::Serial(serial) => check_serial(&mut check, &prefix, serial),
                SourceSettings::Mqtt(mqtt) => check_mqtt(&mut check, &prefix, mqtt),
                SourceSettings::Csv(csv) => check_csv(&mut check, &prefix, csv),
            }
        }
        check.problems
    }
}

fn check_file(check: &mut Check, prefix: &str, file: &FileSettings) {
    check.name(&format!("{prefix}.sensor"), &file.sensor);
    check.unit(&format!("{prefix}.unit"), &file.unit);
    check.given(&format!("{prefix}.path"), &file.path.to_string_lossy());
    check.scale(prefix, file.scale, file.offset);
    check.interval(prefix, file.interval_ms);
}

fn check_hwmon(check: &mut Check, prefix: &str, hwmon: &HwmonSettings) {
    check.name(&format!("{prefix}.sensor"), &hwmon.sensor);
    check.given(&format!("{prefix}.chip"), &hwmon.chip);
    check.given(&format!("{prefix}.input"), &hwmon.input);
    check.interval(prefix, hwmon.interval_ms);
}

fn check_serial(check: &mut Check, prefix: &str, serial: &SerialSettings) {
    check.given(&format!("{prefix}.device"), &serial.device.to_string_lossy());
    check.range(&format!("{prefix}.baud"), serial.baud.into(), 50..=4_000_000);
    check_values(check, prefix, serial.format, &serial.values, None);
}

fn check_mqtt(check: &mut Check, prefix: &str, mqtt: &MqttSettings) {
    check.given(&format!("{prefix}.host"), &mqtt.host);
    check.range(&format!("{prefix}.port"), mqtt.port.into(), 1..=65_535);
    if let Some(problem) = filter_problem(&mqtt.topic) {
        check.add(&format!("{prefix}.topic"), problem.to_owned());
    }
    let has_password = mqtt.password.is_some() || mqtt.password_file.is_some();
    check.unless(!has_password || mqtt.username.is_some(), &format!("{prefix}.username"), || {
        "a password needs one".to_owned()
    });
    let has_both = mqtt.password.is_some() && mqtt.password_file.is_some();
    check.unless(!has_both, &format!("{prefix}.password_file"), || "there is a password too; one of them".to_owned());
    let is_id = |id: &String| (1..=65_535).contains(&id.len());
    check.unless(mqtt.client_id.as_ref().is_none_or(is_id), &format!("{prefix}.client_id"), || {
        "must not be empty".to_owned()
    });
    check_values(check, prefix, mqtt.format, &mqtt.values, Some(wildcards(&mqtt.topic)));
}

fn check_csv(check: &mut Check, prefix: &str, csv: &CsvSettings) {
    check.given(&format!("{prefix}.path"), &csv.path.to_string_lossy());
}

/// `wildcards` is how many the names may be filled with, for MQTT.
fn check_values(
    check: &mut Check,
    prefix: &str,
    format: PayloadFormat,
    values: &[ValueSettings],
    wildcards: Option<usize>,
) {
    check.unless(!values.is_empty(), &format!("{prefix}.values"), || "there must be one".to_owned());
    let mut templates = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let prefix = format!("{prefix}.values[{index}]");
        let key = format!("{prefix}.sensor");
        match wildcards {
            Some(wildcards) if value.sensor.contains('{') => {
                if let Some(problem) = template_problem(&value.sensor, wildcards) {
                    check.add(&key, problem);
                }
                // Another source may fill the same one with other topics.
                let is_new = templates.insert(value.sensor.as_str());
                check.unless(is_new, &key, || format!("{} is used twice", value.sensor));
            }
            _ => check.name(&key, &value.sensor),
        }
        check.unit(&format!("{prefix}.unit"), &value.unit);
        check.scale(&prefix, value.scale, value.offset);
        if let Some(problem) = pick_problem(format, value.pick.as_deref()) {
            check.add(&format!("{prefix}.pick"), problem.to_owned());
        }
    }
}

fn pick_problem(format: PayloadFormat, pick: Option<&str>) -> Option<&'static str> {
    match (format, pick) {
        (PayloadFormat::Number, None) | (PayloadFormat::Json, None) => None,
        (PayloadFormat::Number, Some(_)) => Some("the format number has nothing to pick from"),
        (PayloadFormat::NameValue, Some(name)) if !name.is_empty() => None,
        (PayloadFormat::NameValue, _) => Some("the format name_value needs a name"),
        (PayloadFormat::Csv, Some(column)) if column.parse().is_ok_and(|column: u16| column > 0) => None,
        (PayloadFormat::Csv, _) => Some("the format csv needs the number of a column, counted from 1"),
        (PayloadFormat::Json, Some(pointer)) if pointer.is_empty() || pointer.starts_with('/') => None,
        (PayloadFormat::Json, Some(_)) => Some("a json pointer begins with '/'"),
    }
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    names: BTreeSet<String>,
}

impl Check {
    fn add(&mut self, key: &str, what: String) {
        self.problems.push(Problem { key: key.to_owned(), what });
    }

    fn unless(&mut self, is_good: bool, key: &str, what: impl FnOnce() -> String) {
        if !is_good {
            self.add(key, what());
        }
    }

    fn given(&mut self, key: &str, text: &str) {
        self.unless(!text.is_empty() && !text.contains('\0'), key, || "must be given".to_owned());
    }

    fn range(&mut self, key: &str, value: u64, range: std::ops::RangeInclusive<u64>) {
        self.unless(range.contains(&value), key, || format!("must be {} to {}", range.start(), range.end()));
    }

    fn interval(&mut self, prefix: &str, interval_ms: Option<u64>) {
        if let Some(interval_ms) = interval_ms {
            self.range(&format!("{prefix}.interval_ms"), interval_ms, 100..=86_400_000);
        }
    }

    fn scale(&mut self, prefix: &str, scale: f64, offset: f64) {
        let is_scale = scale.is_finite() && scale != 0.0;
        self.unless(is_scale, &format!("{prefix}.scale"), || format!("{scale} is no scale"));
        self.unless(offset.is_finite(), &format!("{prefix}.offset"), || format!("{offset} is no offset"));
    }

    fn unit(&mut self, key: &str, unit: &str) {
        let is_plain = !unit.contains(|character: char| character.is_control() || "{}".contains(character));
        self.unless((1..=64).contains(&unit.len()) && is_plain, key, || {
            "must be 1 to 64 bytes without control characters and braces, which are filled in names alone".to_owned()
        });
    }

    /// Two sensors of a name could not be told apart.
    fn name(&mut self, key: &str, name: &str) {
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_name_byte);
        self.unless(is_name, key, || format!("{name:?} is not 1 to {NAME_BYTES_MAX} letters, digits, '-', '_' or '.'"));
        let is_new = self.names.insert(name.to_owned());
        self.unless(is_new, key, || format!("{name} is used twice"));
    }
}

#[cfg(test)]
mod tests;
