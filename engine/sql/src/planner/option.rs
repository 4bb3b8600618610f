//! Options as written to options as connectors read them, and the ones that are the planner's own.

use std::time::Duration;

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use headwater_plan::options::nearest;
use headwater_plan::{OptionValue, Options, TableError};

use super::Result;
use super::window::nanoseconds;
use crate::binder::Binder;
use crate::catalog::Declaration;
use crate::diagnostic::Diagnostic;
use crate::statement::{OptionEntry, OptionSyntax};

/// The options that the planner takes for itself, but for those about event time.
const OWN: [&str; 3] = ["connector", "type", "dead_letter"];

/// The options about event time, all of which the planner takes for itself.
pub(super) const OF_TIME: [&str; 7] = [
    "event_time_field",
    "watermark_field",
    "watermark.step",
    "watermark.max_drift",
    "idle_micros",
    "allowed_lateness",
    "late_sink",
];

/// Every option that the planner takes for itself.
fn own() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(OF_TIME)
}

/// How long a partition may be silent when neither the table nor its connector says.
const IDLE_AFTER: Duration = Duration::from_secs(30);

/// By how much the watermark advances at least when the table does not say.
const STEP: Duration = Duration::from_secs(1);

/// What a table's options say to the planner.
#[derive(Debug)]
pub(super) struct OwnOptions {
    /// `connector`
    pub(super) connector: Option<String>,
    /// `type`: only read, only written, or whatever the connector can do.
    pub(super) direction: Option<Direction>,
    /// `event_time_field`
    pub(super) event_time: Option<String>,
    /// `watermark_field`
    pub(super) watermark: Option<String>,
    /// `watermark.step`: the least by which the watermark advances.
    pub(super) step: Duration,
    /// `watermark.max_drift`: how far a partition may be ahead of the slowest.
    pub(super) max_drift: Option<Duration>,
    /// `idle_micros`
    pub(super) idle: Idle,
    /// `allowed_lateness`: how long after its end a window still takes rows, and is corrected.
    pub(super) lateness: Duration,
    /// `late_sink`: the table that rows go to which come later than that.
    pub(super) late_sink: Option<String>,
    /// `dead_letter`: the table that records go to which cannot be read.
    pub(super) dead_letter: Option<String>,
}

/// How long a partition may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// The table does not say.
    Unsaid,
    /// This long.
    After(Duration),
    /// For ever.
    Never,
}

impl Idle {
    /// What holds where the connector knows this.
    pub(super) fn or(self, connector: Option<Duration>) -> Option<Duration> {
        match self {
            Idle::Unsaid => connector.or(Some(IDLE_AFTER)),
            Idle::After(duration) => Some(duration),
            Idle::Never => None,
        }
    }
}

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// `type = 'source'`
    Source,
    /// `type = 'sink'`
    Sink,
    /// `type = 'lookup'`
    Lookup,
}

/// The values of options.
pub(super) fn values(entries: &[OptionEntry], binder: &Binder<'_>) -> Result<Vec<(String, OptionValue)>> {
    entries.iter().map(|entry| Ok((entry.key.text.clone(), value(entry, binder)?))).collect()
}

/// The value of one option.
pub(super) fn value(entry: &OptionEntry, binder: &Binder<'_>) -> Result<OptionValue> {
    Ok(match &entry.value {
        OptionSyntax::Text(text) => OptionValue::Text(text.clone()),
        OptionSyntax::Number(number) => OptionValue::Number(number.clone()),
        OptionSyntax::Boolean(value) => OptionValue::Boolean(*value),
        OptionSyntax::List(items) => OptionValue::List(items.clone()),
        OptionSyntax::Interval(expr) => {
            let length = interval(expr, binder);
            OptionValue::Interval(
                length.map_err(|error| Diagnostic { span: entry.value_span.or(error.span), ..error })?,
            )
        }
    })
}

/// The length that an expression is.
pub(super) fn interval(expr: &ast::Expr, binder: &Binder<'_>) -> Result<Duration> {
    let Expr::Literal(literal, _) = binder.expression(expr, &DFSchema::empty())? else {
        return Err(Diagnostic::new("an interval must be a constant"));
    };
    match nanoseconds(&literal) {
        Some(Ok(nanos)) => match u64::try_from(nanos) {
            Ok(nanos) => Ok(Duration::from_nanos(nanos)),
            Err(_) => Err(Diagnostic::new("an interval cannot be negative here")),
        },
        Some(Err(_)) => Err(Diagnostic::new("months differ in length").hint("use days: interval '30 days'")),
        None => Err(Diagnostic::new("an interval is expected here").hint("write it as interval '5 seconds'")),
    }
}

/// Takes the planner's own options from a table's; the rest are the connector's, which also has to know whether the table
/// is to be read or written.
pub(super) fn split(values: Vec<(String, OptionValue)>) -> Result<(OwnOptions, Options), TableError> {
    let (own, mut rest): (Vec<_>, Vec<_>) = values.into_iter().partition(|(key, _)| own().any(|own| own == key));
    // That a table is looked up is said by how the connector is asked for it.
    let is_side = |(key, value): &&(String, OptionValue)| {
        key == "type" && !matches!(value, OptionValue::Text(text) if text == "lookup")
    };
    rest.extend(own.iter().filter(is_side).cloned());
    let own = Options::new(own);
    let text = |key| own.text(key).map(|text| text.map(str::to_owned));
    let idle = match own.number::<i64>("idle_micros")? {
        None => Idle::Unsaid,
        Some(-1) => Idle::Never,
        Some(micros) => match u64::try_from(micros) {
            Ok(micros) => Idle::After(Duration::from_micros(micros)),
            Err(_) => {
                let error = TableError::new(format!("option 'idle_micros' cannot be {micros}"));
                return Err(error.with_option("idle_micros").with_hint("use -1 for a partition that is never idle"));
            }
        },
    };
    let directions = [("source", Direction::Source), ("sink", Direction::Sink), ("lookup", Direction::Lookup)];
    let own = OwnOptions {
        connector: text("connector")?,
        direction: own.choice("type", &directions)?,
        event_time: text("event_time_field")?,
        watermark: text("watermark_field")?,
        step: own.interval("watermark.step")?.unwrap_or(STEP),
        max_drift: own.interval("watermark.max_drift")?,
        idle,
        lateness: own.interval("allowed_lateness")?.unwrap_or_default(),
        late_sink: text("late_sink")?,
        dead_letter: text("dead_letter")?,
    };
    Ok((own, Options::new(rest)))
}

/// An error of a connector, at the option or the column that it is about.
pub(super) fn table_error(error: TableError, declaration: &Declaration) -> Diagnostic {
    let unknown = error.message.starts_with("unknown option");
    if let Some(misspelt) = misspelt(&error, declaration) {
        return Diagnostic::new(error.message)
            .at(misspelt.key.span)
            .hint(format!("is '{}' meant to be it?", misspelt.key.text));
    }
    let option = error.option.as_ref().and_then(|key| declaration.options.iter().find(|o| o.key.text == *key));
    let column = error.column.as_ref().and_then(|name| declaration.columns.iter().find(|c| c.name.text == *name));
    let span = match (option, column) {
        (Some(option), _) if unknown => option.key.span,
        (Some(option), _) => option.value_span.or(option.key.span),
        (None, Some(column)) => column.name.span,
        (None, None) => {
            let connector = declaration.options.iter().find(|option| option.key.text == "connector");
            let name = declaration.name.as_ref().and_then(|name| name.span);
            name.or(connector.and_then(|option| option.value_span))
        }
    };
    let mut hint = error.hint;
    if let (true, Some(key)) = (unknown, &error.option)
        && !hint.as_ref().is_some_and(|hint| hint.starts_with("did you mean"))
        && let Some(near) = nearest(key, own())
    {
        hint = Some(format!("did you mean '{near}'?"));
    }
    Diagnostic::new(error.message).at(span).hint_opt(hint)
}

/// The option that was probably meant to be the one that is missing.
fn misspelt<'a>(error: &TableError, declaration: &'a Declaration) -> Option<&'a OptionEntry> {
    let missing = error.option.as_deref().filter(|_| error.message.ends_with("is missing"))?;
    let keys = declaration.options.iter().map(|option| option.key.text.as_str());
    let near = nearest(missing, keys.filter(|key| !own().any(|own| own == *key)))?;
    declaration.options.iter().find(|option| option.key.text == near)
}

/// A value as `SHOW` and the API give it: a text without its quotes.
pub(super) fn plain_text(value: &OptionValue) -> String {
    match value {
        OptionValue::Text(text) => text.clone(),
        other => other.to_string(),
    }
}
