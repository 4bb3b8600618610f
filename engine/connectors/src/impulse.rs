//! `impulse`: a generator that counts. Rows are `counter` (0, 1, 2 …), `subtask_index` (always 0: one instance makes
//! all rows, so that they do not depend on the parallelism) and `timestamp`, the event time.
//!
//! Everything but the pace is a function of the counter: row n is at `start_time` + n × `event_time_interval`.
//! `start_time` is 1970-01-01 where unsaid; `'now'` reads the clock once, and a restored source keeps what it read. The
//! interval is a second over `event_rate` where unsaid, or a millisecond without a rate. `event_rate` (rows a second)
//! also sets the pace; without it rows come as fast as they are taken. `message_count` bounds the source.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{ArrayRef, TimestampNanosecondArray, UInt64Array};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use headwater_core::{ConnectorError, Positions, Source, SourceContext, SourceEvent, SourceFactory};
use headwater_plan::{ConnectorTable, OptionValue, Options, TableDeclaration, TableError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::columns::{Sides, choose_own};
use crate::set::ConnectorSettings;

const MAX_BATCH: u64 = 8192;
/// A paced source makes a batch this often, or a row at a time where it makes fewer.
const PACE: Duration = Duration::from_millis(50);
const PARTITION: &str = "impulse";

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    Sides::source_only("impulse", options)?;
    let settings = Settings::of(options)?;
    options.finish()?;
    let schema = choose_own("impulse", &own_columns(), &declaration.columns)?;
    let event_time = schema.field_with_name("timestamp").is_ok().then(|| ("timestamp".to_owned(), Duration::ZERO));
    let source = Arc::new(Impulse { schema: schema.clone(), settings });
    Ok(ConnectorTable { columns: Some(schema), event_time, idle_after: None, source: Some(source), sink: None })
}

fn own_columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("counter", DataType::UInt64, false),
        Field::new("subtask_index", DataType::UInt64, false),
        Field::new("timestamp", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
    ]))
}

#[derive(Clone, Debug)]
struct Settings {
    rate: Option<f64>,
    count: Option<u64>,
    start: Start,
    interval_ns: i64,
}

#[derive(Clone, Debug)]
enum Start {
    At(i64),
    Now,
}

impl Settings {
    fn of(options: &Options) -> Result<Self, TableError> {
        let rate = options.number::<f64>("event_rate")?;
        if let Some(rate) = rate.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
            return Err(TableError::new(format!("option 'event_rate' cannot be {rate}"))
                .with_option("event_rate")
                .with_hint("leave it out to have rows as fast as possible"));
        }
        let start = match options.text("start_time")? {
            None => Start::At(0),
            Some("now") => Start::Now,
            Some(text) => Start::At(string_to_timestamp_nanos(text).map_err(|_| {
                TableError::new(format!("option 'start_time' cannot be '{text}'"))
                    .with_option("start_time")
                    .with_hint("write a time as '2023-09-18T14:00:00', or 'now'")
            })?),
        };
        let interval_ns = match options.raw("event_time_interval") {
            Some(OptionValue::Interval(interval)) => headwater_core::time::saturating_nanos(*interval),
            Some(_) => options.number::<u32>("event_time_interval")?.map_or(0, i64::from),
            None => rate.map_or(1_000_000, |rate| (1e9 / rate) as i64),
        };
        Ok(Settings { rate, count: options.number("message_count")?, start, interval_ns })
    }
}

#[derive(Debug)]
struct Impulse {
    schema: SchemaRef,
    settings: Settings,
}

#[async_trait]
impl SourceFactory for Impulse {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        self.settings.count.is_some()
    }

    fn parallel(&self) -> bool {
        false
    }

    fn fingerprint(&self) -> String {
        // The count is not part of it: a longer run goes on where a shorter one ended.
        format!("impulse {:?} {}", self.settings.start, self.settings.interval_ns)
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        let position = match context.positions.get(PARTITION) {
            None => Position { counter: 0, start_ns: self.settings.start_ns() },
            Some(value) => serde_json::from_value(value.clone())
                .map_err(|error| ConnectorError::fatal("impulse", PARTITION, "read its position", error))?,
        };
        Ok(Box::new(ImpulseSource {
            schema: self.schema.clone(),
            settings: self.settings.clone(),
            position,
            announced: false,
            draining: false,
            paced_from: (Instant::now(), position.counter),
        }))
    }
}

impl Settings {
    fn start_ns(&self) -> i64 {
        match self.start {
            Start::At(at) => at,
            Start::Now => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                headwater_core::time::saturating_nanos(since)
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The next row.
    counter: u64,
    /// The event time of row 0.
    start_ns: i64,
}

struct ImpulseSource {
    schema: SchemaRef,
    settings: Settings,
    position: Position,
    announced: bool,
    draining: bool,
    paced_from: (Instant, u64),
}

#[async_trait]
impl Source for ImpulseSource {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !self.announced {
            self.announced = true;
            return Ok(SourceEvent::Partitions(vec![PARTITION.to_owned()]));
        }
        let left = self.settings.count.map_or(u64::MAX, |count| count.saturating_sub(self.position.counter));
        if left == 0 || self.draining {
            return Ok(SourceEvent::End);
        }
        let rows = self.pace().await.min(left);
        let first = self.position.counter;
        let batch = self.rows(first, rows)?;
        self.position.counter = first + rows;
        Ok(SourceEvent::Batch { partition: 0, batch })
    }

    fn positions(&self) -> Positions {
        Positions::from([(
            PARTITION.to_owned(),
            serde_json::json!({"counter": self.position.counter, "start_ns": self.position.start_ns}),
        )])
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        self.draining = true;
        Ok(())
    }
}

impl ImpulseSource {
    /// Waits until the next rows are due, by a deadline that does not drift, and says how many they are.
    async fn pace(&self) -> u64 {
        let Some(rate) = self.settings.rate else {
            tokio::task::consume_budget().await;
            return MAX_BATCH;
        };
        let rows = rows_at_once(rate);
        let (began, from) = self.paced_from;
        let deadline = due_after(rate, self.position.counter + rows - from).and_then(|after| began.checked_add(after));
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
        rows
    }

    fn rows(&self, first: u64, rows: u64) -> Result<RecordBatch, ConnectorError> {
        let counters = first..first + rows;
        let column = |field: &Arc<Field>| -> ArrayRef {
            match field.name().as_str() {
                "counter" => Arc::new(UInt64Array::from_iter_values(counters.clone())),
                "subtask_index" => Arc::new(UInt64Array::from_iter_values(counters.clone().map(|_| 0))),
                _ => Arc::new(TimestampNanosecondArray::from_iter_values(counters.clone().map(|n| self.time_of(n)))),
            }
        };
        let columns = self.schema.fields().iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| ConnectorError::fatal("impulse", PARTITION, "build a batch", error))
    }

    fn time_of(&self, counter: u64) -> i64 {
        let counter = i64::try_from(counter).unwrap_or(i64::MAX);
        self.position.start_ns.saturating_add(counter.saturating_mul(self.settings.interval_ns))
    }
}

/// Rows of one batch at a pace.
fn rows_at_once(rate: f64) -> u64 {
    ((rate * PACE.as_secs_f64()) as u64).clamp(1, MAX_BATCH)
}

/// How long after the beginning so many rows are due; never, where a clock cannot say it.
fn due_after(rate: f64, rows: u64) -> Option<Duration> {
    Duration::try_from_secs_f64(rows as f64 / rate).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source_contract::{check_contract, read_all, rows_of};

    fn factory(options: &[(&str, &str)]) -> Impulse {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
        let settings = Settings::of(&Options::new(options.iter().map(text))).unwrap();
        Impulse { schema: own_columns(), settings }
    }

    #[tokio::test]
    async fn counts_and_keeps_time() {
        let factory = factory(&[("message_count", "3"), ("event_time_interval", "1000"), ("start_time", "2020-01-01")]);
        let rows = rows_of(&read_all(&factory).await);
        assert_eq!(rows[2], r#"{"counter":2,"subtask_index":0,"timestamp":"2020-01-01T00:00:00.000002"}"#);
        assert_eq!(rows.len(), 3);
    }

    #[tokio::test]
    async fn goes_on_where_it_was() {
        check_contract(&factory(&[("message_count", "20000")]), 1).await;
    }

    #[tokio::test]
    async fn keeps_its_rate_by_the_clock() {
        assert_eq!((rows_at_once(200.0), rows_at_once(0.5), rows_at_once(1e9)), (10, 1, MAX_BATCH));
        assert_eq!(due_after(200.0, 1000), Some(Duration::from_secs(5)));
        assert_eq!(due_after(1e-300, u64::MAX), None);
        let began = Instant::now();
        let rows = read_all(&factory(&[("message_count", "25"), ("event_rate", "1000")])).await;
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 25);
        assert!(began.elapsed() >= Duration::from_millis(25));
    }

    #[test]
    fn a_rate_must_be_one() {
        let options = Options::new([("event_rate".to_owned(), OptionValue::Number("0".into()))]);
        assert_eq!(Settings::of(&options).unwrap_err().option.as_deref(), Some("event_rate"));
    }
}
