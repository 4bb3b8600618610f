//! Statements to a script: each one changes the catalog, adds to the graph, or is answered.

mod aggregate;
mod expression;
mod option;
mod select;
mod sink;
mod source;
mod stream;
mod table;
mod window;
mod window_function;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Query;
use headwater_plan::{Connectors, Graph, NodeId, NodeKind, OptionValue, Options, SinkSpec, TableDeclaration};

pub(crate) use stream::Stream;

use crate::PlanSettings;
use crate::binder::Binder;
use crate::catalog::{Catalog, Declaration, Read, Table, Write};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;
use crate::parser;
use crate::script::{Answer, AnswerContent, OutputInfo, OutputKind, Script, TableKind};
use crate::statement::{CreateView, Insert, Name, OptionEntry, Statement, StatementKind};
use crate::types::sql_name;
use select::Streams;
use sink::{Fit, PendingSink};

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Plans a file.
pub(crate) fn plan(text: &str, connectors: &dyn Connectors, settings: &PlanSettings) -> Result<Script> {
    let statements = parser::parse(text)?;
    let mut planner = Planner {
        connectors,
        catalog: Catalog::default(),
        builder: GraphBuilder { parallelism: settings.parallelism.max(1), ..GraphBuilder::default() },
        sinks: Vec::new(),
        outputs: Vec::new(),
        answers: Vec::new(),
        settings: BTreeMap::new(),
        selects: 0,
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
    settings: BTreeMap<String, OptionValue>,
    selects: usize,
}

/// The graph so far, and which plans are in it.
#[derive(Clone, Default)]
struct GraphBuilder {
    graph: Graph,
    parallelism: usize,
    planned: HashMap<LogicalPlan, Stream>,
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
            StatementKind::Explain(inner) => {
                let plan = self.explain(inner, statement)?;
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
        match name.as_str() {
            "parallelism" => {
                let count = match &value {
                    OptionValue::Number(number) => number.parse().ok().filter(|n| (1..=MAX_PARALLELISM).contains(n)),
                    _ => None,
                };
                let range = format!("must be a number from 1 to {MAX_PARALLELISM}, not {value}");
                self.builder.parallelism = count.ok_or_else(|| wrong(&range))?;
            }
            _ => {
                let error = Diagnostic::new(format!("there is no setting '{name}'")).at(entry.key.span);
                return Err(error.hint("settings: parallelism"));
            }
        }
        self.settings.insert(name, value);
        Ok(())
    }

    fn describe(&self, name: &Name) -> Result<Vec<(String, String, bool)>> {
        let table = self.catalog.expect(&name.text).map_err(|error| error.at(name.span))?;
        let fields = table.info.columns.fields().iter();
        Ok(fields.map(|f| (f.name().clone(), sql_name(f.data_type()), f.is_nullable())).collect())
    }

    /// Binds a query.
    fn bind(&self, query: &Query, place: Place<'_>) -> Result<LogicalPlan> {
        Binder::new(&self.catalog, place).query(query)
    }

    /// The stream of a bound query.
    fn stream(&mut self, plan: &LogicalPlan, place: Place<'_>) -> Result<Stream> {
        Streams { builder: &mut self.builder, catalog: &self.catalog, place }.stream(plan)
    }

    fn view(&mut self, name: &Name, kind: TableKind, query: &Query, place: Place<'_>) -> Result<Stream> {
        let plan = self.bind(query, place)?;
        let stream = self.stream(&plan, place)?;
        self.catalog.add(Table::view(name, kind, &stream.schema.visible(), stream.clone()))?;
        Ok(stream)
    }

    fn create_view(&mut self, create: &CreateView, statement: &Statement) -> Result<()> {
        let place = statement.place();
        let kind = if create.materialized { TableKind::MaterializedView } else { TableKind::View };
        let stream = self.view(&create.name, kind, &create.query, place)?;
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
        let output = self.output(statement, name.clone(), OutputKind::MaterializedView, &stream);
        let spec = self.built_in("materialized_view", &name, Options::new(values), &declaration)?;
        let (declaration, written_at) = (Arc::new(declaration), create.name.span);
        self.sinks.push(PendingSink { table: name, declaration, written_at, spec, inputs: vec![stream] });
        self.outputs.push(output);
        Ok(())
    }

    fn select(&mut self, query: &Query, statement: &Statement) -> Result<()> {
        let plan = self.bind(query, statement.place())?;
        let stream = self.stream(&plan, statement.place())?;
        let name = format!("select_{}", self.selects);
        self.selects += 1;
        let declaration = Declaration::default();
        let spec = self.built_in("preview", &name, Options::default(), &declaration)?;
        self.outputs.push(self.output(statement, name.clone(), OutputKind::Select, &stream));
        let (declaration, written_at) = (Arc::new(declaration), statement.place().start());
        self.sinks.push(PendingSink { table: name, declaration, written_at, spec, inputs: vec![stream] });
        Ok(())
    }

    fn output(&self, statement: &Statement, table: String, kind: OutputKind, stream: &Stream) -> OutputInfo {
        OutputInfo { statement: statement.number, table, kind, columns: stream.schema.visible() }
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

    fn insert(&mut self, insert: &Insert, statement: &Statement) -> Result<()> {
        let place = statement.place();
        let name = &insert.table;
        let table = self.catalog.expect(&name.text).map_err(|error| error.at(name.span))?.clone();
        let read_only = || Diagnostic::new(format!("'{}' can only be read", name.text)).at(name.span);
        let columns: Option<SchemaRef> = match (&table.write, &table.read) {
            (Write::Never, _) => return Err(read_only()),
            (Write::Memory, Read::Stream(_)) => {
                let error = Diagnostic::new(format!("'{}' is a memory table, and has its INSERT already", name.text));
                return Err(error.at(name.span).hint("put both queries into one INSERT with UNION ALL"));
            }
            (Write::Memory, _) => Some(table.info.columns.clone()),
            (Write::Sink { columns, .. }, _) => columns.clone(),
        };
        let mut plan = self.bind(&insert.query, place)?;
        match &columns {
            Some(columns) => plan = Fit { table: name, columns, named: &insert.columns, place }.apply(plan)?,
            None => {
                if let Some(first) = insert.columns.first() {
                    let error = Diagnostic::new(format!("'{}' takes its columns from the query", name.text));
                    return Err(error
                        .at(first.span)
                        .hint("leave the list out, and name the columns in SELECT with AS"));
                }
            }
        }
        let stream = self.stream(&plan, place)?;
        match &table.write {
            Write::Sink { spec, .. } => {
                let (spec, declaration, written_at) = (spec.clone(), table.declaration.clone(), name.span);
                let table = table.info.name;
                let sink = PendingSink { table, declaration, written_at, spec, inputs: vec![stream] };
                self.insert_into_sink(sink, statement);
            }
            _ => {
                let schema = headwater_core::StreamSchema::append_only(&table.info.columns);
                let stream = self.builder.conform(stream, &schema);
                if let Some(table) = self.catalog.get_mut(&name.text) {
                    table.read = Read::Stream(stream);
                }
            }
        }
        Ok(())
    }

    fn insert_into_sink(&mut self, new: PendingSink, statement: &Statement) {
        let name = new.table.clone();
        for stream in &new.inputs {
            self.outputs.push(self.output(statement, name.clone(), OutputKind::Insert, stream));
        }
        let visible = new.inputs.first().map(|stream| stream.schema.visible());
        match self.sinks.iter_mut().find(|sink| sink.table == name) {
            Some(sink) => sink.inputs.extend(new.inputs),
            None => self.sinks.push(new),
        }
        // A sink without columns has the first query's from now on.
        if let (Some(table), Some(visible)) = (self.catalog.get_mut(&name), visible)
            && let Write::Sink { columns: columns @ None, .. } = &mut table.write
        {
            let nullable = visible.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
            *columns = Some(Arc::new(Schema::new(nullable.collect::<Vec<_>>())));
            table.info.columns = visible;
        }
    }

    /// The dataflow of one statement alone.
    fn explain(&self, inner: &StatementKind, statement: &Statement) -> Result<String> {
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
        Ok(scratch.builder.graph.explain())
    }

    fn add_sinks(&mut self) -> Result<()> {
        for sink in &self.sinks {
            self.builder.sink(sink)?;
        }
        self.builder.prune();
        Ok(())
    }

    fn finish(mut self) -> Result<Script> {
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

/// More instances than this are a mistake.
const MAX_PARALLELISM: usize = 1024;

impl GraphBuilder {
    /// The stream that a plan has already.
    fn planned(&self, plan: &LogicalPlan) -> Option<Stream> {
        self.planned.get(plan).cloned()
    }

    /// Lets the same plan be the same stream from now on, unless each evaluation may give something else.
    fn remember(&mut self, plan: &LogicalPlan, stream: &Stream) {
        let mut volatile = false;
        let _ = plan.apply_with_subqueries(|node| {
            volatile |= node.expressions().iter().any(|expr| expr.is_volatile() && !only_stream_functions(expr));
            Ok(if volatile { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        if !volatile {
            self.planned.insert(plan.clone(), stream.clone());
        }
    }

    /// Takes out the nodes that no sink reads.
    fn prune(&mut self) {
        let mut needed = vec![false; self.graph.nodes.len()];
        for id in (0..self.graph.nodes.len()).rev() {
            let is_sink = matches!(self.graph.nodes[id].kind, NodeKind::Sink(_));
            needed[id] = is_sink || self.graph.outputs(id).any(|edge| needed[edge.to]);
        }
        let mut numbers: Vec<Option<NodeId>> = Vec::with_capacity(needed.len());
        let mut next = 0;
        for keep in &needed {
            numbers.push(keep.then_some(next));
            next += usize::from(*keep);
        }
        let old = std::mem::take(&mut self.graph);
        self.graph.nodes =
            old.nodes.into_iter().zip(&needed).filter(|(_, keep)| **keep).map(|(node, _)| node).collect();
        for mut edge in old.edges {
            if let (Some(from), Some(to)) = (numbers[edge.from], numbers[edge.to]) {
                (edge.from, edge.to) = (from, to);
                self.graph.edges.push(edge);
            }
        }
    }
}

/// Whether nothing in an expression is volatile but the functions that the planner replaces.
fn only_stream_functions(expr: &datafusion::logical_expr::Expr) -> bool {
    use datafusion::logical_expr::{Expr, Volatility};
    let mut only = true;
    let _ = expr.apply(|part| {
        if let Expr::ScalarFunction(call) = part {
            let name = call.name();
            let stream = name == crate::functions::ROW_TIME || crate::functions::is_window(name);
            only &= stream || call.func.signature().volatility != Volatility::Volatile;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    only
}
