//! `late_sink`: the rows of a source that come too late for all of its windows, into a table of their own.

use std::time::Duration;

use headwater_core::StreamSchema;
use headwater_plan::{LateRowsNode, NodeKind, Partitioning, Slicing, Window};

use super::collected::Collected;
use super::stream::{Stream, Windowed};
use super::{Planner, Result};
use crate::diagnostic::{Diagnostic, Span};
use crate::statement::CreateTable;

/// A source that names a table for its late rows.
#[derive(Clone, Debug)]
pub(super) struct LateSink {
    source: String,
    table: String,
    span: Option<Span>,
    stream: Stream,
}

impl LateSink {
    /// Of a source that was just declared.
    ///
    /// # Errors
    /// When it has no event time, so that nothing can be late.
    pub(super) fn new(create: &CreateTable, table: &str, stream: &Stream) -> Result<Self> {
        let option = create.options.iter().find(|option| option.key.text == "late_sink");
        let span = option.and_then(|option| option.value_span);
        if !stream.timed {
            let error = Diagnostic::new("nothing is late in a table without an event time").at(span);
            return Err(error.hint("add WATERMARK FOR its time column"));
        }
        if stream.is_updating() {
            let error = Diagnostic::new("the late rows of a table of changes cannot be collected").at(span);
            return Err(error.hint("leave late_sink out: late changes are counted in any case"));
        }
        Ok(LateSink { source: create.name.text.clone(), table: table.to_lowercase(), span, stream: stream.clone() })
    }
}

impl Planner<'_> {
    /// The windows that a row has to be too late for, each once.
    fn windows_of(&self, late: &LateSink) -> Result<Vec<Slicing>> {
        let readers: Vec<_> = self.sinks.iter().flat_map(|sink| sink.inputs.iter().map(|input| input.node)).collect();
        let mut windows = Vec::new();
        for over in self.builder.windows_of(late.stream.node, &readers) {
            if over.sources.len() > 1 {
                let error = Diagnostic::new(format!(
                    "a window reads '{}' together with another table, whose time decides what is too late",
                    late.source
                ));
                return Err(error.at(late.span).hint("leave late_sink out, or give each table windows of its own"));
            }
            let Window::Sliced(slicing) = over.window else {
                let error = Diagnostic::new("what is too late for a session depends on which sessions are open");
                return Err(error.at(late.span).hint("leave late_sink out: late rows are counted in any case"));
            };
            if !windows.contains(&slicing) {
                windows.push(slicing);
            }
        }
        Ok(windows)
    }

    /// Adds what collects late rows, now that all windows are known.
    pub(super) fn late_rows(&mut self) -> Result<()> {
        for late in std::mem::take(&mut self.late_sinks) {
            self.catalog.expect(&late.table).map_err(|error| error.at(late.span))?;
            let windows = self.windows_of(&late)?;
            if windows.is_empty() {
                continue;
            }
            let schema = StreamSchema::append_only(&late.stream.schema.visible());
            let kind = NodeKind::LateRows(LateRowsNode { windows, lateness: late.stream.lateness });
            let node = self.builder.graph.add(kind, schema.clone(), true);
            self.builder.graph.connect(late.stream.node, node, 0, Partitioning::Forward);
            let stream = Stream {
                node,
                schema,
                windowed: Windowed::No,
                timed: false,
                lateness: Duration::ZERO,
                ..late.stream.clone()
            };
            // What a batch query says is late: nothing, for it has all rows before it begins.
            let from = Collected { what: "late rows", source: &late.source, stream, columns: "*" };
            self.collect(from, &late.table, late.span)?;
        }
        Ok(())
    }
}
