//! Statements to a script: each one changes the catalog, adds to the graph, or is answered.

mod aggregate;
mod awaited;
mod collected;
mod corrected;
mod dead_letter;
mod emit;
mod event_time;
mod expression;
mod graph;
mod grouping_sets;
mod insert;
mod interval;
mod join;
mod late;
mod lookup;
mod lookup_table;
mod not_in;
mod option;
mod order;
mod rank_bound;
mod select;
mod sink;
mod source;
mod stream;
mod table;
mod unnest;
mod unread;
mod upsert;
mod values;
mod version;
mod window;
mod window_function;
mod window_table;

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use headwater_plan::options::nearest;
use headwater_plan::{ByteSize, Connectors, OptionValue, Options, SinkSpec, TableDeclaration};

pub(crate) use stream::Stream;

use crate::PlanSettings;
use crate::binder::Binder;
use crate::catalog::{Catalog, Declaration, Table, Write};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;
use crate::diagnostic::place::Place;
use crate::functions::Functions;
use crate::parser;
use crate::script::{Answer, AnswerContent, OutputInfo, OutputKind, Script, ScriptSettings, TableKind};
use crate::statement::{
    ContinuousQuery, CreateView, ExplainFormat, Insert, Name, OptionEntry, Statement, StatementKind,
};
use crate::types::sql_name;
use dead_letter::DeadLetter;
use graph::GraphBuilder;
use late::LateSink;
use sink::PendingSink;

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Plans a file.
pub(crate) fn plan(
    text: &str,
    connectors: &dyn Connectors,
    functions: Arc<Functions>,
    settings: &PlanSettings,
) -> Result<Script> {
    let statements = parser::parse(text)?;
    let mut planner = Planner {
        connectors,
        catalog: Catalog::new(functions),
        builder: GraphBuilder::new(settings.parallelism.max(1)),
        sinks: Vec::new(),
        outputs: Vec::new(),
        answers: Vec::new(),
        settings: ScriptSettings::default(),
        selects: 0,
        late_sinks: Vec::new(),
        dead_letters: Vec::new(),
    };
    // What is set holds for the whole file.
    for statement in &statements {
        if let StatementKind::Set(entry) = &statement.kind {
            planner.set(entry, statement.place())?;
        }
    }
    for statement in &statements {
        planner.statement(&statement.kind, statement)?;
    }
    planner.finish()
}

/// What the statements so far have come to.
#[derive(Clone)]
struct Planner<'a> {
    connectors: &'a dyn Connectors,
    catalog: Catalog,
    builder: GraphBuilder,
    sinks: Vec<PendingSink>,
    outputs: Vec<OutputInfo>,
    answers: Vec<Answer>,
    settings: ScriptSettings,
    selects: usize,
    late_sinks: Vec<LateSink>,
    dead_letters: Vec<DeadLetter>,
}

impl Planner<'_> {
    fn statement(&mut self, kind: &StatementKind, statement: &Statement) -> Result<()> {
        let place = statement.place();
        match kind {
            StatementKind::CreateTable(create) => match &create.query {
                Some(query) => self.view(&create.name, TableKind::View, query, place).map(drop),
                None => self.table(create, place),
            },
            StatementKind::CreateView(create) => self.create_view(create, statement),
            StatementKind::Insert(insert) => self.insert(insert, statement),
            StatementKind::Select(query) => self.select(query, statement),
            StatementKind::Set(_) => Ok(()),
            StatementKind::Explain(inner, format) => {
                let plan = self.explain(inner, *format, statement)?;
                self.answer(statement, AnswerContent::Plan(plan));
                Ok(())
            }
            StatementKind::ShowTables => {
                let names = self.catalog.tables().iter().map(|table| table.info.name.clone()).collect();
                self.answer(statement, AnswerContent::Tables(names));
                Ok(())
            }
            StatementKind::Describe(name) => {
                let columns = self.describe(name)?;
                self.answer(statement, AnswerContent::Columns { table: name.text.clone(), columns });
                Ok(())
            }
        }
    }

    fn answer(&mut self, statement: &Statement, content: AnswerContent) {
        self.answers.push(Answer { statement: statement.number, content });
    }

    fn set(&mut self, entry: &OptionEntry, place: Place<'_>) -> Result<()> {
        let name = entry.key.text.to_lowercase();
        let value = option::value(entry, &Binder::new(&self.catalog, place))?;
        let wrong = |what: &str| Diagnostic::new(format!("setting '{name}' {what}")).at(entry.value_span);
        let length = |example: &str| match &value {
            OptionValue::Interval(length) if !length.is_zero() => Ok(*length),
            other => {
                let error = wrong(&format!("is a length of time, not {other}"));
                Err(error.hint(format!("write it as interval '{example}'")))
            }
        };
        match name.as_str() {
            "parallelism" => {
                let count = match &value {
                    OptionValue::Number(number) => number.parse().ok().filter(|n| (1..=MAX_PARALLELISM).contains(n)),
                    _ => None,
                };
                let range = format!("must be a number from 1 to {MAX_PARALLELISM}, not {value}");
                let count = count.ok_or_else(|| wrong(&range))?;
                self.builder.parallelism = count;
                self.settings.parallelism = Some(count);
            }
            "flush_interval" => self.settings.flush_interval = Some(length("1 second")?),
            "updating_ttl" => self.builder.updating_ttl = length("1 day")?,
            "state_memory_max" => {
                let size = match &value {
                    OptionValue::Text(text) | OptionValue::Number(text) => text.parse::<ByteSize>().ok(),
                    _ => None,
                };
                let error = || wrong(&format!("is a size, not {value}")).hint("write it as '512MiB'");
                self.settings.state_memory_max = Some(size.ok_or_else(error)?);
            }
            _ => {
                let error = Diagnostic::new(format!("there is no setting '{name}'")).at(entry.key.span);
                let near = nearest(&name, SETTINGS.into_iter()).map(|near| format!("did you mean '{near}'?"));
                return Err(error.hint(near.unwrap_or_else(|| format!("settings: {}", SETTINGS.join(", ")))));
            }
        }
        Ok(())
    }

    fn describe(&self, name: &Name) -> Result<Vec<(String, String, bool)>> {
        let table = self.catalog.expect(&name.text).map_err(|error| error.at(name.span))?;
        let fields = table.info.columns.fields().iter();
        Ok(fields.map(|f| (f.name().clone(), sql_name(f.data_type()), f.is_nullable())).collect())
    }

    /// Binds a query.
    fn bind(&self, query: &ContinuousQuery, place: Place<'_>) -> Result<LogicalPlan> {
        Binder::new(&self.catalog, place).query(&query.sql)
    }

    /// Adds a named query to the catalog; gives back its stream, and what it is without streams.
    fn view(
        &mut self,
        name: &Name,
        kind: TableKind,
        query: &ContinuousQuery,
        place: Place<'_>,
    ) -> Result<(Stream, Arc<LogicalPlan>)> {
        let plan = self.bind(query, place)?;
        let stream = self.stream(&plan, query.emit.as_ref(), place)?;
        let query = self.batch_query(&plan, place)?;
        self.catalog.add(Table::view(name, kind, stream.clone(), query.clone()))?;
        Ok((stream, query))
    }

    /// A bound query as it is without streams: with the queries of views in their place.
    fn batch_query(&self, plan: &LogicalPlan, place: Place<'_>) -> Result<Arc<LogicalPlan>> {
        self.catalog.without_views(plan).map_err(|error| clean(error, place))
    }

    fn create_view(&mut self, create: &CreateView, statement: &Statement) -> Result<()> {
        let place = statement.place();
        let kind = if create.materialized { TableKind::MaterializedView } else { TableKind::View };
        let (stream, query) = self.view(&create.name, kind, &create.query, place)?;
        if !create.materialized {
            return Ok(());
        }
        let values = option::values(&create.options, &Binder::new(&self.catalog, place))?;
        if let Some(table) = self.catalog.get_mut(&create.name.text) {
            table.info.options = values.iter().map(|(key, value)| (key.clone(), option::plain_text(value))).collect();
        }
        let declaration =
            Declaration { name: Some(create.name.clone()), columns: Vec::new(), options: create.options.clone() };
        let name = create.name.text.clone();
        self.outputs.push(output(statement, &name, OutputKind::MaterializedView, &stream, query));
        let spec = self.built_in("materialized_view", &name, Options::new(values), &declaration)?;
        let (declaration, written_at) = (Arc::new(declaration), create.name.span);
        self.sinks.push(PendingSink { table: name, declaration, written_at, spec, inputs: vec![stream] });
        Ok(())
    }

    fn select(&mut self, query: &ContinuousQuery, statement: &Statement) -> Result<()> {
        let plan = self.bind(query, statement.place())?;
        let stream = self.stream(&plan, query.emit.as_ref(), statement.place())?;
        let name = format!("select_{}", self.selects);
        self.selects += 1;
        let declaration = Declaration::default();
        let spec = self.built_in("preview", &name, Options::default(), &declaration)?;
        let query = self.batch_query(&plan, statement.place())?;
        self.outputs.push(output(statement, &name, OutputKind::Select, &stream, query));
        let (declaration, written_at) = (Arc::new(declaration), statement.place().start());
        self.sinks.push(PendingSink { table: name, declaration, written_at, spec, inputs: vec![stream] });
        Ok(())
    }

    /// The sink of a statement that names no connector.
    fn built_in(
        &self,
        connector: &str,
        name: &str,
        options: Options,
        declaration: &Declaration,
    ) -> Result<Arc<dyn SinkSpec>> {
        let (name, connector) = (name.to_owned(), connector.to_owned());
        let missing = format!("no connector '{connector}' takes the result");
        let table = TableDeclaration { name, connector, columns: Vec::new(), primary_key: Vec::new(), options };
        let table = self.connectors.table(table).map_err(|error| option::table_error(error, declaration))?;
        table.sink.ok_or_else(|| Diagnostic::new(missing))
    }

    /// The dataflow of one statement alone.
    fn explain(&self, inner: &StatementKind, format: ExplainFormat, statement: &Statement) -> Result<String> {
        let mut scratch = self.clone();
        scratch.sinks.clear();
        let memory = |insert: &Insert| {
            self.catalog.get(&insert.table.text).is_some_and(|table| matches!(table.write, Write::Memory))
        };
        match inner {
            StatementKind::Insert(insert) if memory(insert) => scratch.select(&insert.query, statement)?,
            other => scratch.statement(other, statement)?,
        }
        scratch.add_sinks()?;
        Ok(match format {
            ExplainFormat::Text => scratch.builder.graph.explain(),
            ExplainFormat::Mermaid => scratch.builder.graph.mermaid(),
        })
    }

    fn add_sinks(&mut self) -> Result<()> {
        for sink in &self.sinks {
            self.builder.sink(sink)?;
        }
        self.builder.prune();
        self.builder.bound_ranks();
        self.builder.leave_out_columns();
        Ok(())
    }

    fn finish(mut self) -> Result<Script> {
        self.late_rows()?;
        self.bad_records()?;
        self.add_sinks()?;
        let graph = (!self.builder.graph.nodes.is_empty()).then_some(self.builder.graph);
        if let Some(graph) = &graph {
            graph.validate().map_err(|error| Diagnostic::new(format!("the plan cannot run: {error}")))?;
        }
        let tables = self.catalog.tables().iter().map(|table| table.info.clone()).collect();
        let (outputs, answers, settings) = (self.outputs, self.answers, self.settings);
        Ok(Script { graph, tables, outputs, answers, settings })
    }
}

fn output(
    statement: &Statement,
    table: &str,
    kind: OutputKind,
    stream: &Stream,
    query: Arc<LogicalPlan>,
) -> OutputInfo {
    let table = table.to_owned();
    OutputInfo { statement: statement.number, table, kind, columns: stream.schema.visible(), query }
}

/// What can be SET.
const SETTINGS: [&str; 4] = ["flush_interval", "parallelism", "state_memory_max", "updating_ttl"];

/// More instances than this are a mistake.
const MAX_PARALLELISM: usize = 1024;
