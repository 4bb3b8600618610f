//! The ways to look at a camera: their knobs, what they find and what they draw.
//!
//! The knobs, in the order in which they are turned where two ways are equally good: frame rate, resolution
//! tier, model. Deferral of uploads costs no accuracy and is decided apart. What the ways find was measured
//! once, on one clip ([`Table::measured`]); what they draw follows from how often they look and how long a look took on
//! the machine of the table. Another machine is faster or slower in all of them alike, which changes no decision.

use crate::controller::Measure;

/// The table that comes with the crate.
const MEASURED: &str = include_str!("../data/configurations.csv");

/// A way to look at a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The model.
    pub model: String,
    /// Input size of the network, pixels.
    pub tier: u32,
    /// Frames looked at a second, at most.
    pub fps: f64,
    /// Whether a frame in which nothing moves is left out.
    pub gate: bool,
    /// What it finds of what the best way finds, 0 to 1.
    pub accuracy: f64,
    /// What it draws above a machine that does not look, watts.
    pub watts: f64,
}

/// What a machine draws, for the watts of a configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// What one busy core draws over an idle one, watts.
    pub busy_watts: f64,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The model.
    pub model: String,
    /// Input size of the network, pixels.
    pub tier: u32,
    /// Frames looked at a second, at most.
    pub fps: f64,
    /// Whether a frame in which nothing moves is left out.
    pub gate: bool,
    /// F1 of boxes against the best way, 0 to 1.
    pub accuracy: f64,
    /// One less the error of the count over the count of the best way, 0 to 1.
    pub count_accuracy: f64,
    /// Inferences a second, after the gate.
    pub inferences_per_s: f64,
    /// What an inference took, core milliseconds.
    pub inference_ms: f64,
    /// What the gate takes, core milliseconds a second.
    pub gate_ms_per_s: f64,
}

/// The measured ways to look.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// A line each.
    pub lines: Vec<Measured>,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
enum TableError {
    /// The first line has not the columns.
    #[error("the table of configurations has no column {column} in its first line")]
    Column { column: &'static str },
    /// A field is missing or has no sense.
    #[error("line {line} of the table of configurations has no {column}")]
    Field { line: usize, column: &'static str },
    /// There is no line but the first.
    #[error("the table of configurations is empty")]
    Empty,
}

impl Default for Machine {
    fn default() -> Self {
        Self { busy_watts: 6.0 }
    }
}

impl Table {
    /// The table measured on `footage/vtest-a.mp4` with the model that comes along.
    pub fn measured() -> Self {
        // The file is a part of the program, and a test reads it.
        Self::parse(MEASURED).unwrap_or(Self { lines: Vec::new() })
    }

    fn parse(text: &str) -> Result<Self, TableError> {
        let said = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        let mut lines = text.lines().enumerate().filter(|(_, line)| said(line));
        let header: Vec<&str> =
            lines.next().map(|(_, line)| line.split(',').map(str::trim).collect()).unwrap_or_default();
        let columns = Columns { header: &header };
        let lines = lines.map(|(index, line)| columns.read(index + 1, line)).collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            return Err(TableError::Empty);
        }
        Ok(Self { lines })
    }

    /// The ways to look on a machine, with the accuracy that is meant.
    pub fn configurations(&self, machine: &Machine, measure: Measure) -> Vec<Configuration> {
        let draws = |line: &Measured| {
            machine.busy_watts * (line.inferences_per_s * line.inference_ms + line.gate_ms_per_s) / 1000.0
        };
        let way = |line: &Measured| Configuration {
            model: line.model.clone(),
            tier: line.tier,
            fps: line.fps,
            gate: line.gate,
            accuracy: match measure {
                Measure::Count => line.count_accuracy,
                Measure::Boxes => line.accuracy,
            },
            watts: draws(line),
        };
        self.lines.iter().map(way).collect()
    }
}

/// The columns of a table, by their names.
struct Columns<'a> {
    header: &'a [&'a str],
}

impl Columns<'_> {
    fn read(&self, line: usize, text: &str) -> Result<Measured, TableError> {
        let fields: Vec<&str> = text.split(',').map(str::trim).collect();
        let number = |column, least: f64, most: f64| {
            let number: f64 = self.field(&fields, line, column)?;
            let sane = (least..=most).contains(&number);
            if sane { Ok(number) } else { Err(TableError::Field { line, column }) }
        };
        Ok(Measured {
            model: self.field(&fields, line, "model")?,
            tier: self.field(&fields, line, "tier")?,
            fps: number("fps", 1e-3, 1e3)?,
            gate: self.field(&fields, line, "gate")?,
            accuracy: number("accuracy", 0.0, 1.0)?,
            count_accuracy: number("count_accuracy", 0.0, 1.0)?,
            inferences_per_s: number("inferences_per_s", 0.0, 1e3)?,
            inference_ms: number("inference_ms", 0.0, 1e5)?,
            gate_ms_per_s: number("gate_ms_per_s", 0.0, 1e3)?,
        })
    }

    fn field<T: std::str::FromStr>(&self, fields: &[&str], line: usize, column: &'static str) -> Result<T, TableError> {
        let place = self.header.iter().position(|name| *name == column);
        let place = place.ok_or(TableError::Column { column })?;
        let value = fields.get(place).and_then(|text| text.parse().ok());
        value.ok_or(TableError::Field { line, column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = "model,tier,fps,gate,accuracy,count_accuracy,inferences_per_s,inference_ms,gate_ms_per_s\n";

    #[test]
    fn the_table_that_comes_along_can_be_read_and_has_a_yardstick() {
        let table = Table::parse(MEASURED).unwrap();
        assert_eq!(table, Table::measured());
        assert!(table.lines.iter().any(|line| line.accuracy == 1.0 && !line.gate));
    }

    #[test]
    fn watts_are_busy_seconds_times_the_watts_of_a_core() {
        let text = format!("{COLUMNS}m,416,10,true,1,1,5,40,10\n");
        let table = Table::parse(&text).unwrap();
        let watts = |machine: &Machine| table.configurations(machine, Measure::Count)[0].watts;
        assert!((watts(&Machine { busy_watts: 10.0 }) - 2.1).abs() < 1e-9);
    }

    #[test]
    fn a_wrong_field_is_named() {
        let error = |text| Table::parse(text).unwrap_err().to_string();
        assert_eq!(error("# no\n"), "the table of configurations is empty");
        assert_eq!(error("tier\n1\n"), "the table of configurations has no column model in its first line");
        let wrong = format!("# a remark\n{COLUMNS}m,416,10,true,1.5,1,5,40,10\n");
        assert_eq!(error(&wrong), "line 3 of the table of configurations has no accuracy");
    }
}
