//! Types as SQL writes them, and as Arrow holds them.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Fields, IntervalUnit, TimeUnit};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, StructField, TimezoneInfo,
};

/// The Arrow type of an SQL type, or what is wrong with it.
pub(crate) fn arrow_type(sql: &SqlType) -> Result<DataType, String> {
    Ok(match sql {
        SqlType::Boolean | SqlType::Bool => DataType::Boolean,
        SqlType::TinyInt(_) => DataType::Int8,
        SqlType::SmallInt(_) | SqlType::Int2(_) => DataType::Int16,
        SqlType::Int(_) | SqlType::Integer(_) | SqlType::Int4(_) => DataType::Int32,
        SqlType::BigInt(_) | SqlType::Int8(_) => DataType::Int64,
        SqlType::TinyIntUnsigned(_) => DataType::UInt8,
        SqlType::SmallIntUnsigned(_) | SqlType::Int2Unsigned(_) => DataType::UInt16,
        SqlType::IntUnsigned(_) | SqlType::IntegerUnsigned(_) | SqlType::Int4Unsigned(_) => DataType::UInt32,
        SqlType::BigIntUnsigned(_) | SqlType::Int8Unsigned(_) => DataType::UInt64,
        SqlType::Float(_) | SqlType::Real | SqlType::Float4 => DataType::Float32,
        SqlType::Double(_) | SqlType::DoublePrecision | SqlType::Float8 => DataType::Float64,
        SqlType::Decimal(info) | SqlType::Numeric(info) | SqlType::Dec(info) => decimal(info)?,
        SqlType::Text | SqlType::Varchar(_) | SqlType::CharVarying(_) | SqlType::Char(_) | SqlType::String(_) => {
            DataType::Utf8
        }
        SqlType::JSON => DataType::Utf8,
        SqlType::Bytea | SqlType::Binary(_) | SqlType::Varbinary(_) | SqlType::Blob(_) => DataType::Binary,
        SqlType::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
        | SqlType::Datetime(precision) => DataType::Timestamp(time_unit(*precision)?, None),
        SqlType::Timestamp(..) => return Err("a TIMESTAMP has no time zone: its values are UTC".to_owned()),
        SqlType::Date => DataType::Date32,
        SqlType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => DataType::Time64(TimeUnit::Nanosecond),
        SqlType::Interval { .. } => DataType::Interval(IntervalUnit::MonthDayNano),
        SqlType::Array(ArrayElemTypeDef::AngleBracket(item) | ArrayElemTypeDef::SquareBracket(item, None)) => {
            DataType::new_list(arrow_type(item)?, true)
        }
        SqlType::Struct(fields, _) => DataType::Struct(struct_fields(fields)?),
        other => return Err(format!("there is no type {other}")),
    })
}

fn decimal(info: &ExactNumberInfo) -> Result<DataType, String> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (DECIMAL128_MAX_PRECISION.into(), 10),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let in_range = (1..=u64::from(DECIMAL128_MAX_PRECISION)).contains(&precision)
        && u64::try_from(scale).is_ok_and(|scale| scale <= precision);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if in_range => Ok(DataType::Decimal128(precision, scale)),
        _ => Err(format!("DECIMAL({precision}, {scale}) is out of range: at most 38 digits, and a scale within them")),
    }
}

fn time_unit(precision: Option<u64>) -> Result<TimeUnit, String> {
    match precision {
        Some(0) => Ok(TimeUnit::Second),
        Some(3) => Ok(TimeUnit::Millisecond),
        Some(6) => Ok(TimeUnit::Microsecond),
        None | Some(9) => Ok(TimeUnit::Nanosecond),
        Some(other) => Err(format!("TIMESTAMP({other}) cannot be: its precision is 0, 3, 6 or 9")),
    }
}

fn struct_fields(fields: &[StructField]) -> Result<Fields, String> {
    let field = |field: &StructField| {
        let name = field.field_name.clone().ok_or("a field of a STRUCT needs a name: STRUCT<a INT>")?;
        let name = if name.quote_style.is_some() { name.value } else { name.value.to_lowercase() };
        Ok(Arc::new(Field::new(name, arrow_type(&field.field_type)?, true)))
    };
    fields.iter().map(field).collect()
}

/// A type as SQL writes it, for messages.
pub fn sql_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INT UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "TEXT",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTEA",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP",
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = zone.as_ref().map(|zone| format!(" WITH TIME ZONE ({zone})")).unwrap_or_default();
            return format!("TIMESTAMP({digits}){zone}");
        }
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            return format!("DECIMAL({precision}, {scale})");
        }
        DataType::List(item) | DataType::LargeList(item) => return format!("{}[]", sql_name(item.data_type())),
        DataType::Dictionary(_, value) => return sql_name(value),
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| format!("{} {}", field.name(), sql_name(field.data_type())));
            return format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "));
        }
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn read(sql: &str) -> Result<DataType, String> {
        let dialect = GenericDialect {};
        let sql = Parser::new(&dialect).try_with_sql(sql).unwrap().parse_data_type().unwrap();
        arrow_type(&sql)
    }

    #[test]
    fn every_type_of_the_dialect_is_written_as_it_was_read() {
        let types = [
            "BOOLEAN",
            "TINYINT",
            "SMALLINT",
            "INT",
            "BIGINT",
            "TINYINT UNSIGNED",
            "SMALLINT UNSIGNED",
            "INT UNSIGNED",
            "BIGINT UNSIGNED",
            "FLOAT",
            "DOUBLE",
            "DECIMAL(10, 2)",
            "TEXT",
            "BYTEA",
            "TIMESTAMP(0)",
            "TIMESTAMP(3)",
            "TIMESTAMP(6)",
            "TIMESTAMP",
            "DATE",
            "TIME",
            "INTERVAL",
            "BIGINT[]",
            "STRUCT<a INT, b STRUCT<c TEXT>>",
        ];
        for name in types {
            assert_eq!(read(name).map(|data_type| sql_name(&data_type)), Ok(name.to_owned()));
        }
    }

    #[test]
    fn types_that_cannot_be_say_why() {
        assert!(read("TIMESTAMP(4)").unwrap_err().contains("0, 3, 6 or 9"));
        assert!(read("DECIMAL(50, 2)").unwrap_err().contains("at most 38 digits"));
        assert!(read("TIMESTAMP WITH TIME ZONE").unwrap_err().contains("UTC"));
        assert!(read("GEOMETRY_OF_SORTS").unwrap_err().contains("there is no type"));
    }
}
