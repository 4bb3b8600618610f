//! The options of a table (`WITH (…)`): typed access, and errors that name the option and the nearest known ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::catalog::TableError;

/// An option's value as SQL gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// `'text'`
    Text(String),
    /// `5`, `1.5`
    Number(String),
    /// `true`
    Boolean(bool),
    /// `interval '5 seconds'`
    Interval(Duration),
    /// `[date, camera_id]`
    List(Vec<String>),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OptionValue::Text(text) => write!(f, "'{text}'"),
            OptionValue::Number(number) => f.write_str(number),
            OptionValue::Boolean(value) => write!(f, "{value}"),
            OptionValue::Interval(interval) => write!(f, "interval '{interval:?}'"),
            OptionValue::List(items) => write!(f, "[{}]", items.join(", ")),
        }
    }
}

/// The options of one table. Each getter notes that its key is known, so that [`Options::finish`] can tell which
/// options nobody asked for.
#[derive(Debug, Default)]
pub struct Options {
    values: BTreeMap<String, OptionValue>,
    known: RefCell<BTreeSet<String>>,
}

impl Options {
    /// Options from key and value. A later value for the same key wins.
    pub fn new(values: impl IntoIterator<Item = (String, OptionValue)>) -> Self {
        Options { values: values.into_iter().collect(), known: RefCell::default() }
    }

    /// The value as SQL gave it.
    pub fn raw(&self, key: &str) -> Option<&OptionValue> {
        self.known.borrow_mut().insert(key.to_owned());
        self.values.get(key)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<&str>, TableError> {
        match self.raw(key) {
            None => Ok(None),
            Some(OptionValue::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(key, "a text in quotes", other)),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, key: &str) -> Result<&str, TableError> {
        self.text(key)?.ok_or_else(|| TableError::new(format!("option '{key}' is missing")).with_option(key))
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, TableError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let found = choices.iter().find(|(name, _)| *name == text);
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(TableError::new(format!("option '{key}' cannot be '{text}'"))
                .with_option(key)
                .with_hint(format!("use one of {}", names.join(", ")))),
        }
    }

    /// A number, written as one or as a text.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, TableError> {
        let (text, value) = match self.raw(key) {
            None => return Ok(None),
            Some(value @ (OptionValue::Number(text) | OptionValue::Text(text))) => (text, value),
            Some(other) => return Err(wrong_type(key, "a number", other)),
        };
        text.parse().map(Some).map_err(|_| wrong_type(key, "a number in range", value))
    }

    /// True or false, written as such or as a text.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>, TableError> {
        match self.raw(key) {
            None => Ok(None),
            Some(OptionValue::Boolean(value)) => Ok(Some(*value)),
            Some(value @ OptionValue::Text(text)) => match text.as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(wrong_type(key, "true or false", value)),
            },
            Some(other) => Err(wrong_type(key, "true or false", other)),
        }
    }

    /// A length of time.
    pub fn interval(&self, key: &str) -> Result<Option<Duration>, TableError> {
        match self.raw(key) {
            None => Ok(None),
            Some(OptionValue::Interval(duration)) => Ok(Some(*duration)),
            Some(other) => Err(wrong_type(key, "an interval, as interval '5 seconds'", other)),
        }
    }

    /// A list of names: `[a, b]` or the text 'a,b'.
    pub fn list(&self, key: &str) -> Result<Option<Vec<String>>, TableError> {
        match self.raw(key) {
            None => Ok(None),
            Some(OptionValue::List(items)) => Ok(Some(items.clone())),
            Some(OptionValue::Text(text)) => Ok(Some(text.split(',').map(|item| item.trim().to_owned()).collect())),
            Some(other) => Err(wrong_type(key, "a list, as [a, b]", other)),
        }
    }

    /// Refuses options that no getter asked for.
    ///
    /// # Errors
    /// Names the option, and the known one that is nearest to it.
    pub fn finish(&self) -> Result<(), TableError> {
        let known = self.known.borrow();
        let Some(unknown) = self.values.keys().find(|key| !known.contains(*key)) else { return Ok(()) };
        let error = TableError::new(format!("unknown option '{unknown}'")).with_option(unknown);
        Err(match nearest(unknown, known.iter().map(String::as_str)) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None => error.with_hint(format!("known options: {}", known.iter().cloned().collect::<Vec<_>>().join(", "))),
        })
    }
}

fn wrong_type(key: &str, expected: &str, found: &OptionValue) -> TableError {
    TableError::new(format!("option '{key}' must be {expected}, not {found}")).with_option(key)
}

/// The candidate most like `word`, if any is like it at all (an edit distance of at most a third of its length).
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.chars().count().max(word.chars().count());
            *distance < length && *distance <= length.div_ceil(3)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, by the usual row at a time.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(entries: &[(&str, OptionValue)]) -> Options {
        Options::new(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())))
    }

    #[test]
    fn a_misspelt_option_names_its_neighbour() {
        let options = options(&[("topc", OptionValue::Text("a".into()))]);
        assert!(options.text("topic").unwrap().is_none());
        let error = options.finish().unwrap_err();
        assert_eq!(error.message, "unknown option 'topc'");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'topic'?"));
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        let options = options(&[("event_rate", OptionValue::Boolean(true)), ("on", OptionValue::Text("yes".into()))]);
        let error = options.number::<u64>("event_rate").unwrap_err();
        assert_eq!(error.message, "option 'event_rate' must be a number, not true");
        assert!(options.boolean("on").is_err());
    }

    #[test]
    fn numbers_may_be_texts() {
        let options = options(&[("rate", OptionValue::Text("100".into()))]);
        assert_eq!(options.number::<u64>("rate").unwrap(), Some(100));
    }

    #[test]
    fn nothing_is_near_a_word_that_is_like_none() {
        assert_eq!(nearest("zzz", ["topic", "path"].into_iter()), None);
        assert_eq!(nearest("b", ["a"].into_iter()), None);
        assert_eq!(nearest("pth", ["topic", "path"].into_iter()), Some("path"));
    }
}
