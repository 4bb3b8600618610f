//! Reads changes as Debezium writes them: what was before, what is after, and what happened (`op`).
//!
//! Rows come out with their weight behind them: −1 for the row before, +1 for the row after. There is no memory of
//! earlier rows, so a change must say the whole row before it; one that does not is a bad record.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray, StructArray};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use headwater_core::WEIGHT;

use super::json::{JsonDecoder, TimestampFormat};
use super::{BadRecord, Decoded, Record};

/// Reads changes into the declared columns and the weight.
#[derive(Debug)]
pub(crate) struct DebeziumDecoder {
    columns: SchemaRef,
    weighted: SchemaRef,
    envelopes: JsonDecoder,
}

/// Which side of an envelope a row is of.
const BEFORE: usize = 0;
const AFTER: usize = 1;

impl DebeziumDecoder {
    /// A decoder into these columns.
    ///
    /// # Errors
    /// When JSON cannot hold one of the columns' types.
    pub(crate) fn new(columns: SchemaRef, timestamps: TimestampFormat) -> Result<Self, ArrowError> {
        // What must not be null is checked row by row, to say which record it is.
        let nullable: Fields =
            columns.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        let side = |name| Field::new(name, DataType::Struct(nullable.clone()), true);
        let envelope = Schema::new(vec![side("before"), side("after"), Field::new("op", DataType::Utf8, true)]);
        let weight = Arc::new(Field::new(WEIGHT, DataType::Int64, false));
        let weighted = Schema::new(columns.fields().iter().cloned().chain([weight]).collect::<Vec<_>>());
        Ok(DebeziumDecoder {
            columns,
            weighted: Arc::new(weighted),
            envelopes: JsonDecoder::new(Arc::new(envelope), timestamps)?,
        })
    }

    /// Reads a run of records.
    pub(crate) fn decode(&mut self, records: &[Record<'_>]) -> Result<Decoded, ArrowError> {
        let Decoded { batch, rows: envelopes, mut bad } = self.envelopes.decode(records)?;
        let sides = [batch.column(BEFORE).as_struct(), batch.column(AFTER).as_struct()];
        let ops = batch.column(2).as_string::<i32>();
        let mut picks: Vec<(usize, usize)> = Vec::with_capacity(batch.num_rows());
        let mut rows = Vec::with_capacity(records.len());
        let mut next = 0;
        for (index, count) in envelopes.iter().enumerate() {
            let before = picks.len();
            for envelope in next..next + count {
                if let Err(reason) = self.change(&sides, ops, envelope, &mut picks) {
                    picks.truncate(before);
                    bad.push(BadRecord { index, reason });
                    break;
                }
            }
            next += count;
            rows.push(picks.len() - before);
        }
        bad.sort_by_key(|bad| bad.index);
        Ok(Decoded { batch: self.weighted(&sides, &picks)?, rows, bad })
    }

    /// Adds the rows of one envelope.
    fn change(
        &self,
        sides: &[&StructArray; 2],
        ops: &StringArray,
        envelope: usize,
        picks: &mut Vec<(usize, usize)>,
    ) -> Result<(), String> {
        if ops.is_null(envelope) {
            return Err("it has no 'op'; an envelope of schema and payload is avoided by \
                        value.converter.schemas.enable = false"
                .to_owned());
        }
        let wanted: &[usize] = match ops.value(envelope) {
            "c" | "r" => &[AFTER],
            "u" => &[BEFORE, AFTER],
            "d" => &[BEFORE],
            op => return Err(format!("op '{op}' is none of c, r, u and d")),
        };
        for side in wanted {
            self.check_row(sides[*side], *side, envelope)?;
            picks.push((*side, envelope));
        }
        Ok(())
    }

    fn check_row(&self, rows: &StructArray, side: usize, envelope: usize) -> Result<(), String> {
        let name = if side == BEFORE { "before" } else { "after" };
        if rows.is_null(envelope) {
            let hint = match side {
                BEFORE => "; the database must log whole rows (REPLICA IDENTITY FULL in PostgreSQL)",
                _ => "",
            };
            return Err(format!("its '{name}' is missing or null{hint}"));
        }
        let columns = self.columns.fields().iter().zip(rows.columns());
        match columns.into_iter().find(|(field, column)| !field.is_nullable() && column.is_null(envelope)) {
            Some((field, _)) => {
                Err(format!("column {} of '{name}' is missing or null and is declared NOT NULL", field.name()))
            }
            None => Ok(()),
        }
    }

    fn weighted(&self, sides: &[&StructArray; 2], picks: &[(usize, usize)]) -> Result<RecordBatch, ArrowError> {
        let column = |index: usize| -> Result<ArrayRef, ArrowError> {
            interleave(&[sides[BEFORE].column(index).as_ref(), sides[AFTER].column(index).as_ref()], picks)
        };
        let mut columns = (0..self.columns.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
        let weights = picks.iter().map(|(side, _)| if *side == BEFORE { -1 } else { 1 });
        columns.push(Arc::new(Int64Array::from_iter_values(weights)));
        let options = RecordBatchOptions::new().with_row_count(Some(picks.len()));
        RecordBatch::try_new_with_options(self.weighted.clone(), columns, &options)
    }
}

#[cfg(test)]
mod tests;
