//! Paths into JSON, `$.orders[*]['item name'][0]`, and the values that they lead to.
//!
//! A small part of JSONPath: `$`, `.name`, `['name']`, `[n]` from the front or, negative, from the back, and `[*]` for
//! every element of a list or every value of an object. A text is read only as far as it has to be; one that is broken
//! before that leads nowhere.

use jiter::{Jiter, JiterError, Peek};

/// A path that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(isize),
    Every,
}

/// A value within a text: its JSON as it stands there, and what kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'j> {
    pub(super) text: &'j str,
    pub(super) kind: Peek,
}

/// Stops a search.
enum Stop {
    /// Enough was found.
    Enough,
    /// The text is no JSON.
    Broken,
}

impl From<JiterError> for Stop {
    fn from(_: JiterError) -> Self {
        Stop::Broken
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        let Some(mut rest) = text.strip_prefix('$') else { return Err("it begins with $".to_owned()) };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match (rest.strip_prefix('.'), rest.strip_prefix('[')) {
                (Some(name), _) => key(name)?,
                (_, Some(inner)) => bracket(inner)?,
                (None, None) => return Err(format!("'.' or '[' is expected before {rest}")),
            };
            steps.push(step);
            rest = after;
        }
        Ok(Path { steps })
    }

    /// All values that the path leads to, in their order; `None` where the text is no JSON.
    pub(super) fn all<'j>(&self, json: &'j str) -> Option<Vec<Found<'j>>> {
        let mut found = Vec::new();
        let mut take = |value| {
            found.push(value);
            Ok(())
        };
        match walk(json, &mut Jiter::new(json.as_bytes()), &self.steps, &mut take) {
            Ok(()) | Err(Stop::Enough) => Some(found),
            Err(Stop::Broken) => None,
        }
    }

    /// The first of them.
    pub(super) fn first<'j>(&self, json: &'j str) -> Option<Found<'j>> {
        let mut first = None;
        let mut take = |value| {
            first = Some(value);
            Err(Stop::Enough)
        };
        let _ = walk(json, &mut Jiter::new(json.as_bytes()), &self.steps, &mut take);
        first
    }
}

impl Found<'_> {
    /// The value as text: a string without its quotes, anything else as its JSON; none for null.
    pub(super) fn as_text(&self) -> Option<String> {
        match self.kind {
            Peek::Null => None,
            Peek::String => Jiter::new(self.text.as_bytes()).next_str().ok().map(str::to_owned),
            _ => Some(self.text.to_owned()),
        }
    }
}

/// `name…`
fn key(text: &str) -> Result<(Step, &str), String> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err("a name is expected behind '.'".to_owned());
    }
    if let Some(sign) = name.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '_' | '-'))) {
        return Err(format!("'{sign}' cannot stand in a name: write ['{name}']"));
    }
    Ok((Step::Key(name.to_owned()), rest))
}

/// `'name']…`, `5]…`, `*]…`
fn bracket(text: &str) -> Result<(Step, &str), String> {
    if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        let open = || "a name in brackets is not closed".to_owned();
        let (name, rest) = text[1..].split_once(quote).ok_or_else(open)?;
        let rest = rest.strip_prefix(']').ok_or_else(open)?;
        return Ok((Step::Key(name.to_owned()), rest));
    }
    let (inner, rest) = text.split_once(']').ok_or("a bracket is not closed")?;
    let step = match inner.trim() {
        "*" => Step::Every,
        index => match index.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => return Err(format!("[{inner}] is neither a number, nor *, nor a name in quotes")),
        },
    };
    Ok((step, rest))
}

/// Goes down the steps from the value that `jiter` stands before, and leaves it behind that value.
fn walk<'j>(
    json: &'j str,
    jiter: &mut Jiter<'j>,
    steps: &[Step],
    take: &mut dyn FnMut(Found<'j>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let kind = jiter.peek()?;
    let Some((step, rest)) = steps.split_first() else {
        let start = jiter.current_index();
        jiter.known_skip(kind)?;
        let text = json.get(start..jiter.current_index()).ok_or(Stop::Broken)?;
        return take(Found { text, kind });
    };
    match (step, kind) {
        (Step::Key(_) | Step::Every, Peek::Object) => {
            let mut taken = false;
            let mut key = jiter.known_object()?.map(|key| step.fits(key));
            while let Some(fits) = key {
                if fits && (!taken || *step == Step::Every) {
                    taken = true;
                    walk(json, jiter, rest, take)?;
                } else {
                    jiter.next_skip()?;
                }
                key = jiter.next_key()?.map(|key| step.fits(key));
            }
            Ok(())
        }
        (Step::Index(_) | Step::Every, Peek::Array) => {
            let index = match step {
                Step::Index(index) if *index < 0 => length(&mut jiter.clone())?.checked_add_signed(*index),
                Step::Index(index) => usize::try_from(*index).ok(),
                _ => None,
            };
            let mut number = 0;
            let mut element = jiter.known_array()?;
            while let Some(kind) = element {
                if *step == Step::Every || index == Some(number) {
                    walk(json, jiter, rest, take)?;
                } else {
                    jiter.known_skip(kind)?;
                }
                number += 1;
                element = jiter.array_step()?;
            }
            Ok(())
        }
        (_, kind) => Ok(jiter.known_skip(kind)?),
    }
}

impl Step {
    /// Whether it leads to the value under a key.
    fn fits(&self, key: &str) -> bool {
        match self {
            Step::Key(name) => name == key,
            _ => true,
        }
    }
}

/// How many elements the list has that `jiter` stands before.
fn length(jiter: &mut Jiter<'_>) -> Result<usize, Stop> {
    let mut count = 0;
    let mut element = jiter.known_array()?;
    while let Some(kind) = element {
        jiter.known_skip(kind)?;
        count += 1;
        element = jiter.array_step()?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = r#"{"a": [{"b": 1}, {"b": "x\ny", "b": 2}, 5, {"c d": [true, null]}], "e": {}, "f": 1.50}"#;

    fn all(path: &str) -> Option<Vec<&'static str>> {
        let found = Path::parse(path).unwrap().all(ORDERS)?;
        Some(found.into_iter().map(|found| found.text).collect())
    }

    #[test]
    fn every_step_leads_to_what_it_names() {
        assert_eq!(all("$").unwrap(), [ORDERS]);
        assert_eq!(all("$.f").unwrap(), ["1.50"]);
        assert_eq!(all("$.a[*].b").unwrap(), ["1", r#""x\ny""#]);
        assert_eq!(all("$.a[0]").unwrap(), [r#"{"b": 1}"#]);
        assert_eq!(all("$['a'][-1][\"c d\"][*]").unwrap(), ["true", "null"]);
        assert_eq!(all("$.a[3][*][1]").unwrap(), ["null"]);
        assert_eq!(all("$.a[-9]").unwrap(), Vec::<&str>::new());
        assert_eq!(all("$.a.b").unwrap(), Vec::<&str>::new());
        assert_eq!(all("$[*]").unwrap().len(), 3);
        assert_eq!(all("$.e[*]").unwrap(), Vec::<&str>::new());
    }

    #[test]
    fn the_first_is_found_before_the_text_breaks() {
        let path = Path::parse("$[*].a").unwrap();
        assert_eq!(path.first(r#"[1, {"a": "x\"y"}, {"#).and_then(|found| found.as_text()).as_deref(), Some("x\"y"));
        assert_eq!(path.all(r#"[1, {"a": "x\"y"}, {"#), None);
        assert_eq!(path.first("nothing"), None);
        assert_eq!(Path::parse("$.a").unwrap().first(r#"{"a": null}"#).unwrap().as_text(), None);
    }

    #[test]
    fn a_wrong_path_says_what_is_wrong() {
        let wrong = |path: &str| Path::parse(path).unwrap_err();
        assert_eq!(wrong("a.b"), "it begins with $");
        assert_eq!(wrong("$a"), "'.' or '[' is expected before a");
        assert_eq!(wrong("$."), "a name is expected behind '.'");
        assert_eq!(wrong("$..a"), "a name is expected behind '.'");
        assert_eq!(wrong("$.a b"), "' ' cannot stand in a name: write ['a b']");
        assert_eq!(wrong("$[1"), "a bracket is not closed");
        assert_eq!(wrong("$['a]"), "a name in brackets is not closed");
        assert_eq!(wrong("$[1:2]"), "[1:2] is neither a number, nor *, nor a name in quotes");
    }
}
