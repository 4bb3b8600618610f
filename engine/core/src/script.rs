//! Drives an operator from a script and prints what it makes: how operators are tested, without a runtime.
//!
//! A script is a text, a line a step:
//!
//! ```text
//! rows {"k": "a", "v": 1, "_event_time": "1970-01-01T00:00:01"} {"k": …}     a batch on input 0
//! rows@1 {…}                                                                a batch on input 1
//! watermark 10s      the merged watermark (a time after the epoch: 250ms, 10s, 5m, 2h, or `end`)
//! barrier 1          a checkpoint; its snapshot is kept
//! recover            a new operator, restored from the last snapshot
//! recover 0/2        the same, as instance 0 of 2
//! ```
//!
//! The printout repeats each step and, below it, the rows that the operator emitted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;

use crate::error::OperatorError;
use crate::key::KeyRange;
use crate::operator::{ChunkRows, Operator, Output, RestoredChunk, Snapshot};
use crate::time::EventTime;
use crate::watermark::Watermark;

/// Collects what an operator emits.
#[derive(Debug, Default)]
pub struct Collected(pub Vec<RecordBatch>);

impl Output for Collected {
    fn emit(&mut self, batch: RecordBatch) -> Result<(), OperatorError> {
        if batch.num_rows() > 0 {
            self.0.push(batch);
        }
        Ok(())
    }
}

/// What was wrong with a script, or what the operator answered to it.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A line that is no step.
    #[error("line {line}: {reason}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The operator failed at a step.
    #[error("line {line}: the operator failed")]
    Operator {
        /// Number of the line, from 1.
        line: usize,
        /// Its error.
        source: OperatorError,
    },
}

/// An operator under test, the schemas of its inputs, and the snapshots that it has handed over.
pub struct ScriptDriver<F> {
    make: F,
    inputs: Vec<SchemaRef>,
    operator: Box<dyn Operator>,
    stored: BTreeMap<(String, String), RecordBatch>,
}

impl<F: Fn() -> Box<dyn Operator>> ScriptDriver<F> {
    /// A driver for the operators that `make` makes.
    pub fn new(inputs: Vec<SchemaRef>, make: F) -> Self {
        let operator = make();
        ScriptDriver { make, inputs, operator, stored: BTreeMap::new() }
    }

    /// Runs a script and gives its printout.
    pub fn run(&mut self, script: &str) -> Result<String, ScriptError> {
        let mut printout = String::new();
        for (index, line) in script.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let number = index + 1;
            let _ = writeln!(printout, "> {line}");
            let mut out = Collected::default();
            self.step(number, line, &mut out)?;
            if !out.0.is_empty() {
                let table = pretty_format_batches(&out.0)
                    .map_err(|e| ScriptError::Line { line: number, reason: e.to_string() })?;
                let _ = writeln!(printout, "{table}");
            }
        }
        Ok(printout)
    }

    fn step(&mut self, line: usize, text: &str, out: &mut Collected) -> Result<(), ScriptError> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let failed = |source| ScriptError::Operator { line, source };
        match verb {
            "watermark" => {
                let watermark = parse_watermark(rest).map_err(|reason| ScriptError::Line { line, reason })?;
                self.operator.on_watermark(watermark, out).map_err(failed)?;
            }
            "barrier" => {
                let epoch = rest
                    .trim()
                    .parse()
                    .map_err(|_| ScriptError::Line { line, reason: format!("{rest:?} is no epoch") })?;
                let snapshot = self.operator.on_barrier(epoch, out).map_err(failed)?;
                self.keep(line, snapshot)?;
            }
            "recover" => self.recover(line, rest)?,
            _ => {
                let input = match verb.strip_prefix("rows") {
                    Some("") => 0,
                    Some(at) => at.trim_start_matches('@').parse().unwrap_or(usize::MAX),
                    None => return Err(ScriptError::Line { line, reason: format!("unknown step {verb:?}") }),
                };
                let batch = self.parse_rows(line, input, rest)?;
                self.operator.on_batch(input, batch, out).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, line: usize, snapshot: Snapshot) -> Result<(), ScriptError> {
        let mut kept = BTreeMap::new();
        for chunk in snapshot.chunks {
            let key = (chunk.table, chunk.id);
            let read = |rows: ChunkRows| rows.read().map_err(|source| ScriptError::Operator { line, source });
            let rows = chunk.rows.map(read).transpose()?.or_else(|| self.stored.get(&key).cloned());
            let rows = rows.ok_or_else(|| ScriptError::Line {
                line,
                reason: format!("chunk {key:?} is named as unchanged, but was never handed over"),
            })?;
            kept.insert(key, rows);
        }
        self.stored = kept;
        Ok(())
    }

    fn recover(&mut self, line: usize, rest: &str) -> Result<(), ScriptError> {
        let range = match rest.trim().split_once('/') {
            None => KeyRange::ALL,
            Some((index, count)) => match (index.parse(), count.parse()) {
                (Ok(index), Ok(count)) => KeyRange::of(index, count),
                _ => return Err(ScriptError::Line { line, reason: format!("{rest:?} is no instance") }),
            },
        };
        let chunks = self
            .stored
            .iter()
            .map(|((table, _), rows)| RestoredChunk { table: table.clone(), rows: rows.clone() })
            .collect();
        self.operator = (self.make)();
        self.operator.restore(chunks, range).map_err(|source| ScriptError::Operator { line, source })
    }

    fn parse_rows(&self, line: usize, input: usize, json: &str) -> Result<RecordBatch, ScriptError> {
        let wrong = |reason: String| ScriptError::Line { line, reason };
        let schema = self.inputs.get(input).ok_or_else(|| wrong(format!("there is no input {input}")))?;
        let mut decoder =
            ReaderBuilder::new(schema.clone()).build_decoder().map_err(|error| wrong(error.to_string()))?;
        decoder.decode(json.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let batch = decoder.flush().map_err(|error| wrong(error.to_string()))?;
        batch.ok_or_else(|| wrong("no rows".to_owned()))
    }
}

fn parse_watermark(text: &str) -> Result<Watermark, String> {
    let text = text.trim();
    if text == "end" {
        return Ok(Watermark::END);
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no time"))?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{unit:?} is no unit of time")),
    };
    Ok(Watermark::at(EventTime(0).plus(Duration::from_millis(number * millis))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    /// Gives back at each barrier what came since the one before, and holds the rest as state.
    struct Echo(Vec<RecordBatch>);

    impl Operator for Echo {
        fn name(&self) -> &str {
            "echo"
        }
        fn on_batch(&mut self, _: usize, batch: RecordBatch, _: &mut dyn Output) -> Result<(), OperatorError> {
            self.0.push(batch);
            Ok(())
        }
        fn on_watermark(&mut self, watermark: Watermark, out: &mut dyn Output) -> Result<Watermark, OperatorError> {
            self.0.drain(..).try_for_each(|batch| out.emit(batch))?;
            Ok(watermark)
        }
        fn on_barrier(&mut self, epoch: u64, _: &mut dyn Output) -> Result<Snapshot, OperatorError> {
            let chunk = |(i, rows): (usize, &RecordBatch)| crate::StateChunk {
                table: "held".into(),
                id: format!("{epoch}-{i}"),
                rows: Some(rows.clone().into()),
            };
            Ok(Snapshot { chunks: self.0.iter().enumerate().map(chunk).collect() })
        }
        fn restore(&mut self, chunks: Vec<RestoredChunk>, _: KeyRange) -> Result<(), OperatorError> {
            self.0 = chunks.into_iter().map(|chunk| chunk.rows).collect();
            Ok(())
        }
    }

    #[test]
    fn a_restored_operator_goes_on_from_the_barrier() {
        let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, true)]));
        let mut driver = ScriptDriver::new(vec![schema], || Box::new(Echo(Vec::new())));
        let printout = driver.run("rows {\"v\": 1}\nbarrier 1\nrows {\"v\": 2}\nrecover\nwatermark 1s").unwrap();
        let expected = "> rows {\"v\": 1}\n> barrier 1\n> rows {\"v\": 2}\n> recover\n> watermark 1s\n\
                        +---+\n| v |\n+---+\n| 1 |\n+---+\n";
        assert_eq!(printout, expected);
    }

    #[test]
    fn a_wrong_line_says_which() {
        let mut driver = ScriptDriver::new(vec![], || Box::new(Echo(Vec::new())));
        assert_eq!(driver.run("barrier 1\nwatermark 3x").unwrap_err().to_string(), "line 2: \"x\" is no unit of time");
    }
}
