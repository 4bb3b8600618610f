//! `VALUES`, and a query that reads no table: rows that the text itself gives, as a source that ends at once.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{EmptyRelation, Values};
use headwater_core::source::{Positions, Source, SourceContext, SourceEvent, SourceFactory};
use headwater_core::{ConnectorError, StreamSchema};
use headwater_plan::{NodeKind, SourceNode};

use super::Result;
use super::expression::physical;
use super::select::{Streams, identity};
use super::stream::{Role, Stream, Windowed};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::clean::clean;

/// The name of the one partition.
const PARTITION: &str = "values";

impl Streams<'_> {
    pub(super) fn values(&mut self, values: &Values) -> Result<Stream> {
        let nothing = DFSchema::empty();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let one = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
        let one = one.map_err(|error| Diagnostic::new(error.to_string()))?;
        let schema = Arc::new(values.schema.as_arrow().clone());
        let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); schema.fields().len()];
        for row in &values.values {
            for ((expr, cells), field) in row.iter().zip(&mut columns).zip(schema.fields()) {
                let expr = physical(expr, &nothing).map_err(|error| clean(error, self.place))?;
                let value = expr.evaluate(&one).and_then(|value| value.into_array(1));
                let value = value.map_err(|error| clean(error, self.place))?;
                let value = match value.data_type() {
                    DataType::Null => new_null_array(field.data_type(), 1),
                    _ => arrow::compute::cast(&value, field.data_type()).map_err(|e| Diagnostic::new(e.to_string()))?,
                };
                cells.push(value);
            }
        }
        let joined = |cells: Vec<ArrayRef>| concat(&cells.iter().map(AsRef::as_ref).collect::<Vec<_>>());
        let columns: std::result::Result<Vec<ArrayRef>, _> = columns.into_iter().map(joined).collect();
        let rows = columns.and_then(|columns| {
            let options = RecordBatchOptions::new().with_row_count(Some(values.values.len()));
            RecordBatch::try_new_with_options(schema, columns, &options)
        });
        Ok(self.given(rows.map_err(|error| Diagnostic::new(error.to_string()))?))
    }

    pub(super) fn no_table(&mut self, relation: &EmptyRelation) -> Result<Stream> {
        let schema: SchemaRef = Arc::new(relation.schema.as_arrow().clone());
        let rows = usize::from(relation.produce_one_row);
        let columns =
            schema.fields().iter().map(|field: &Arc<Field>| new_null_array(field.data_type(), rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let rows = RecordBatch::try_new_with_options(schema, columns, &options);
        Ok(self.given(rows.map_err(|error| Diagnostic::new(error.to_string()))?))
    }

    /// A source of these rows.
    fn given(&mut self, rows: RecordBatch) -> Stream {
        let schema = StreamSchema::append_only(&rows.schema());
        let node = SourceNode {
            table: "values".to_owned(),
            factory: Arc::new(GivenRows { rows }),
            columns: identity(&schema),
            event_time: None,
            watermark: None,
            idle_after: None,
            max_drift: None,
            lateness: Duration::ZERO,
            unread: Vec::new(),
            watermark_step: Duration::ZERO,
        };
        let node = self.builder.graph.add(NodeKind::Source(node), schema.clone(), false);
        let roles = vec![Role::Plain; schema.visible_count()];
        Stream {
            node,
            schema,
            roles,
            windowed: Windowed::No,
            timed: false,
            bounded: true,
            lateness: Duration::ZERO,
            ordered: false,
        }
    }
}

/// Rows that are given in the query.
#[derive(Debug)]
struct GivenRows {
    rows: RecordBatch,
}

#[async_trait]
impl SourceFactory for GivenRows {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn parallel(&self) -> bool {
        false
    }

    fn fingerprint(&self) -> String {
        let shown = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(&self.rows));
        shown.map(|rows| rows.to_string()).unwrap_or_default()
    }

    async fn open(&self, context: SourceContext) -> std::result::Result<Box<dyn Source>, ConnectorError> {
        let given = context.positions.get(PARTITION).is_some_and(|position| position.as_bool() == Some(true));
        Ok(Box::new(Given { rows: (!given).then(|| self.rows.clone()), announced: false }))
    }
}

struct Given {
    /// The rows, as long as they have not been given.
    rows: Option<RecordBatch>,
    announced: bool,
}

#[async_trait]
impl Source for Given {
    async fn next(&mut self) -> std::result::Result<SourceEvent, ConnectorError> {
        if !std::mem::replace(&mut self.announced, true) {
            return Ok(SourceEvent::Partitions(vec![PARTITION.to_owned()]));
        }
        Ok(match self.rows.take() {
            Some(batch) => SourceEvent::Batch { partition: 0, batch },
            None => SourceEvent::End,
        })
    }

    fn positions(&self) -> Positions {
        Positions::from([(PARTITION.to_owned(), self.rows.is_none().into())])
    }

    async fn drain(&mut self) -> std::result::Result<(), ConnectorError> {
        Ok(())
    }
}
