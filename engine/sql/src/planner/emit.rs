//! `EMIT …`: whether a query gives its results when they are final, or early and in changes.
//!
//! A query that says nothing gives each result as soon as it stands: that of a window when it closes, and any other
//! whenever it changes.

use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;

use super::select::Streams;
use super::stream::Stream;
use super::{Planner, Result, option};
use crate::binder::Binder;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::place::Place;
use crate::statement::{Emit, EmitKind};

/// Shorter than this nobody can look.
const EVERY_MIN: Duration = Duration::from_millis(1);

impl Planner<'_> {
    /// The stream of a bound query, which gives its results as it was told to.
    pub(super) fn stream(&mut self, plan: &LogicalPlan, emit: Option<&Emit>, place: Place<'_>) -> Result<Stream> {
        let early = emit.is_some_and(|emit| matches!(emit.kind, EmitKind::Changes { .. }));
        let every = self.every(emit, place)?;
        let stream = Streams { builder: &mut self.builder, catalog: &self.catalog, place, early }.stream(plan)?;
        match emit {
            Some(emit) if matches!(emit.kind, EmitKind::OnWindowClose) => self.when_final(stream, emit),
            _ if every.is_some() && stream.is_updating() => Ok(self.builder.fold(stream, every)),
            _ => Ok(stream),
        }
    }

    /// How long changes are folded, where it is said.
    fn every(&self, emit: Option<&Emit>, place: Place<'_>) -> Result<Option<Duration>> {
        let Some(Emit { kind: EmitKind::Changes { every: Some(every) }, span }) = emit else { return Ok(None) };
        let at = place.last("EVERY").or(*span);
        let length = option::interval(every, &Binder::new(&self.catalog, place));
        let length = length.map_err(|error| Diagnostic { span: at, ..error })?;
        if length < EVERY_MIN {
            let error = Diagnostic::new("changes are folded for a millisecond at least").at(at);
            return Err(error.hint("leave EVERY out for once a second"));
        }
        Ok(Some(length))
    }

    /// Each row once, when nothing can take it back any more.
    fn when_final(&mut self, stream: Stream, emit: &Emit) -> Result<Stream> {
        if stream.is_updating() && !stream.timed {
            let error =
                Diagnostic::new("the results of this query are never final: no window closes them").at(emit.span);
            return Err(error.hint("group by a window, or leave EMIT ON WINDOW CLOSE out"));
        }
        Ok(self.builder.settled(stream))
    }
}
