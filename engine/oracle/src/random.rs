//! Made-up queries over made-up rows, held to the law one after another, as many as one has time for.
//!
//! A case is a seed: its tables, its query and everything that happens to its jobs follow from it, so that a failure is
//! repeated by the number alone. Queries are put together from the features that are asked for; one that the planner
//! refuses is counted with the reason and says nothing about the answers. Of a failure the rows are taken away that it
//! does not need.

mod expression;
mod feature;
mod query;
mod relation;
mod rows;
mod shrink;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use headwater_core::schema::weights;
use headwater_plan::{ConnectorTable, Connectors, TableDeclaration, TableError};

pub use feature::Feature;

use crate::bench::Bench;
use crate::check::{Agreement, CheckSettings, Question, check};
use crate::compare::{line, visible};
use crate::error::Failure;
use crate::feed::{Feed, FeedFactory};
use crate::rng::Rng;
use query::Generator;

/// What cases are made up, and how many.
#[derive(Clone, Debug)]
pub struct RandomSettings {
    /// How many cases.
    pub count: u64,
    /// The seed of the first case; each further one has the next number.
    pub seed: u64,
    /// How many are checked at once.
    pub threads: usize,
    /// What queries are made of.
    pub features: Vec<Feature>,
}

/// What the cases came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Cases whose answers agreed.
    pub agreed: u64,
    /// Those among them that had any rows.
    pub with_rows: u64,
    /// Cases that the planner refused, by what it said.
    pub refused: BTreeMap<String, u64>,
    /// Cases that batch DataFusion has no answer to, by why.
    pub unanswered: BTreeMap<String, u64>,
    /// Cases that failed.
    pub failures: Vec<RandomFailure>,
}

impl Tally {
    /// How many cases there were.
    pub fn cases(&self) -> u64 {
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        self.agreed + sum(&self.refused) + sum(&self.unanswered) + self.failures.len() as u64
    }
}

/// A case that failed, with no more rows than it takes.
#[derive(Debug)]
pub struct RandomFailure {
    /// The case.
    pub case: RandomCase,
    /// What is wrong.
    pub failure: Failure,
}

/// A made-up query with its rows.
#[derive(Clone, Debug)]
pub struct RandomCase {
    /// Its seed.
    pub seed: u64,
    /// The query file.
    pub sql: String,
    /// The rows of its tables.
    pub rows: BTreeMap<String, RecordBatch>,
}

impl RandomCase {
    /// The case of a seed.
    ///
    /// # Errors
    /// Never, unless made-up rows do not fit their table.
    pub fn new(seed: u64, features: &[Feature]) -> Result<Self, Failure> {
        let mut rng = Rng::new(seed);
        let mut tables = rng.fork();
        let query = Generator::new(rng, features).query();
        let mut sql = String::new();
        let mut rows = BTreeMap::new();
        let names = |table: &str| {
            let reads = ["FROM", "TABLE", "JOIN"].map(|word| format!("{word} {table}"));
            reads.iter().any(|read| query.contains(&format!("{read} ")) || query.contains(&format!("{read},")))
        };
        for table in rows::ALL.iter().filter(|table| names(table)) {
            let late = features.contains(&Feature::Lateness) && tables.chance(10);
            let seconds = tables.between(1, 20);
            let late = if late { format!(", allowed_lateness = interval '{seconds} seconds'") } else { String::new() };
            sql += &rows::declaration(table, &late);
            let made = rows::rows(table, &mut tables).map_err(|error| Failure::input(table, error))?;
            rows.insert((*table).to_owned(), made);
        }
        sql += &format!("\n{query};\n");
        Ok(RandomCase { seed, sql, rows })
    }

    /// The rows of each table as JSON lines, those of a changelog as changes.
    ///
    /// # Errors
    /// When a value has no form in JSON.
    pub fn json(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut files = BTreeMap::new();
        for (table, rows) in &self.rows {
            let lines = (0..rows.num_rows()).map(|row| record(&rows.slice(row, 1)).map(|record| record + "\n"));
            let lines: Result<String, _> = lines.collect();
            files.insert(table.clone(), lines.map_err(|error| Failure::input(table, error))?);
        }
        Ok(files)
    }

    /// Writes the case as a test: a folder `random-<seed>` below `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn keep(&self, folder: &Path) -> Result<(), Failure> {
        let folder = folder.join(format!("random-{}", self.seed));
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, content));
            written.map_err(|error| Failure::File { path, reason: error.to_string() })
        };
        write("query.sql", &self.sql)?;
        for (table, lines) in self.json()? {
            write(&format!("{table}.json"), &lines)?;
        }
        Ok(())
    }

    async fn check(&self, rounds: usize) -> Result<Agreement, Failure> {
        let bench = Bench::new(Arc::new(MadeUp));
        let question = Question { sql: &self.sql, bench: &bench, inputs: self.rows.clone() };
        check(question, &CheckSettings { seed: self.seed, rounds }).await
    }

    /// Checks the case on a runtime of this thread; a panic is a failure like any other.
    fn check_here(&self, runtime: &tokio::runtime::Runtime, rounds: usize) -> Result<Agreement, Failure> {
        let checked = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.check(rounds))));
        checked.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(Failure::Broke { phase: "checking".to_owned(), reason: format!("panicked: {text}") })
        })
    }
}

/// A row as JSON; one with a weight as the change that gives it or takes it back.
fn record(row: &RecordBatch) -> Result<String, ArrowError> {
    let content = line(&visible(row)?)?;
    Ok(match weights(row).map(|weights| weights.value(0)) {
        None => content,
        Some(weight) if weight < 0 => format!("{{\"before\":{content},\"after\":null,\"op\":\"d\"}}"),
        Some(_) => format!("{{\"before\":null,\"after\":{content},\"op\":\"c\"}}"),
    })
}

/// Checks made-up cases, on several threads. `progress` is told of every case that is done.
pub fn check_random(settings: &RandomSettings, progress: &(dyn Fn(&Tally) + Sync)) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..settings.threads.max(1) {
            scope.spawn(|| work(settings, &next, &tally, progress));
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.failures.sort_by_key(|found| found.case.seed);
    tally
}

fn work(settings: &RandomSettings, next: &AtomicU64, tally: &Mutex<Tally>, progress: &(dyn Fn(&Tally) + Sync)) {
    // One thread runs its cases alone, so that they are repeated in the same order of events.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return note(tally, progress, |tally| *tally.unanswered.entry(error.to_string()).or_default() += 1);
        }
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= settings.count {
            return;
        }
        let seed = settings.seed.wrapping_add(number);
        let checked = RandomCase::new(seed, &settings.features).map(|case| {
            let checked = case.check_here(&runtime, 1);
            (case, checked)
        });
        match checked {
            Ok((case, Err(failure))) if failure.is_difference() => {
                let (case, failure) = shrink::shrink(case, failure, &runtime);
                note(tally, progress, |tally| tally.failures.push(RandomFailure { case, failure }));
            }
            Ok((_, Err(failure))) | Err(failure) => note(tally, progress, |tally| match failure {
                Failure::Refused(diagnostic) => *tally.refused.entry(diagnostic.message).or_default() += 1,
                other => *tally.unanswered.entry(reason(&other)).or_default() += 1,
            }),
            Ok((_, Ok(agreement))) => note(tally, progress, |tally| {
                tally.agreed += 1;
                tally.with_rows += u64::from(agreement.rows() > 0);
            }),
        }
    }
}

fn note(tally: &Mutex<Tally>, progress: &(dyn Fn(&Tally) + Sync), change: impl FnOnce(&mut Tally)) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut tally);
    progress(&tally);
}

/// Why there is no answer, without what differs from case to case.
fn reason(failure: &Failure) -> String {
    let text = failure.to_string();
    let first = text.lines().next().unwrap_or_default();
    let known: String = first.chars().take(120).map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
    known
}

/// Declares the tables of made-up queries. Their rows are given, so that nothing is ever opened.
#[derive(Debug)]
pub(crate) struct MadeUp;

impl Connectors for MadeUp {
    fn names(&self) -> Vec<String> {
        vec!["single_file".to_owned()]
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        let columns = declaration.columns.iter();
        let fields: Vec<Field> =
            columns.map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable)).collect();
        let schema = Arc::new(Schema::new(fields));
        let updating = declaration.options.text("format")? == Some("debezium_json");
        let source = FeedFactory(Arc::new(Feed::new(&declaration.name, schema.clone(), updating)));
        let source = Some(Arc::new(source) as _);
        Ok(ConnectorTable { columns: Some(schema), event_time: None, idle_after: None, source, sink: None })
    }
}
