//! `Query`: the rows of an answer as messages, the columns with the first.

use arrow::record_batch::RecordBatch;
use futures::{StreamExt as _, stream};
use headwater_proto::v1::{Format, QueryResponse};
use tonic::Status;

use super::rows::{Part, columns, parts};
use super::{Answers, status};
use crate::error::QueryError;
use crate::service::RowStream;

/// The answer in parts; the first says the columns, also when there are no rows.
pub(super) fn answers(rows: RowStream, format: Format) -> Answers<QueryResponse> {
    let empty = RecordBatch::new_empty(rows.schema());
    let first = QueryResponse { columns: columns(&rows.schema()), ..QueryResponse::default() };
    // In Arrow the schema is said by an empty batch; in JSON the columns stand alone.
    let first = match parts(&empty, format) {
        Ok(mut parts) => Ok(QueryResponse { arrow_ipc: parts.pop().unwrap_or_default().arrow_ipc, ..first }),
        Err(error) => Err(status(&error)),
    };
    let rest = rows.flat_map(move |batch| stream::iter(messages(batch, format)));
    Box::pin(stream::iter([first]).chain(rest))
}

fn messages(batch: Result<RecordBatch, QueryError>, format: Format) -> Vec<Result<QueryResponse, Status>> {
    let message = |part: Part| Ok(QueryResponse { columns: Vec::new(), rows: part.rows, arrow_ipc: part.arrow_ipc });
    match batch.and_then(|batch| if batch.num_rows() == 0 { Ok(Vec::new()) } else { parts(&batch, format) }) {
        Ok(parts) => parts.into_iter().map(message).collect(),
        Err(error) => vec![Err(status(&error))],
    }
}
