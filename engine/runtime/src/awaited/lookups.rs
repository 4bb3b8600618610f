//! Rows joined with the rows of a table that is looked up by its key.
//!
//! Each batch asks for its distinct keys that are not remembered, all at once. What comes back is filtered and projected
//! as the query wants it, with the number of its key beside it, and then found again by that number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arrow::array::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, not, nullif, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::{OwnedRow, RowConverter, SortField};
use headwater_core::error::BoxError;
use headwater_core::{ConnectorError, Lookup, OperatorError, StreamSchema};
use headwater_plan::{LookupNode, MapNode};

use super::cache::Cache;
use crate::operators::evaluate;
use crate::tail::TaskError;

/// The column behind looked-up rows with the number of their key.
const NUMBER: &str = "_key_number";

/// An open table, and what becomes of its rows.
pub(super) struct Lookups {
    node: LookupNode,
    schema: StreamSchema,
    lookup: Box<dyn Lookup>,
    cache: Option<Mutex<Cache>>,
    columns: SchemaRef,
    keys: RowConverter,
    rows: RowConverter,
}

/// The distinct keys of a batch.
struct Keys {
    /// The number of each row's key; `None` for null.
    numbers: Vec<Option<u32>>,
    /// A row that has the key, by number.
    first: Vec<u32>,
    /// The key's bytes, by number.
    bytes: Vec<Arc<[u8]>>,
}

/// What is remembered of a batch's keys.
#[derive(Default)]
struct Known {
    rows: Vec<OwnedRow>,
    /// The numbers of the keys of `rows`.
    numbers: Vec<u32>,
    /// The numbers of keys that have to be asked for.
    unknown: Vec<u32>,
}

impl Lookups {
    /// `schema` is what comes out.
    ///
    /// # Errors
    /// When rows of the table's types cannot be remembered.
    pub(super) fn new(node: LookupNode, schema: StreamSchema, lookup: Box<dyn Lookup>) -> Result<Self, ConnectorError> {
        let columns = node.factory.schema();
        let converter = |types: Vec<DataType>| {
            let fields = types.into_iter().map(SortField::new).collect();
            RowConverter::new(fields).map_err(|error| failed(&node.table, "remember rows of its types", error))
        };
        let keys = converter(vec![columns.field(node.factory.key()).data_type().clone()])?;
        let rows = converter(columns.fields().iter().map(|field| field.data_type().clone()).collect())?;
        let cache = node.factory.cache().map(|settings| Mutex::new(Cache::new(settings)));
        Ok(Lookups { node, schema, lookup, cache, columns, keys, rows })
    }

    /// The rows with those of the table beside them.
    pub(super) async fn answer(&self, batch: RecordBatch) -> Result<RecordBatch, TaskError> {
        let column = evaluate::column(&self.node.key, &batch)?;
        let keys = self.distinct(&column)?;
        let known = self.known(&keys);
        let mut found = self.remembered(&known)?;
        if !known.unknown.is_empty() {
            let first = known.unknown.iter().filter_map(|number| keys.first.get(*number as usize).copied());
            let asked = take(&column, &UInt32Array::from_iter_values(first), None).map_err(arrow("choose keys"))?;
            let rows = self.lookup.lookup(&asked).await?;
            found = self.learn(found, &rows, &keys, &known.unknown)?;
        }
        for step in &self.node.steps {
            found = apply(step, &found)?;
        }
        Ok(self.join(&batch, &found, &keys)?)
    }

    fn distinct(&self, column: &ArrayRef) -> Result<Keys, OperatorError> {
        let encoded = self.keys.convert_columns(std::slice::from_ref(column)).map_err(arrow("tell keys apart"))?;
        let mut by_bytes: HashMap<&[u8], u32> = HashMap::new();
        let mut keys = Keys { numbers: Vec::with_capacity(column.len()), first: Vec::new(), bytes: Vec::new() };
        for row in 0..column.len() {
            if column.is_null(row) {
                keys.numbers.push(None);
                continue;
            }
            let bytes = encoded.row(row).data();
            let number = *by_bytes.entry(bytes).or_insert_with(|| {
                keys.first.push(row as u32);
                keys.bytes.push(bytes.into());
                keys.first.len() as u32 - 1
            });
            keys.numbers.push(Some(number));
        }
        Ok(keys)
    }

    fn known(&self, keys: &Keys) -> Known {
        let mut known = Known::default();
        let Some(cache) = self.cache() else {
            known.unknown = (0..keys.bytes.len() as u32).collect();
            return known;
        };
        let now = Instant::now();
        for (number, bytes) in (0..).zip(&keys.bytes) {
            match cache.get(bytes, now) {
                Some(Some(row)) => {
                    known.rows.push(row.clone());
                    known.numbers.push(number);
                }
                Some(None) => {}
                None => known.unknown.push(number),
            }
        }
        known
    }

    /// The remembered rows, with the numbers of their keys.
    fn remembered(&self, known: &Known) -> Result<RecordBatch, OperatorError> {
        let columns = self.rows.convert_rows(known.rows.iter().map(OwnedRow::row)).map_err(arrow("recall rows"))?;
        numbered(&self.columns, columns, UInt32Array::from(known.numbers.clone()))
    }

    /// Puts what was looked up beside what was remembered, and remembers it as well.
    fn learn(
        &self,
        found: RecordBatch,
        rows: &RecordBatch,
        keys: &Keys,
        asked: &[u32],
    ) -> Result<RecordBatch, TaskError> {
        let mistake = |what: &str| failed(&self.node.table, "look keys up", what.to_owned());
        if rows.num_columns() != self.columns.fields().len() {
            return Err(mistake("the rows have other columns than the table").into());
        }
        let key = rows.column(self.node.factory.key());
        let encoded = self.keys.convert_columns(std::slice::from_ref(key)).map_err(arrow("tell keys apart"))?;
        let number_of: HashMap<&[u8], u32> =
            asked.iter().filter_map(|number| Some((keys.bytes.get(*number as usize)?.as_ref(), *number))).collect();
        let mut numbers = Vec::with_capacity(rows.num_rows());
        let mut row_of: HashMap<u32, usize> = HashMap::new();
        for row in 0..rows.num_rows() {
            let number =
                number_of.get(encoded.row(row).data()).ok_or_else(|| mistake("a row has a key nobody asked for"))?;
            if row_of.insert(*number, row).is_some() {
                return Err(mistake("a key has two rows").into());
            }
            numbers.push(*number);
        }
        if let Some(mut cache) = self.cache() {
            let now = Instant::now();
            let encoded = self.rows.convert_columns(rows.columns()).map_err(arrow("remember rows"))?;
            for number in asked {
                if let Some(bytes) = keys.bytes.get(*number as usize) {
                    cache.put(bytes, row_of.get(number).map(|row| encoded.row(*row).owned()), now);
                }
            }
        }
        let new = numbered(&self.columns, rows.columns().to_vec(), UInt32Array::from(numbers))?;
        Ok(concat_batches(&new.schema(), [&found, &new]).map_err(arrow("put rows together"))?)
    }

    fn join(&self, batch: &RecordBatch, found: &RecordBatch, keys: &Keys) -> Result<RecordBatch, OperatorError> {
        let (numbers, columns) = split_numbers(found)?;
        let mut row_of: Vec<Option<u32>> = vec![None; keys.bytes.len()];
        for (row, number) in (0..).zip(numbers.values()) {
            if let Some(place) = row_of.get_mut(*number as usize) {
                *place = Some(row);
            }
        }
        let matches = keys.numbers.iter().map(|number| row_of.get((*number)? as usize).copied().flatten());
        let matches: UInt32Array = matches.collect();
        let looked_up = columns.iter().map(|column| take(column, &matches, None));
        let looked_up = looked_up.collect::<Result<Vec<_>, _>>().map_err(arrow("find rows by key"))?;
        let (own, hidden) = batch.columns().split_at(self.schema.visible_count() - looked_up.len());
        let is_match = BooleanArray::from_iter((0..matches.len()).map(|row| Some(matches.is_valid(row))));
        let put_together = |looked_up: Vec<ArrayRef>| {
            let columns = own.iter().cloned().chain(looked_up).chain(hidden.iter().cloned()).collect();
            RecordBatch::try_new(self.nullable(), columns)
        };
        let joined = put_together(looked_up.clone()).map_err(arrow("join rows by key"))?;
        let is_match = match &self.node.condition {
            Some(condition) => {
                arrow::compute::and(&is_match, &evaluate::mask(condition, &joined)?).map_err(arrow("test a match"))?
            }
            None => is_match,
        };
        let joined = match (self.node.outer, &self.node.condition) {
            (false, _) => filter_record_batch(&joined, &is_match),
            (true, None) => Ok(joined),
            (true, Some(_)) => {
                let unmatched = not(&is_match).map_err(arrow("test a match"))?;
                let kept = looked_up.iter().map(|column| nullif(column, &unmatched)).collect::<Result<_, _>>();
                kept.and_then(put_together)
            }
        };
        let columns = joined.map_err(arrow("join rows by key"))?.columns().to_vec();
        RecordBatch::try_new(self.schema.full().clone(), columns).map_err(arrow("join rows by key"))
    }

    /// The output's schema while rows without a match are in it.
    fn nullable(&self) -> SchemaRef {
        let fields = self.schema.full().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
    }

    fn cache(&self) -> Option<MutexGuard<'_, Cache>> {
        self.cache.as_ref().map(|cache| cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Columns with the numbers of their keys behind them.
fn numbered(
    schema: &SchemaRef,
    mut columns: Vec<ArrayRef>,
    numbers: UInt32Array,
) -> Result<RecordBatch, OperatorError> {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(NUMBER, DataType::UInt32, false)));
    let options = RecordBatchOptions::new().with_row_count(Some(numbers.len()));
    columns.push(Arc::new(numbers));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(arrow("number rows"))
}

/// The numbers of the keys, and the columns before them.
fn split_numbers(batch: &RecordBatch) -> Result<(&UInt32Array, &[ArrayRef]), OperatorError> {
    let split = batch.columns().split_last();
    let split = split.and_then(|(numbers, columns)| Some((numbers.as_primitive_opt::<UInt32Type>()?, columns)));
    split.ok_or_else(|| OperatorError::plan("looked-up rows have lost the numbers of their keys"))
}

/// Filters and projects looked-up rows, which keep the numbers of their keys.
fn apply(step: &MapNode, batch: &RecordBatch) -> Result<RecordBatch, OperatorError> {
    let filtered = match &step.predicate {
        Some(predicate) => {
            filter_record_batch(batch, &evaluate::mask(predicate, batch)?).map_err(arrow("filter looked-up rows"))?
        }
        None => batch.clone(),
    };
    let columns = evaluate::columns(&step.columns, &filtered)?;
    let field = |(index, column): (usize, &ArrayRef)| Field::new(format!("_{index}"), column.data_type().clone(), true);
    let fields = columns.iter().enumerate().map(field).collect::<Vec<_>>();
    let (numbers, _) = split_numbers(&filtered)?;
    numbered(&Arc::new(Schema::new(fields)), columns, numbers.clone())
}

fn arrow(step: &'static str) -> impl Fn(ArrowError) -> OperatorError {
    move |source| OperatorError::arrow(step, source)
}

fn failed(table: &str, step: &str, error: impl Into<BoxError>) -> ConnectorError {
    ConnectorError::fatal("lookup", table, step, error)
}
