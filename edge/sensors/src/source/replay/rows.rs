//! The rows of a CSV file of readings, one after the other, so that a file may be larger than memory.

use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use crate::error::SourceError;

/// Bytes of the longest line.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Names that are kept to be shared; a file with more sensors than that pays for each.
const NAMES_MAX: usize = 10_000;

/// A reading that was written down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) ts_ms: i64,
    pub(crate) sensor: Arc<str>,
    pub(crate) value: f64,
    pub(crate) unit: Arc<str>,
}

pub(crate) struct Rows<R> {
    reader: R,
    path: PathBuf,
    columns: Columns,
    line: u64,
    text: Vec<u8>,
    names: BTreeSet<Arc<str>>,
}

struct Columns {
    timestamp: usize,
    sensor: usize,
    value: usize,
    unit: Option<usize>,
}

impl<R: BufRead> Rows<R> {
    /// Reads the names of the columns.
    pub(crate) fn new(reader: R, path: &Path) -> Result<Self, SourceError> {
        let columns = Columns { timestamp: 0, sensor: 0, value: 0, unit: None };
        let path = path.to_owned();
        let mut rows = Self { reader, path, columns, line: 0, text: Vec::new(), names: BTreeSet::new() };
        rows.read_line()?;
        let header = String::from_utf8_lossy(&rows.text).into_owned();
        // Spreadsheets begin a file with a mark of its encoding.
        let header = split(header.trim_start_matches('\u{feff}'));
        let column = |name: &str| header.iter().position(|found| found.eq_ignore_ascii_case(name));
        let needed = |name| column(name).ok_or_else(|| SourceError::NoColumn { path: rows.path.clone(), column: name });
        rows.columns = Columns {
            timestamp: needed("timestamp")?,
            sensor: needed("sensor")?,
            value: needed("value")?,
            unit: column("unit"),
        };
        Ok(rows)
    }

    /// The next row, or what is wrong with it; nothing at the end.
    ///
    /// # Errors
    /// The file cannot be read on.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Row, SourceError>>, SourceError> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            let text = std::mem::take(&mut self.text);
            let row = if text.len() as u64 >= LINE_BYTES_MAX && !text.ends_with(b"\n") {
                self.skip_line()?;
                Err("end within 64 KiB")
            } else {
                std::str::from_utf8(&text)
                    .map_err(|_| "utf-8 text")
                    .and_then(|line| if line.trim().is_empty() { Ok(None) } else { self.parse(line).map(Some) })
            };
            self.text = text;
            let (path, line) = (|| self.path.clone(), self.line);
            match row {
                Ok(None) => {}
                Ok(Some(row)) => return Ok(Some(Ok(row))),
                Err(what) => return Ok(Some(Err(SourceError::BadRow { path: path(), line, what }))),
            }
        }
    }

    fn parse(&mut self, line: &str) -> Result<Row, &'static str> {
        let fields = split(line);
        let field = |column: usize| fields.get(column).copied().unwrap_or_default();
        let ts_ms = timestamp_ms(field(self.columns.timestamp)).ok_or("timestamp")?;
        let sensor = field(self.columns.sensor);
        let value = field(self.columns.value).parse().ok().filter(|value: &f64| value.is_finite());
        let unit = self.columns.unit.map_or("", field);
        if sensor.is_empty() {
            return Err("sensor");
        }
        let value = value.ok_or("finite value")?;
        Ok(Row { ts_ms, sensor: self.shared(sensor), value, unit: self.shared(unit) })
    }

    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = name.into();
        if self.names.len() < NAMES_MAX {
            self.names.insert(Arc::clone(&name));
        }
        name
    }

    /// Reads the next line, or its first bytes; says whether there is one.
    fn read_line(&mut self) -> Result<bool, SourceError> {
        self.text.clear();
        let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.text);
        self.line += 1;
        read.map(|count| count > 0).map_err(|source| SourceError::Read { path: self.path.clone(), source })
    }

    fn skip_line(&mut self) -> Result<(), SourceError> {
        self.reader
            .skip_until(b'\n')
            .map(|_| ())
            .map_err(|source| SourceError::Read { path: self.path.clone(), source })
    }
}

fn split(line: &str) -> Vec<&str> {
    line.trim_end_matches(['\r', '\n']).split(',').map(|field| field.trim().trim_matches('"')).collect()
}

/// RFC 3339 in UTC, also with a blank instead of the T and without the Z; or milliseconds since the epoch.
fn timestamp_ms(text: &str) -> Option<i64> {
    if let Ok(ts_ms) = text.parse() {
        return Some(ts_ms);
    }
    let time = humantime::parse_rfc3339_weak(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Result<(i64, String, f64, String), String>;

    fn rows(text: &str) -> Result<Vec<Found>, String> {
        let mut rows = Rows::new(text.as_bytes(), Path::new("r.csv")).map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|error| error.to_string())? {
            let row = row.map(|row| (row.ts_ms, row.sensor.to_string(), row.value, row.unit.to_string()));
            all.push(row.map_err(|error| error.to_string()));
        }
        Ok(all)
    }

    #[test]
    fn columns_come_in_any_order_and_times_in_three_ways() {
        let text = "\u{feff}unit,Value,\"sensor\",timestamp,more\r\n\
                    celsius,21.5,room,1970-01-01T00:01:00Z,x\r\n\n\
                    celsius, 22 ,room,1970-01-01 00:02:00.5,x\n,1e3,\"door\",-7,x";
        let row = |ts, sensor: &str, value, unit: &str| Ok((ts, sensor.to_owned(), value, unit.to_owned()));
        let expected =
            [row(60_000, "room", 21.5, "celsius"), row(120_500, "room", 22.0, "celsius"), row(-7, "door", 1000.0, "")];
        assert_eq!(rows(text).unwrap(), expected);
        assert_eq!(rows("timestamp,sensor,value\n1,a,2").unwrap(), [row(1, "a", 2.0, "")]);
    }

    #[test]
    fn a_wrong_line_is_named_and_the_others_are_read() {
        let long = "x".repeat(LINE_BYTES_MAX as usize * 2);
        let text = format!("timestamp,sensor,value\nnoon,a,1\n1,,1\n1,a,NaN\n1,a\n{long}\n1,a,3\n");
        let found = rows(&text).unwrap();
        let errors: Vec<&str> = found.iter().filter_map(|row| row.as_ref().err()).map(String::as_str).collect();
        let expected = [
            "line 2 of r.csv has no timestamp",
            "line 3 of r.csv has no sensor",
            "line 4 of r.csv has no finite value",
            "line 5 of r.csv has no finite value",
            "line 6 of r.csv has no end within 64 KiB",
        ];
        assert_eq!(errors, expected);
        assert_eq!(found.last().unwrap().as_ref().unwrap().2, 3.0);
    }

    #[test]
    fn a_first_line_without_the_columns_is_named() {
        assert_eq!(rows("").unwrap_err(), "the first line of r.csv lacks the column \"timestamp\"");
        assert_eq!(rows("timestamp,value").unwrap_err(), "the first line of r.csv lacks the column \"sensor\"");
    }
}
