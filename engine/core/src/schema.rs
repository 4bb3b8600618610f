//! The schema of a stream: the columns that SQL sees, then the hidden ones that the engine keeps.
//!
//! Every stream carries its event time as the hidden column [`EVENT_TIME`]; an updating stream (a changelog) carries
//! one more, the [`WEIGHT`] of each row: +1 for a row that came, −1 for one that went. An append-only stream has no
//! weight column and pays nothing for it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

use crate::changelog::repeat;
use crate::error::OperatorError;
use crate::time::EventTime;

/// The name of the hidden column with a row's event time: `Timestamp(Nanosecond)`, never null.
pub const EVENT_TIME: &str = "_event_time";
/// The name of the hidden column with a row's weight in a changelog: `Int64`, never null.
pub const WEIGHT: &str = "_weight";

/// The event time of a row that has none: of a table without a watermark, or a result of no rows. It is no later than
/// others, so that a pair is as old as the row that has a time; and no state forgets such a row for its age.
pub const NO_TIME: EventTime = EventTime(0);

/// A stream's schema and where its hidden columns are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSchema {
    schema: SchemaRef,
    visible: usize,
    updating: bool,
}

impl StreamSchema {
    /// An append-only stream of these visible columns.
    pub fn append_only(visible: &Schema) -> Self {
        Self::with_hidden(visible, false)
    }

    /// A changelog of these visible columns.
    pub fn updating(visible: &Schema) -> Self {
        Self::with_hidden(visible, true)
    }

    /// A changelog of these visible columns where `updating`, and an append-only stream otherwise.
    pub fn with_hidden(visible: &Schema, updating: bool) -> Self {
        let mut fields: Vec<Arc<Field>> = visible.fields().iter().cloned().collect();
        let count = fields.len();
        fields.push(Arc::new(event_time_field()));
        if updating {
            fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, visible.metadata().clone()));
        StreamSchema { schema, visible: count, updating }
    }

    /// All columns: the visible ones, the event time, and the weight where there is one.
    pub fn full(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns that SQL sees.
    pub fn visible(&self) -> SchemaRef {
        let fields: Vec<_> = self.schema.fields()[..self.visible].to_vec();
        Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()))
    }

    /// How many columns SQL sees; also the index of the event time.
    pub fn visible_count(&self) -> usize {
        self.visible
    }

    /// Where the event time is.
    pub fn event_time_index(&self) -> usize {
        self.visible
    }

    /// Where the weight is, in a changelog.
    pub fn weight_index(&self) -> Option<usize> {
        self.updating.then_some(self.visible + 1)
    }

    /// Whether rows can be taken back.
    pub fn is_updating(&self) -> bool {
        self.updating
    }

    /// A batch of this schema from its visible columns and event times.
    ///
    /// # Errors
    /// When the columns do not fit the schema.
    pub fn batch(&self, mut visible: Vec<ArrayRef>, event_time: ArrayRef) -> Result<RecordBatch, OperatorError> {
        visible.push(event_time);
        RecordBatch::try_new(self.schema.clone(), visible)
            .map_err(|source| OperatorError::arrow("build a batch", source))
    }

    /// A batch of changes from its visible columns, event times and weights; in an append-only schema each row stands as
    /// often as it weighs.
    ///
    /// # Errors
    /// When the columns do not fit the schema, and when a row is taken back from an append-only stream.
    pub fn changes(
        &self,
        mut visible: Vec<ArrayRef>,
        event_time: ArrayRef,
        weights: Int64Array,
    ) -> Result<RecordBatch, OperatorError> {
        visible.push(event_time);
        let columns = match self.updating {
            true => visible.into_iter().chain([Arc::new(weights) as ArrayRef]).collect(),
            false => repeat(visible, &weights)?,
        };
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|source| OperatorError::arrow("build a batch of changes", source))
    }

    /// The batch without its hidden columns, as a reader outside the engine sees it.
    pub fn strip(&self, batch: &RecordBatch) -> Result<RecordBatch, OperatorError> {
        let columns = batch.columns()[..self.visible].to_vec();
        let options = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.visible(), columns, &options)
            .map_err(|source| OperatorError::arrow("strip hidden columns", source))
    }
}

/// The hidden field of the event time.
pub fn event_time_field() -> Field {
    Field::new(EVENT_TIME, DataType::Timestamp(TimeUnit::Nanosecond, None), false)
}

/// The event times of a batch, in nanoseconds.
///
/// # Errors
/// When the batch has no such column, which is a mistake in the plan.
pub fn event_times(batch: &RecordBatch) -> Result<&TimestampNanosecondArray, OperatorError> {
    batch
        .column_by_name(EVENT_TIME)
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| OperatorError::plan(format!("a batch has no column {EVENT_TIME}")))
}

/// The weights of a batch, where it is of a changelog.
pub fn weights(batch: &RecordBatch) -> Option<&Int64Array> {
    batch.column_by_name(WEIGHT).and_then(|column| column.as_any().downcast_ref())
}
