//! Holds one query to the law: asks batch DataFusion, runs the job in every way, and compares.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use headwater_plan::{Graph, NodeKind};
use headwater_sql::{OutputInfo, PlanSettings, Script};

use crate::batch;
use crate::bench::Bench;
use crate::compare::compare;
use crate::error::Failure;
use crate::input::{self, Table};
use crate::order;
use crate::rng::Rng;
use crate::stream::{self, Graphs, Phase};

/// How thoroughly a query is checked.
#[derive(Clone, Copy, Debug)]
pub struct CheckSettings {
    /// Decides how rows arrive, where they are cut, and where the job is interrupted.
    pub seed: u64,
    /// How often everything is done, each time with other chances.
    pub rounds: usize,
}

/// A query and the rows of its tables.
#[derive(Debug)]
pub struct Question<'a> {
    /// The query file.
    pub sql: &'a str,
    /// Declares its tables.
    pub bench: &'a Bench,
    /// The rows of tables, in their connectors' columns, and behind them the weight where a table is a changelog. What is
    /// not here is read from the connector.
    pub inputs: BTreeMap<String, RecordBatch>,
}

/// A query whose answers agree.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// The batch answer of each output.
    pub answers: BTreeMap<String, Vec<RecordBatch>>,
    /// Tables whose own order makes rows late, and how many; they were fed in order of time.
    pub late: BTreeMap<String, usize>,
    /// How many rows were read of all tables.
    pub rows_read: usize,
    /// How many runs were compared.
    pub runs: usize,
}

impl Agreement {
    /// How many rows an output has.
    pub fn rows(&self) -> usize {
        self.answers.values().flatten().map(RecordBatch::num_rows).sum()
    }
}

/// Checks a query.
///
/// # Errors
/// When the query cannot run, when its rows cannot be had, and when the answers differ.
pub async fn check(question: Question<'_>, settings: &CheckSettings) -> Result<Agreement, Failure> {
    let Question { sql, bench, mut inputs } = question;
    let script = plan(sql, bench, 1)?;
    let Some(single) = script.graph else {
        return Err(Failure::no_answer("all", "it runs nothing: it has no INSERT, SELECT or MATERIALIZED VIEW"));
    };
    let parallel = plan(sql, bench, 2)?.graph.unwrap_or_else(|| single.clone());
    let tables = tables(&single, bench, &mut inputs).await?;
    let mut rows = standing(&tables);
    for node in &single.nodes {
        if let NodeKind::Lookup(lookup) = &node.kind {
            rows.insert(lookup.table.clone(), input::looked_up(lookup).await?);
        }
    }
    let mut agreement = Agreement { answers: answers(&script.outputs, &rows).await?, ..Agreement::default() };
    for (name, table) in &tables {
        agreement.rows_read += table.rows.num_rows();
        let late = order::late_rows(table);
        if late > 0 {
            agreement.late.insert(name.clone(), late);
        }
    }
    let graphs = Graphs { single, parallel, parallelism: script.settings.parallelism };
    let mut rng = Rng::new(settings.seed);
    for _ in 0..settings.rounds.max(1) {
        for phase in Phase::all(&mut rng) {
            deal(&tables, bench, &phase, &mut rng)?;
            stream::run(&graphs, bench, &phase).await?;
            compare_outputs(&agreement.answers, bench, &phase)?;
            agreement.runs += 1;
        }
    }
    Ok(agreement)
}

fn plan(sql: &str, bench: &Bench, parallelism: usize) -> Result<Script, Failure> {
    let mut script = headwater_sql::plan_with(sql, bench, bench.functions(), &PlanSettings { parallelism })
        .map_err(Failure::Refused)?;
    for node in script.graph.iter_mut().flat_map(|graph| &mut graph.nodes) {
        if let NodeKind::Source(source) = &mut node.kind {
            // Nothing may depend on how long a feed has waited at its gate, whatever the table says.
            source.idle_after = None;
        }
    }
    Ok(script)
}

async fn tables(
    graph: &Graph,
    bench: &Bench,
    inputs: &mut BTreeMap<String, RecordBatch>,
) -> Result<BTreeMap<String, Table>, Failure> {
    let mut tables = BTreeMap::new();
    for node in &graph.nodes {
        let NodeKind::Source(source) = &node.kind else { continue };
        let rows = match (inputs.remove(&source.table), bench.source(&source.table)) {
            (Some(rows), _) => rows,
            (None, Some((_, real))) => input::read(&source.table, &real).await?,
            // VALUES: the rows are in the query.
            (None, None) => continue,
        };
        tables.insert(source.table.clone(), Table::new(source, &node.schema, rows)?);
    }
    Ok(tables)
}

/// The rows of each table at the end, as a batch query reads them.
fn standing(tables: &BTreeMap<String, Table>) -> BTreeMap<String, RecordBatch> {
    tables.iter().map(|(name, table)| (name.clone(), table.stream.clone())).collect()
}

/// The batch answers, those of all queries into one output together.
async fn answers(
    outputs: &[OutputInfo],
    rows: &BTreeMap<String, RecordBatch>,
) -> Result<BTreeMap<String, Vec<RecordBatch>>, Failure> {
    let mut answers: BTreeMap<String, Vec<RecordBatch>> = BTreeMap::new();
    for output in outputs {
        let answer = batch::answer(&output.query, rows).await;
        let answer = answer.map_err(|error| Failure::no_answer(&output.table, error.strip_backtrace()))?;
        answers.entry(output.table.clone()).or_default().extend(answer);
    }
    Ok(answers)
}

fn deal(tables: &BTreeMap<String, Table>, bench: &Bench, phase: &Phase, rng: &mut Rng) -> Result<(), Failure> {
    for (name, table) in tables {
        let dealt = order::deal(table, phase.order, phase.partitions, rng);
        let dealt = dealt.map_err(|error| Failure::input(name, error))?;
        if let Some((feed, _)) = bench.source(name) {
            feed.load(dealt);
        }
    }
    Ok(())
}

fn compare_outputs(answers: &BTreeMap<String, Vec<RecordBatch>>, bench: &Bench, phase: &Phase) -> Result<(), Failure> {
    let ledgers = bench.ledgers();
    for (output, expected) in answers {
        let found = ledgers.get(output).map(|ledger| ledger.rows()).unwrap_or_default();
        let compared = compare(expected, &found).map_err(|error| Failure::no_answer(output, error))?;
        if let Some(difference) = compared {
            let (phase, output, difference) = (phase.describe(), output.clone(), Box::new(difference));
            return Err(Failure::Differs { phase, output, difference });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
