//! `Subscribe`: the events of a view as messages; a large snapshot is several.

use std::collections::VecDeque;

use arrow::record_batch::RecordBatch;
use futures::stream;
use headwater_core::EventTime;
use headwater_proto::v1::subscribe_response::Event;
use headwater_proto::v1::{Changes, Format, Progress, Snapshot, SubscribeResponse};
use tonic::Status;

use super::queries::timestamp;
use super::rows::{columns, parts};
use super::{Answers, status};
use crate::error::QueryError;
use crate::views::{Subscription, ViewEvent, ViewSnapshot};

/// The view's events, without end.
pub(super) fn answers(subscription: Subscription, format: Format) -> Answers<SubscribeResponse> {
    let state = (subscription, VecDeque::new());
    Box::pin(stream::try_unfold(state, move |(mut subscription, mut ready)| async move {
        loop {
            if let Some(event) = ready.pop_front() {
                return Ok(Some((SubscribeResponse { event: Some(event) }, (subscription, ready))));
            }
            let view = subscription.view().name().to_owned();
            let event = subscription.next().await.map_err(|source| status(&QueryError::View { view, source }))?;
            ready = messages(event, format, &subscription)?;
        }
    }))
}

fn messages(event: ViewEvent, format: Format, subscription: &Subscription) -> Result<VecDeque<Event>, Status> {
    match event {
        ViewEvent::Snapshot(snapshot) => snapshot_messages(&snapshot, format, subscription),
        ViewEvent::Rows(rows) => changes(&rows, false, format),
        ViewEvent::Removed(rows) => changes(&rows, true, format),
        ViewEvent::Progress { watermark, retained_from } => {
            let progress = Progress {
                watermark: timestamp(watermark),
                ended: watermark == EventTime::MAX,
                retained_from: timestamp(retained_from),
            };
            Ok(VecDeque::from([Event::Progress(progress)]))
        }
    }
}

fn snapshot_messages(
    snapshot: &ViewSnapshot,
    format: Format,
    subscription: &Subscription,
) -> Result<VecDeque<Event>, Status> {
    let schema = subscription.view().schema();
    let mut messages: Vec<Snapshot> = Vec::new();
    let empty = [RecordBatch::new_empty(schema.clone())];
    let batches = if snapshot.rows.is_empty() { empty.as_slice() } else { snapshot.rows.as_slice() };
    for batch in batches {
        for part in parts(batch, format).map_err(|error| status(&error))? {
            messages.push(Snapshot { rows: part.rows, arrow_ipc: part.arrow_ipc, more: true, columns: Vec::new() });
        }
    }
    if messages.is_empty() {
        messages.push(Snapshot::default());
    }
    if let Some(first) = messages.first_mut() {
        first.columns = columns(&schema);
    }
    if let Some(last) = messages.last_mut() {
        last.more = false;
    }
    Ok(messages.into_iter().map(Event::Snapshot).collect())
}

fn changes(rows: &RecordBatch, removed: bool, format: Format) -> Result<VecDeque<Event>, Status> {
    let parts = parts(rows, format).map_err(|error| status(&error))?;
    let changes = parts.into_iter().map(|part| Changes { rows: part.rows, arrow_ipc: part.arrow_ipc, removed });
    Ok(changes.map(Event::Changes).collect())
}
