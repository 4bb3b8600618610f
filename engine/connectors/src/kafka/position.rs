//! Where a partition is read from: pure decisions over what the checkpoint says and what the brokers say.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use headwater_plan::{Options, TableError};
use serde::{Deserialize, Serialize};

use super::dedup::Seen;

/// Where a partition without a position begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartOffset {
    /// At the oldest message that is kept.
    Earliest,
    /// After the newest one.
    Latest,
    /// Where the consumer group was, or at the oldest where it was nowhere.
    Group,
    /// At the first message of this time, in milliseconds since the epoch, or after the newest.
    Time(i64),
}

impl StartOffset {
    /// Reads the option `source.offset`, and `source.timestamp` where it says `timestamp`.
    pub(super) fn of(options: &Options) -> Result<Option<Self>, TableError> {
        let at = options.text("source.timestamp")?;
        let offset = options.text("source.offset")?;
        if at.is_some() && offset != Some("timestamp") {
            return Err(TableError::new("the source does not begin at a time")
                .with_option("source.timestamp")
                .with_hint("add source.offset = 'timestamp'"));
        }
        Ok(match offset {
            None => None,
            Some("timestamp") => {
                let Some(text) = at else {
                    return Err(TableError::new("the time to begin at is not said")
                        .with_option("source.offset")
                        .with_hint("add source.timestamp = '2023-09-18T14:00:00Z'"));
                };
                Some(StartOffset::Time(millis("source.timestamp", text)?))
            }
            Some("earliest") => Some(StartOffset::Earliest),
            Some("latest") => Some(StartOffset::Latest),
            Some("group") => Some(StartOffset::Group),
            Some(text) => Some(StartOffset::Time(millis("source.offset", text)?)),
        })
    }
}

/// A point in time, as a text with or without a zone or as milliseconds since the epoch.
fn millis(option: &str, text: &str) -> Result<i64, TableError> {
    if let Ok(millis) = text.parse() {
        return Ok(millis);
    }
    string_to_timestamp_nanos(text).map(|nanos| nanos.div_euclid(1_000_000)).map_err(|_| {
        let words = if option == "source.offset" { "earliest, latest, group, or " } else { "" };
        TableError::new(format!("option '{option}' cannot be '{text}'"))
            .with_option(option)
            .with_hint(format!("use {words}a time as '2023-09-18T14:00:00Z' or in milliseconds since the epoch"))
    })
}

/// The position of a partition in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The identity of the log that the offset is in.
    pub(super) log: String,
    /// The next offset.
    pub(super) offset: i64,
    /// The agents' messages that were seen.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    pub(super) seen: Seen,
}

/// What the brokers say of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The oldest offset that is kept.
    pub(super) low: i64,
    /// The next offset to be written.
    pub(super) high: i64,
    /// Where the start option points, where that had to be asked for.
    pub(super) start: Option<i64>,
}

/// Where a partition begins, and what is to be told about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// At its position.
    Resumed(i64),
    /// At the start option; there is no position.
    Fresh(i64),
    /// At the start option: the position is of another log.
    OtherLog(i64),
    /// At the oldest message: those from the position on were dropped by the log.
    Expired(i64),
    /// At the start option: the position is beyond the end, so the topic is another one by the same name.
    BeyondEnd(i64),
}

impl Begin {
    /// The first offset to read.
    pub(super) fn offset(self) -> i64 {
        match self {
            Begin::Resumed(at) | Begin::Fresh(at) | Begin::OtherLog(at) | Begin::Expired(at) | Begin::BeyondEnd(at) => {
                at
            }
        }
    }
}

/// Decides where a partition begins. `appeared` says that the job has read its topic before and that the partition is
/// new: all of it counts.
pub(super) fn begin(
    position: Option<&Position>,
    log: &str,
    extent: Extent,
    start: StartOffset,
    appeared: bool,
) -> Begin {
    let option = match start {
        StartOffset::Earliest => extent.low,
        StartOffset::Latest => extent.high,
        StartOffset::Group => extent.start.unwrap_or(extent.low),
        StartOffset::Time(_) => extent.start.unwrap_or(extent.high),
    };
    match position {
        None if appeared => Begin::Fresh(extent.low),
        None => Begin::Fresh(option),
        Some(position) if position.log != log => Begin::OtherLog(option),
        Some(position) if position.offset < extent.low => Begin::Expired(extent.low),
        Some(position) if position.offset > extent.high => Begin::BeyondEnd(option),
        Some(position) => Begin::Resumed(position.offset),
    }
}

/// The instance that reads a partition. Neither a new partition nor another topic's moves any.
pub(super) fn owner(topic: usize, partition: i32, parallelism: usize) -> usize {
    (topic + usize::try_from(partition).unwrap_or(0)) % parallelism.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { low: 10, high: 20, start: None };

    fn position(log: &str, offset: i64) -> Position {
        Position { log: log.into(), offset, seen: Seen::default() }
    }

    #[test]
    fn positions_hold_only_in_their_log() {
        let at = |offset| begin(Some(&position("a", offset)), "a", EXTENT, StartOffset::Latest, false);
        assert_eq!(at(15), Begin::Resumed(15));
        assert_eq!(at(10), Begin::Resumed(10));
        assert_eq!(at(20), Begin::Resumed(20));
        assert_eq!(at(9), Begin::Expired(10));
        assert_eq!(at(21), Begin::BeyondEnd(20));
        let other = begin(Some(&position("b", 15)), "a", EXTENT, StartOffset::Earliest, false);
        assert_eq!(other, Begin::OtherLog(10));
    }

    #[test]
    fn without_a_position_the_option_says_where() {
        let at = |start, asked| begin(None, "a", Extent { start: asked, ..EXTENT }, start, false).offset();
        assert_eq!(at(StartOffset::Earliest, None), 10);
        assert_eq!(at(StartOffset::Latest, None), 20);
        assert_eq!(at(StartOffset::Group, Some(12)), 12);
        assert_eq!(at(StartOffset::Group, None), 10);
        assert_eq!(at(StartOffset::Time(0), Some(13)), 13);
        assert_eq!(at(StartOffset::Time(0), None), 20);
        assert_eq!(begin(None, "a", EXTENT, StartOffset::Latest, true), Begin::Fresh(10));
    }

    #[test]
    fn a_time_is_said_in_any_of_its_ways() {
        use headwater_plan::OptionValue;
        let start = |options: &[(&str, &str)]| {
            let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
            StartOffset::of(&Options::new(options.iter().map(text)))
        };
        let at = Some(StartOffset::Time(1_695_045_600_000));
        for text in ["2023-09-18T14:00:00Z", "2023-09-18T16:00:00+02:00", "2023-09-18 14:00:00", "1695045600000"] {
            assert_eq!(start(&[("source.offset", text)]).unwrap(), at, "{text}");
            assert_eq!(start(&[("source.offset", "timestamp"), ("source.timestamp", text)]).unwrap(), at, "{text}");
        }
        let refused = |options: &[(&str, &str)]| start(options).unwrap_err().option.unwrap();
        assert_eq!(refused(&[("source.offset", "yesterday")]), "source.offset");
        assert_eq!(refused(&[("source.offset", "timestamp")]), "source.offset");
        assert_eq!(refused(&[("source.offset", "timestamp"), ("source.timestamp", "x")]), "source.timestamp");
        assert_eq!(refused(&[("source.offset", "latest"), ("source.timestamp", "0")]), "source.timestamp");
    }

    #[test]
    fn every_partition_has_one_owner() {
        for parallelism in 1..5 {
            for partition in 0..8 {
                assert!(owner(1, partition, parallelism) < parallelism);
            }
            let counts: Vec<_> =
                (0..parallelism).map(|s| (0..8).filter(|p| owner(0, *p, parallelism) == s).count()).collect();
            assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
        }
    }
}
