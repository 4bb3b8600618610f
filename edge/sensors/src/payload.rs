//! From a line or a message to numbers. Pure: text in, numbers out.
//!
//! | format | text | what `pick` says |
//! |---|---|---|
//! | `number` | `21.5`, `21.5 C` | nothing: it is the first word |
//! | `name_value` | `t=21.5 h:40; p=1013` | the name |
//! | `csv` | `7,21.5,40` | the column, counted from 1 |
//! | `json` | `{"air": {"t": 21.5}}` | a JSON pointer (RFC 6901), for example `/air/t`; nothing for a bare number |

use serde_json::Value;

use crate::settings::{PayloadFormat, ValueSettings};

/// Why a text gives no number.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("it is no utf-8 text")]
    NotText,
    #[error("it is no json")]
    NotJson { source: serde_json::Error },
    #[error("{what} is no finite number")]
    NotNumber { what: String },
    #[error("nothing of what is picked is in it")]
    NothingPicked,
    #[error("its topic of {bytes} bytes is too long or holds control characters")]
    BadTopic { bytes: usize },
    #[error("its topic is none that the subscription asks for")]
    OtherTopic,
    #[error("its {bytes} bytes are more than the {bytes_max} of a sensor's message")]
    TooLong { bytes: usize, bytes_max: usize },
    #[error("its sensor's name would be {bytes} bytes long")]
    BadName { bytes: usize },
}

/// What is picked from each text.
#[derive(Clone, Debug)]
pub(crate) struct Picker {
    format: PayloadFormat,
    separator: char,
    values: Vec<ValueSettings>,
}

/// What a text gave.
#[derive(Debug)]
pub(crate) struct Picked {
    /// Which of the values, and its number after scale and offset.
    pub(crate) numbers: Vec<(usize, f64)>,
    /// Why one of them was not to be read, or why there is none. A value that is not in the text is no error as long as
    /// another one is.
    pub(crate) error: Option<PayloadError>,
}

impl Picker {
    pub(crate) fn new(format: PayloadFormat, separator: char, values: &[ValueSettings]) -> Self {
        Self { format, separator, values: values.to_vec() }
    }

    pub(crate) fn values(&self) -> &[ValueSettings] {
        &self.values
    }

    pub(crate) fn pick(&self, bytes: &[u8]) -> Picked {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Picked { numbers: Vec::new(), error: Some(PayloadError::NotText) };
        };
        let json = match self.format {
            PayloadFormat::Json => match serde_json::from_str(text.trim()) {
                Ok(json) => json,
                Err(source) => return Picked { numbers: Vec::new(), error: Some(PayloadError::NotJson { source }) },
            },
            _ => Value::Null,
        };
        let mut picked = Picked { numbers: Vec::new(), error: None };
        for (index, value) in self.values.iter().enumerate() {
            let number = match self.find(text, &json, value.pick.as_deref()) {
                Found::Number(number) => number * value.scale + value.offset,
                Found::Absent => continue,
                Found::Garbage => f64::NAN,
            };
            if number.is_finite() {
                picked.numbers.push((index, number));
            } else {
                let what = value.pick.clone().unwrap_or_else(|| "it".to_owned());
                picked.error = Some(PayloadError::NotNumber { what });
            }
        }
        if picked.numbers.is_empty() && picked.error.is_none() {
            picked.error = Some(PayloadError::NothingPicked);
        }
        picked
    }

    fn find(&self, text: &str, json: &Value, pick: Option<&str>) -> Found {
        match self.format {
            PayloadFormat::Number => Found::of_text(text.split_whitespace().next().unwrap_or_default()),
            PayloadFormat::NameValue => named(text, pick.unwrap_or_default()).map_or(Found::Absent, Found::of_text),
            PayloadFormat::Csv => self.column(text, pick).map_or(Found::Absent, Found::of_text),
            PayloadFormat::Json => json.pointer(pick.unwrap_or_default()).map_or(Found::Absent, Found::of_json),
        }
    }

    fn column<'a>(&self, text: &'a str, pick: Option<&str>) -> Option<&'a str> {
        let index = pick?.parse::<usize>().ok()?.checked_sub(1)?;
        // Only the line's end goes: a tab at its beginning sets an empty first column apart.
        let text = text.trim_end_matches(['\r', '\n']);
        // Columns that are set apart by blanks may be set apart by several.
        let column = if self.separator == ' ' {
            text.split_whitespace().nth(index)
        } else {
            text.split(self.separator).nth(index)
        };
        column.map(|column| column.trim().trim_matches('"'))
    }
}

enum Found {
    Number(f64),
    Absent,
    Garbage,
}

impl Found {
    fn of_text(text: &str) -> Self {
        text.parse().map_or(Self::Garbage, Self::Number)
    }

    /// Some devices write numbers as text, and switches as booleans. A null says that there is no value.
    fn of_json(json: &Value) -> Self {
        match json {
            Value::Null => Self::Absent,
            Value::Bool(is_on) => Self::Number(f64::from(u8::from(*is_on))),
            Value::Number(number) => number.as_f64().map_or(Self::Garbage, Self::Number),
            Value::String(text) => Self::of_text(text.trim()),
            Value::Array(_) | Value::Object(_) => Self::Garbage,
        }
    }
}

/// The beginning of a text as an error quotes it: 80 characters, which the first 320 bytes hold whatever comes behind.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    const CHARACTERS: usize = 80;
    let beginning = &bytes[..bytes.len().min(CHARACTERS * char::MAX.len_utf8())];
    String::from_utf8_lossy(beginning).chars().take(CHARACTERS).collect()
}

/// The value behind a name; pairs are set apart by blanks, commas, semicolons or ampersands.
fn named<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let pairs = text.split(|character: char| character.is_whitespace() || ",;&".contains(character));
    let mut pairs = pairs.filter_map(|pair| pair.split_once(['=', ':']));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
