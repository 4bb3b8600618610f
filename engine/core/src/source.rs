//! The contract of a source: rows by partition, and positions to go on from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, make_array, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::error::ConnectorError;

/// Where to go on, by the name of the partition (`edge-data/3`). The value is the connector's own.
pub type Positions = BTreeMap<String, serde_json::Value>;

/// The columns of records that cannot be read, whatever connector they come from: where the record is (`topic`, or a
/// file's path; `partition`, null for files; `offset`, or the number of the line), why it cannot be read, and its bytes.
pub static BAD_RECORDS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("topic", DataType::Utf8, false),
        Field::new("partition", DataType::Int32, true),
        Field::new("offset", DataType::Int64, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("bytes", DataType::Binary, true),
    ]))
});

/// Whether a column can hold something that was not read: it may be null, or its type has a plain value.
pub fn may_be_unread(field: &Field) -> bool {
    let data_type = field.data_type();
    let plain = matches!(data_type, DataType::Boolean | DataType::Utf8 | DataType::Binary) || data_type.is_primitive();
    field.is_nullable() || plain
}

/// A column that was not read: of nulls, or of zeros and empty texts where it may not be null.
pub fn unread(field: &Field, rows: usize) -> ArrayRef {
    let nulls = new_null_array(field.data_type(), rows);
    if field.is_nullable() {
        return nulls;
    }
    // What stands behind the nulls of such a type is its plain value.
    match nulls.to_data().into_builder().nulls(None).build() {
        Ok(values) => make_array(values),
        Err(_) => nulls,
    }
}

/// What a source has to say next.
#[derive(Debug)]
pub enum SourceEvent {
    /// The partitions that this instance reads, by name; said first, and again whenever they change. A partition's
    /// index in this list is what batches refer to.
    Partitions(Vec<String>),
    /// Rows of one partition, in the schema of [`SourceFactory::schema`].
    Batch {
        /// Index into the last [`SourceEvent::Partitions`].
        partition: usize,
        /// The rows, in the partition's order.
        batch: RecordBatch,
    },
    /// Rows of one partition, and the records among them that could not be read, for the table that collects those.
    /// It is one event, so that a checkpoint has both or neither. Only from a source that says
    /// [`SourceFactory::gives_bad_records`].
    Sifted {
        /// Index into the last [`SourceEvent::Partitions`].
        partition: usize,
        /// The rows, in the partition's order; there may be none.
        batch: RecordBatch,
        /// The others, in the schema [`BAD_RECORDS`].
        bad: RecordBatch,
    },
    /// Nothing more comes: a bounded source is at its end, or [`Source::drain`] was asked for and is done.
    End,
}

/// A place that rows come from, opened by one task.
///
/// # Contract
/// - `next` is cancel-safe: dropping its future loses no row.
/// - `positions` after a batch was returned includes that batch, and nothing that was not returned.
/// - Opened again at those positions, the source gives exactly the rows that followed.
#[async_trait]
pub trait Source: Send {
    /// Waits for what comes next.
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError>;

    /// Where this instance is, for every partition that it reads.
    fn positions(&self) -> Positions;

    /// These partitions (indices into the last [`SourceEvent::Partitions`]) are too far ahead of the others: nothing is
    /// given of them until they are left out of a later call. Where partitions change, nothing is held until the next
    /// call. A source that has one partition, or no choice, need not listen.
    async fn hold(&mut self, _held: &BTreeSet<usize>) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Whether rows are known to wait in a partition (an index into the last [`SourceEvent::Partitions`]): it is not idle
    /// then, however long nothing was given of it.
    fn has_more(&self, _partition: usize) -> bool {
        false
    }

    /// From now on reads only what is already there, and then says [`SourceEvent::End`].
    async fn drain(&mut self) -> Result<(), ConnectorError>;

    /// Learns that a checkpoint with these positions is complete, for a source that tells someone else how far it is.
    async fn committed(&mut self, _positions: &Positions) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Records that could not be read and were dropped or given out apart because the table says so.
    fn bad_records(&self) -> u64 {
        0
    }

    /// Rows that wait in the log after what was read, where the source can know.
    fn lag_rows(&self) -> Option<u64> {
        None
    }
}

/// Which instance of a source is being opened, and where it goes on.
#[derive(Clone, Debug)]
pub struct SourceContext {
    /// The job, for names that others see (a consumer group).
    pub job: String,
    /// Number of this instance, from 0.
    pub subtask: usize,
    /// How many instances there are. Together they read every partition once.
    pub parallelism: usize,
    /// Positions of the last checkpoint, of all instances; empty at the first start.
    pub positions: Positions,
}

/// Opens a source. Made when a query is planned; does no I/O until then.
#[async_trait]
pub trait SourceFactory: Debug + Send + Sync {
    /// The columns that batches have.
    fn schema(&self) -> SchemaRef;

    /// Whether rows can be taken back: behind the columns of [`SourceFactory::schema`] every batch then has one more,
    /// [`WEIGHT`](crate::schema::WEIGHT), `Int64` and never null, +1 for a row that came and −1 for one that went.
    fn updating(&self) -> bool {
        false
    }

    /// Whether its changes are upserts, by the table's primary key: a row that comes takes the place of the last one of
    /// its key, and a row that goes says of which key it is, and need say no more. So it does not know what was before,
    /// and its columns may be null but for those of the key. Only of a source that is updating, and whose table has a
    /// primary key.
    fn upserts(&self) -> bool {
        false
    }

    /// Whether the source ends by itself.
    fn bounded(&self) -> bool;

    /// The same source where of its columns only those are read for which `read` is true. In the others it may give any
    /// value of their type, as [`unread`] does. `None` where nothing is saved by that.
    fn reading(&self, _read: &[bool]) -> Option<SourceFactoryRef> {
        None
    }

    /// Whether records that cannot be read are given out, as [`SourceEvent::Sifted`].
    fn gives_bad_records(&self) -> bool {
        false
    }

    /// Whether more than one instance can share the work.
    fn parallel(&self) -> bool {
        true
    }

    /// What makes this source what it is: a checkpoint's positions are only used where this is unchanged.
    fn fingerprint(&self) -> String;

    /// Opens one instance.
    async fn open(&self, context: SourceContext) -> Result<Box<dyn Source>, ConnectorError>;
}

/// A shared factory.
pub type SourceFactoryRef = Arc<dyn SourceFactory>;

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn what_is_not_read_is_null_where_it_may_be_and_plain_where_not() {
        let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
        for data_type in [DataType::Int64, DataType::Utf8, DataType::Binary, DataType::Boolean, time] {
            let field = Field::new("c", data_type.clone(), false);
            let column = unread(&field, 3);
            assert!(may_be_unread(&field));
            assert_eq!((column.len(), column.null_count(), column.data_type()), (3, 0, &data_type));
            assert_eq!(unread(&field.with_nullable(true), 3).null_count(), 3);
        }
        let list = DataType::new_list(DataType::Int64, true);
        assert!(!may_be_unread(&Field::new("l", list.clone(), false)) && may_be_unread(&Field::new("l", list, true)));
    }
}
