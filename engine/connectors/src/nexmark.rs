//! `nexmark`: the events of an online auction, as the Nexmark benchmark has them: of every 50 events one person, three
//! auctions and 46 bids, with hot sellers, bidders and auctions.
//!
//! A table has the columns `person`, `auction` and `bid`, structs of which exactly one is not null, and `datetime`,
//! the event time. `table = 'bid'` (`'auction'`, `'person'`) gives the events of that kind alone, in flat columns,
//! out of the same sequence. Every event is a function of `seed` and its number; its time is `start_time` plus its
//! number over `event_rate` (events a second of event time, 10,000 where unsaid). `message_count` counts the events
//! of all kinds. A table without one goes on for ever at the pace of the clock; one with it ends, as fast as its rows
//! are taken, unless `realtime` says to keep pace.

mod columns;
mod event;
mod random;
mod source;
mod words;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use headwater_core::{ConnectorError, Source, SourceContext, SourceFactory};
use headwater_plan::{ConnectorTable, Options, TableDeclaration, TableError};

use self::columns::{Columns, DATETIME, schema_of};
use self::event::{Kind, Sequence, TURN};
use self::source::{Generator, Plan};
use crate::columns::{NEVER_IDLE, Sides, choose_own};
use crate::set::ConnectorSettings;

/// When the published generator's auction begins: 2015-07-15.
const BASE_TIME_NS: i64 = 1_436_918_400_000_000_000;
/// Events a second where the table does not say.
const RATE: f64 = 10_000.0;
/// Event time in a block of the sequence, where that makes neither less than an event nor more than [`BLOCK_ROWS`].
const BLOCK_SECONDS: f64 = 0.05;
const BLOCK_ROWS: u64 = 4096;

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    Sides::source_only("nexmark", options)?;
    let settings = Settings::of(options)?;
    options.finish()?;
    let schema = choose_own("nexmark", &schema_of(settings.kind), &declaration.columns)?;
    let event_time = schema.field_with_name(DATETIME).is_ok().then(|| (DATETIME.to_owned(), Duration::ZERO));
    let source = Arc::new(Nexmark::new(settings, schema.clone()));
    Ok(ConnectorTable {
        columns: Some(schema),
        event_time,
        // Lanes take turns, so none is ever silent while another is not.
        idle_after: Some(NEVER_IDLE),
        source: Some(source),
        sink: None,
    })
}

#[derive(Clone, Debug)]
struct Settings {
    kind: Option<Kind>,
    rate: f64,
    paced: bool,
    count: Option<u64>,
    /// Nanoseconds; the moment in which the source is opened where there is none.
    start_ns: Option<i64>,
    seed: u64,
}

impl Settings {
    fn of(options: &Options) -> Result<Self, TableError> {
        let rate = options.number::<f64>("event_rate")?.unwrap_or(RATE);
        if !rate.is_finite() || rate <= 0.0 || rate > 1e9 {
            return Err(TableError::new(format!("option 'event_rate' cannot be {rate}"))
                .with_option("event_rate")
                .with_hint("write the events of a second of event time, up to 1000000000"));
        }
        let count = options.number::<u64>("message_count")?;
        let realtime = options.boolean("realtime")?;
        let start_ns = match options.text("start_time")? {
            None => Some(BASE_TIME_NS),
            Some("now") => None,
            Some(text) => Some(string_to_timestamp_nanos(text).map_err(|_| {
                TableError::new(format!("option 'start_time' cannot be '{text}'"))
                    .with_option("start_time")
                    .with_hint("write a time as '2023-09-18T14:00:00', or 'now'")
            })?),
        };
        let kinds = [Kind::Person, Kind::Auction, Kind::Bid].map(|kind| (kind.name(), kind));
        Ok(Settings {
            kind: options.choice("table", &kinds)?,
            rate,
            paced: realtime.unwrap_or(count.is_none()),
            count,
            start_ns,
            seed: options.number("seed")?.unwrap_or(0),
        })
    }

    fn interval_ns(&self) -> i64 {
        (1e9 / self.rate).round() as i64
    }

    /// Events in a block.
    fn block(&self) -> u64 {
        let rows_a_turn = self.kind.map_or(TURN, |kind| kind.places().end - kind.places().start);
        ((self.rate * BLOCK_SECONDS) as u64).clamp(1, BLOCK_ROWS * TURN / rows_a_turn)
    }
}

#[derive(Debug)]
struct Nexmark {
    settings: Settings,
    schema: SchemaRef,
    /// When event 0 happens and the table says now: the same for all instances.
    started_ns: OnceLock<i64>,
    /// Made when the first instance is opened, and shared by all.
    columns: OnceLock<Arc<Columns>>,
}

impl Nexmark {
    fn new(settings: Settings, schema: SchemaRef) -> Self {
        Nexmark { settings, schema, started_ns: OnceLock::new(), columns: OnceLock::new() }
    }

    fn start_ns(&self) -> i64 {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            headwater_core::time::saturating_nanos(since)
        };
        self.settings.start_ns.unwrap_or_else(|| *self.started_ns.get_or_init(now))
    }
}

#[async_trait]
impl SourceFactory for Nexmark {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        self.settings.count.is_some()
    }

    fn fingerprint(&self) -> String {
        // The count is not part of it: a longer run goes on where a shorter one ended.
        let Settings { kind, start_ns, seed, .. } = &self.settings;
        format!("nexmark {kind:?} {start_ns:?} {} {seed} {}", self.settings.interval_ns(), self.settings.block())
    }

    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        let settings = &self.settings;
        let columns =
            self.columns.get_or_init(|| Arc::new(Columns::new(settings.kind, self.schema.clone(), settings.seed)));
        let plan = Plan {
            sequence: Sequence { seed: settings.seed, start_ns: self.start_ns(), interval_ns: settings.interval_ns() },
            block: settings.block(),
            count: settings.count,
            pace: settings.paced.then_some(settings.rate),
        };
        Ok(Box::new(Generator::open(plan, Arc::clone(columns), &context)?))
    }
}

#[cfg(test)]
mod tests;
