//! Which topics a table is over: those that it names, or all whose names fit a pattern.

use headwater_plan::{Options, TableError};
use regex::Regex;

/// The topics of a table.
#[derive(Clone, Debug)]
pub(super) enum Topics {
    /// These, sorted.
    Named(Vec<String>),
    /// All that fit, those too that come later.
    Matching {
        /// As the table says it.
        pattern: String,
        /// The same, for a whole name.
        whole: Regex,
    },
}

impl Topics {
    /// Reads the options `topic` and `topic_pattern`.
    pub(super) fn of(options: &Options) -> Result<Self, TableError> {
        match (options.text("topic_pattern")?, options.raw("topic")) {
            (None, _) => Topics::named(options),
            (Some(_), Some(_)) => Err(TableError::new("a table is over a topic or a pattern, not both")
                .with_option("topic_pattern")
                .with_hint("leave topic out; a pattern may name several: 'orders|payments'")),
            (Some(pattern), None) => match Regex::new(&format!("^(?:{pattern})$")) {
                Ok(whole) => Ok(Topics::Matching { pattern: pattern.to_owned(), whole }),
                Err(_) => Err(TableError::new(format!("'{pattern}' is no regular expression"))
                    .with_option("topic_pattern")
                    .with_hint("write one that fits whole names, as 'orders-.*'")),
            },
        }
    }

    fn named(options: &Options) -> Result<Self, TableError> {
        options.required_text("topic")?;
        let mut topics = options.list("topic")?.unwrap_or_default();
        topics.sort();
        topics.dedup();
        match topics.iter().any(String::is_empty) {
            true => Err(TableError::new("a topic has no name").with_option("topic")),
            false => Ok(Topics::Named(topics)),
        }
    }

    /// The one topic that can be written.
    pub(super) fn only(&self) -> Option<&str> {
        match self {
            Topics::Named(topics) => match topics.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Topics::Matching { .. } => None,
        }
    }

    /// Whether a topic is one of these. The brokers' own topics, whose names begin with `__`, fit no pattern.
    pub(super) fn contain(&self, topic: &str) -> bool {
        match self {
            Topics::Named(topics) => topics.iter().any(|known| known == topic),
            Topics::Matching { whole, .. } => !topic.starts_with("__") && whole.is_match(topic),
        }
    }

    /// Where the partitions of a topic begin to be dealt out to instances: named topics one after the other, others by a
    /// hash of their names, so that a new topic moves no other's partitions.
    pub(super) fn home(&self, topic: &str) -> usize {
        match self {
            Topics::Named(topics) => topics.iter().position(|known| known == topic).unwrap_or(0),
            // FNV-1a: it must be the same in every run.
            Topics::Matching { .. } => {
                topic.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
                    as usize
            }
        }
    }

    /// What the table says, for messages; also what tells one table from another.
    pub(super) fn shown(&self) -> String {
        match self {
            Topics::Named(topics) => topics.join(","),
            Topics::Matching { pattern, .. } => pattern.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_plan::OptionValue;

    use super::*;

    fn topics(options: &[(&str, &str)]) -> Result<Topics, TableError> {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
        Topics::of(&Options::new(options.iter().map(text)))
    }

    #[test]
    fn a_pattern_fits_whole_names_and_none_of_the_brokers_own() {
        let topics = topics(&[("topic_pattern", "orders|pay.*|__.*")]).unwrap();
        for (name, fits) in [
            ("orders", true),
            ("orders2", false),
            ("my-orders", false),
            ("payments", true),
            ("__consumer_offsets", false),
        ] {
            assert_eq!(topics.contain(name), fits, "{name}");
        }
        assert_eq!(topics.only(), None);
        assert_ne!(topics.home("orders"), topics.home("payments"));
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        let refused = |options: &[(&str, &str)]| topics(options).unwrap_err().option.unwrap();
        assert_eq!(refused(&[]), "topic");
        assert_eq!(refused(&[("topic", "a,,b")]), "topic");
        assert_eq!(refused(&[("topic_pattern", "a(")]), "topic_pattern");
        assert_eq!(refused(&[("topic_pattern", "a"), ("topic", "b")]), "topic_pattern");
    }
}
