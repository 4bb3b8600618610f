//! Events as columns: of one kind in flat columns, or of all kinds, each in a struct of its own.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray, TimestampNanosecondArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::event::{Kind, Sequence, draws};
use super::random::below;
use super::words::{CITIES, Channels, FIRST_NAMES, Filling, LAST_NAMES, STATES, text, word};

/// The event-time column.
pub(super) const DATETIME: &str = "datetime";

const KINDS: [Kind; 3] = [Kind::Person, Kind::Auction, Kind::Bid];

/// Letters of the column `extra` on average, so that rows have the published sizes of 200, 500 and 100 bytes.
const PERSON_EXTRA: u64 = 140;
const AUCTION_EXTRA: u64 = 390;
const BID_EXTRA: u64 = 68;

fn fields_of(kind: Kind) -> Vec<(&'static str, DataType)> {
    let (number, string, time) = (DataType::Int64, DataType::Utf8, DataType::Timestamp(TimeUnit::Nanosecond, None));
    match kind {
        Kind::Person => vec![
            ("id", number),
            ("name", string.clone()),
            ("email_address", string.clone()),
            ("credit_card", string.clone()),
            ("city", string.clone()),
            ("state", string.clone()),
            (DATETIME, time),
            ("extra", string),
        ],
        Kind::Auction => vec![
            ("id", number.clone()),
            ("item_name", string.clone()),
            ("description", string.clone()),
            ("initial_bid", number.clone()),
            ("reserve", number.clone()),
            (DATETIME, time.clone()),
            ("expires", time),
            ("seller", number.clone()),
            ("category", number),
            ("extra", string),
        ],
        Kind::Bid => vec![
            ("auction", number.clone()),
            ("bidder", number.clone()),
            ("price", number),
            ("channel", string.clone()),
            ("url", string.clone()),
            (DATETIME, time),
            ("extra", string),
        ],
    }
}

/// The columns of events: those of one kind, or a struct of each kind and the event time.
pub(super) fn schema_of(kind: Option<Kind>) -> SchemaRef {
    let fields = |kind, nullable| -> Vec<Field> {
        fields_of(kind).into_iter().map(|(name, data_type)| Field::new(name, data_type, nullable)).collect()
    };
    Arc::new(match kind {
        Some(kind) => Schema::new(fields(kind, false)),
        None => {
            let structs = KINDS.map(|kind| Field::new(kind.name(), DataType::Struct(fields(kind, true).into()), true));
            let time = Field::new(DATETIME, DataType::Timestamp(TimeUnit::Nanosecond, None), false);
            Schema::new(structs.into_iter().chain([time]).collect::<Vec<_>>())
        }
    })
}

/// Makes batches of a schema, which is of [`schema_of`] or some of its columns.
#[derive(Debug)]
pub(super) struct Columns {
    kind: Option<Kind>,
    schema: SchemaRef,
    channels: Channels,
    filling: Filling,
}

impl Columns {
    /// Columns for the sequence of a seed.
    pub(super) fn new(kind: Option<Kind>, schema: SchemaRef, seed: u64) -> Self {
        Columns { kind, schema, channels: Channels::new(seed), filling: Filling::new(seed) }
    }

    /// The events of a range; only those of the kind, where it is one.
    ///
    /// # Errors
    /// When Arrow refuses, which would be a mistake in here.
    pub(super) fn batch(&self, sequence: &Sequence, events: Range<u64>) -> Result<RecordBatch, ArrowError> {
        let (rows, columns) = match self.kind {
            Some(kind) => {
                let rows = Rows::of(kind, events, true);
                let columns = self.schema.fields().iter().map(|field| self.column(kind, field, sequence, &rows));
                (rows.count, columns.collect::<Result<Vec<_>, _>>()?)
            }
            None => {
                let count = (events.end - events.start) as usize;
                let columns = self.schema.fields().iter().map(|field| self.whole(field, sequence, events.clone()));
                (count, columns.collect::<Result<Vec<_>, _>>()?)
            }
        };
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }

    /// A column over events of all kinds.
    fn whole(&self, field: &Field, sequence: &Sequence, events: Range<u64>) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = field.data_type() else {
            return Ok(Arc::new(TimestampNanosecondArray::from_iter_values(events.map(|n| sequence.time(n)))));
        };
        let kind = KINDS.into_iter().find(|kind| kind.name() == field.name());
        let kind = kind.ok_or_else(|| ArrowError::SchemaError(format!("no events of kind {}", field.name())))?;
        let rows = Rows::of(kind, events, false);
        let columns = fields.iter().map(|field| self.column(kind, field, sequence, &rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(StructArray::try_new(Fields::clone(fields), columns, rows.nulls)?))
    }

    /// A column of one kind.
    fn column(&self, kind: Kind, field: &Field, sequence: &Sequence, rows: &Rows) -> Result<ArrayRef, ArrowError> {
        match field.data_type() {
            DataType::Int64 => {
                Ok(Arc::new(Int64Array::try_new(rows.numbers(number(kind, field, sequence)), rows.nulls())?))
            }
            DataType::Timestamp(..) => {
                let times = match field.name().as_str() {
                    "expires" => rows.numbers(|n| sequence.expires(n)),
                    _ => rows.numbers(|n| sequence.time(n)),
                };
                Ok(Arc::new(TimestampNanosecondArray::try_new(times, rows.nulls())?))
            }
            _ => self.texts(kind, field.name(), sequence, rows),
        }
    }

    fn texts(&self, kind: Kind, name: &str, s: &Sequence, rows: &Rows) -> Result<ArrayRef, ArrowError> {
        let filling = |mean| move |n, out: &mut Vec<u8>| self.filling.add(s, n, mean, out);
        match (kind, name) {
            (Kind::Bid, "channel") => rows.texts(|n, out| out.extend_from_slice(self.channels.of(s, n).0.as_bytes())),
            (Kind::Bid, "url") => rows.texts(|n, out| out.extend_from_slice(self.channels.of(s, n).1.as_bytes())),
            (Kind::Bid, _) => rows.texts(filling(BID_EXTRA)),
            (Kind::Auction, "item_name") => rows.texts(|n, out| text(s, n, draws::TEXT_LENGTH, draws::TEXT, 20, out)),
            (Kind::Auction, "description") => {
                rows.texts(|n, out| text(s, n, draws::TEXT_LENGTH_2, draws::TEXT_2, 100, out))
            }
            (Kind::Auction, _) => rows.texts(filling(AUCTION_EXTRA)),
            (Kind::Person, "name") => rows.texts(|n, out| {
                out.extend_from_slice(word(&FIRST_NAMES, s.draw(n, draws::FIRST_NAME)).as_bytes());
                out.push(b' ');
                out.extend_from_slice(word(&LAST_NAMES, s.draw(n, draws::LAST_NAME)).as_bytes());
            }),
            (Kind::Person, "email_address") => rows.texts(|n, out| {
                text(s, n, draws::TEXT_LENGTH, draws::TEXT, 7, out);
                out.push(b'@');
                text(s, n, draws::TEXT_LENGTH_2, draws::TEXT_2, 5, out);
                out.extend_from_slice(b".com");
            }),
            (Kind::Person, "credit_card") => rows.texts(|n, out| {
                let number = below(s.draw(n, draws::CARD), 10_u64.pow(16));
                let digits = format!("{number:016}");
                out.extend_from_slice(
                    [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join(" ").as_bytes(),
                );
            }),
            (Kind::Person, "city") => {
                rows.texts(|n, out| out.extend_from_slice(word(&CITIES, s.draw(n, draws::CITY)).as_bytes()))
            }
            (Kind::Person, "state") => {
                rows.texts(|n, out| out.extend_from_slice(word(&STATES, s.draw(n, draws::STATE)).as_bytes()))
            }
            (Kind::Person, _) => rows.texts(filling(PERSON_EXTRA)),
        }
    }
}

/// What a column of numbers is of an event.
fn number<'a>(kind: Kind, field: &Field, s: &'a Sequence) -> Box<dyn Fn(u64) -> i64 + 'a> {
    match (kind, field.name().as_str()) {
        (Kind::Person, _) => Box::new(|n| s.person_id(n)),
        (Kind::Auction, "id") => Box::new(|n| s.auction_id(n)),
        (Kind::Auction, "initial_bid") => Box::new(|n| s.price(n)),
        (Kind::Auction, "reserve") => Box::new(|n| s.reserve(n)),
        (Kind::Auction, "seller") => Box::new(|n| s.seller(n)),
        (Kind::Auction, _) => Box::new(|n| s.category(n)),
        (Kind::Bid, "auction") => Box::new(|n| s.auction_bid_for(n)),
        (Kind::Bid, "bidder") => Box::new(|n| s.bidder(n)),
        (Kind::Bid, _) => Box::new(|n| s.price(n)),
    }
}

/// Which rows of a batch are events of a kind.
struct Rows {
    /// All rows.
    count: usize,
    /// The events of the kind, and the row of each.
    events: Vec<(u64, usize)>,
    /// Null where an event is of another kind; none where all are of it.
    nulls: Option<NullBuffer>,
}

impl Rows {
    /// The events of `kind` in a range, one after another (`dense`), or each in the row of its place in the range.
    fn of(kind: Kind, events: Range<u64>, dense: bool) -> Self {
        let all = (events.end - events.start) as usize;
        let first = events.start;
        let of_kind = events.filter(|n| kind.is(*n));
        if dense {
            let events: Vec<_> = of_kind.zip(0..).collect();
            return Rows { count: events.len(), events, nulls: None };
        }
        let events: Vec<_> = of_kind.map(|n| (n, (n - first) as usize)).collect();
        let mut valid = vec![false; all];
        events.iter().for_each(|(_, row)| valid[*row] = true);
        Rows { count: all, events, nulls: Some(NullBuffer::from(valid)) }
    }

    fn nulls(&self) -> Option<NullBuffer> {
        self.nulls.clone()
    }

    fn numbers(&self, value: impl Fn(u64) -> i64) -> ScalarBuffer<i64> {
        let mut values = vec![0; self.count];
        for (n, row) in &self.events {
            values[*row] = value(*n);
        }
        values.into()
    }

    fn texts(&self, mut add: impl FnMut(u64, &mut Vec<u8>)) -> Result<ArrayRef, ArrowError> {
        let mut offsets: Vec<i32> = Vec::with_capacity(self.count + 1);
        let mut text = Vec::new();
        for (n, row) in &self.events {
            // The rows before it are empty.
            offsets.resize(row + 1, text.len() as i32);
            add(*n, &mut text);
        }
        offsets.resize(self.count + 1, text.len() as i32);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(text), self.nulls())?))
    }
}
