//! Which instance of an operator a key belongs to.
//!
//! Keys are hashed by [`hash_columns`]; the space of hashes is cut into as many equal ranges as there are instances.
//! The hash is part of the checkpoint format: state written by three instances on one machine is read by two on
//! another. So it must never change, and depends on neither the processor nor a library's version. Hash maps inside
//! an operator are free to use another one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::row::{RowConverter, SortField};

use crate::error::OperatorError;

/// A range of key hashes, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First hash of the range.
    pub first: u64,
    /// Last hash of the range.
    pub last: u64,
}

impl KeyRange {
    /// Every key.
    pub const ALL: KeyRange = KeyRange { first: 0, last: u64::MAX };

    /// The range of instance `index` of `count`.
    pub fn of(index: usize, count: usize) -> KeyRange {
        let bound = |i: usize| ((i as u128) << 64).div_ceil(count.max(1) as u128);
        KeyRange { first: bound(index) as u64, last: (bound(index + 1) - 1) as u64 }
    }

    /// Whether a key with this hash belongs here.
    pub fn contains(&self, hash: u64) -> bool {
        (self.first..=self.last).contains(&hash)
    }

    /// Whether the two have a key in common.
    pub fn overlaps(&self, other: &KeyRange) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The instance of `count` whose range holds `hash`: the inverse of [`KeyRange::of`].
pub fn owner(hash: u64, count: usize) -> usize {
    ((hash as u128 * count as u128) >> 64) as usize
}

/// A map whose keys are hashes already.
pub type HashedMap<V> = HashMap<u64, V, BuildHasherDefault<Identity>>;

/// The hasher of what is a hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const NULL: u64 = 0xd6e8_feb8_6659_fd93;

/// The hash of every row over `columns`, in their order. Without columns every row has the same hash.
///
/// Equal values hash alike whether or not they are dictionary-encoded.
///
/// # Errors
/// When a column's type has no order, and so no row format (a map, say).
pub fn hash_columns(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>, OperatorError> {
    let mut hashes = vec![SEED; rows];
    for column in columns {
        mix_column(column, &mut hashes)?;
    }
    Ok(hashes)
}

/// One step of the hash: a 64×64→128 bit product folded onto itself, as in wyhash.
fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash ^ value.rotate_left(32)) * u128::from(value ^ 0xa076_1d64_78bd_642f);
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(23).wrapping_mul(SEED)
}

/// The hash of some bytes, for maps within one process.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    mix_bytes(SEED, bytes)
}

fn mix_bytes(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = mix(hash, bytes.len() as u64);
    for chunk in bytes.chunks(8) {
        let mut word = [0u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

macro_rules! mix_integers {
    ($column:expr, $hashes:expr, $type:ty) => {{
        let array = $column.as_primitive::<$type>();
        mix_each($hashes, |row| array.is_valid(row).then(|| array.value(row) as u64), mix);
    }};
}

fn mix_column(column: &ArrayRef, hashes: &mut [u64]) -> Result<(), OperatorError> {
    match column.data_type() {
        DataType::Int8 => mix_integers!(column, hashes, Int8Type),
        DataType::Int16 => mix_integers!(column, hashes, Int16Type),
        DataType::Int32 => mix_integers!(column, hashes, Int32Type),
        DataType::Int64 => mix_integers!(column, hashes, Int64Type),
        DataType::UInt8 => mix_integers!(column, hashes, UInt8Type),
        DataType::UInt16 => mix_integers!(column, hashes, UInt16Type),
        DataType::UInt32 => mix_integers!(column, hashes, UInt32Type),
        DataType::UInt64 => mix_integers!(column, hashes, UInt64Type),
        DataType::Date32 => mix_integers!(column, hashes, Date32Type),
        DataType::Timestamp(TimeUnit::Second, _) => mix_integers!(column, hashes, TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => mix_integers!(column, hashes, TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => mix_integers!(column, hashes, TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => mix_integers!(column, hashes, TimestampNanosecondType),
        DataType::Utf8 => {
            let array = column.as_string::<i32>();
            mix_each(hashes, |row| array.is_valid(row).then(|| array.value(row).as_bytes()), mix_bytes);
        }
        DataType::LargeUtf8 => {
            let array = column.as_string::<i64>();
            mix_each(hashes, |row| array.is_valid(row).then(|| array.value(row).as_bytes()), mix_bytes);
        }
        DataType::Utf8View => {
            let array = column.as_string_view();
            mix_each(hashes, |row| array.is_valid(row).then(|| array.value(row).as_bytes()), mix_bytes);
        }
        DataType::Dictionary(_, value) => {
            let flat = arrow::compute::cast(column, value).map_err(|e| OperatorError::arrow("hash a key", e))?;
            mix_column(&flat, hashes)?;
        }
        _ => mix_rows(column, hashes)?,
    }
    Ok(())
}

fn mix_each<T>(hashes: &mut [u64], value: impl Fn(usize) -> Option<T>, mixer: impl Fn(u64, T) -> u64) {
    for (row, hash) in hashes.iter_mut().enumerate() {
        *hash = match value(row) {
            Some(value) => mixer(*hash, value),
            None => mix(*hash, NULL),
        };
    }
}

/// Every other type goes by Arrow's row format, whose bytes are a documented encoding.
fn mix_rows(column: &ArrayRef, hashes: &mut [u64]) -> Result<(), OperatorError> {
    let convert = || {
        let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
        converter.convert_columns(std::slice::from_ref(column))
    };
    let rows = convert().map_err(|source| OperatorError::arrow("hash a key", source))?;
    mix_each(hashes, |row| Some(rows.row(row)), |hash, row| mix_bytes(hash, row.as_ref()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn ranges_cut_the_space_without_gap_or_overlap() {
        for count in 1..20 {
            assert_eq!(KeyRange::of(0, count).first, 0);
            assert_eq!(KeyRange::of(count - 1, count).last, u64::MAX);
            for index in 1..count {
                assert_eq!(KeyRange::of(index, count).first, KeyRange::of(index - 1, count).last + 1);
            }
            for index in 0..count {
                let range = KeyRange::of(index, count);
                assert_eq!((owner(range.first, count), owner(range.last, count)), (index, index));
            }
        }
    }

    #[test]
    fn hashes_are_part_of_the_checkpoint_format() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("north"), Some("south-gate"), None]));
        let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(-7)]));
        let float: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.5, -2.5]));
        let hashes = hash_columns(&[text, number, float], 3).unwrap();
        assert_eq!(hashes, [1335831184404753398, 4376987300568223288, 16605155633779022652]);
    }

    #[test]
    fn a_dictionary_hashes_like_its_values() {
        let plain = StringArray::from(vec!["a", "b", "a"]);
        let dictionary: DictionaryArray<Int32Type> = plain.iter().collect();
        let plain: ArrayRef = Arc::new(plain);
        let dictionary: ArrayRef = Arc::new(dictionary);
        assert_eq!(hash_columns(&[plain], 3).unwrap(), hash_columns(&[dictionary], 3).unwrap());
    }

    #[test]
    fn few_keys_spread_over_instances() {
        let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|i| format!("camera-{i}"))));
        let mut count = [0usize; 4];
        for hash in hash_columns(&[keys], 1000).unwrap() {
            count[owner(hash, 4)] += 1;
        }
        assert!(count.iter().all(|n| (180..320).contains(n)), "{count:?}");
    }
}
