//! The words that events are written with: names and places, channels and their addresses, and filling.

use super::event::{Sequence, draws};
use super::random::{below, draw, letters};

pub(super) const FIRST_NAMES: [&str; 11] =
    ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"];
pub(super) const LAST_NAMES: [&str; 9] =
    ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"];
pub(super) const CITIES: [&str; 10] =
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"];
pub(super) const STATES: [&str; 6] = ["AZ", "CA", "ID", "OR", "WA", "WY"];

const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];
/// Channels that are not hot.
const CHANNELS: u64 = 10_000;
/// The randomness of channels is apart from that of events.
const CHANNEL_SEED: u64 = 0x006e_6578_6d61_726b;

/// A word of a list, by a draw.
pub(super) fn word<'a>(words: &[&'a str], draw: u64) -> &'a str {
    words[below(draw, words.len() as u64) as usize]
}

/// Where bids come from: the channel's name and the address of the item there.
#[derive(Debug)]
pub(super) struct Channels {
    /// The hot ones first.
    channels: Vec<(String, String)>,
}

impl Channels {
    /// The channels of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let seed = seed ^ CHANNEL_SEED;
        let hot = HOT_CHANNELS.iter().zip(CHANNELS..).map(|(name, number)| ((*name).to_owned(), url(seed, number)));
        let others = (0..CHANNELS).map(|number| {
            let mut url = url(seed, number);
            // One in ten does not say its number.
            if below(draw(seed, number, 0), 10) > 0 {
                let reversed = (number as u32).reverse_bits().cast_signed().unsigned_abs();
                url += &format!("&channel_id={reversed}");
            }
            (format!("channel-{number}"), url)
        });
        Channels { channels: hot.chain(others).collect() }
    }

    /// The channel of a bid; every second one is hot.
    pub(super) fn of(&self, sequence: &Sequence, n: u64) -> (&str, &str) {
        let hot = HOT_CHANNELS.len() as u64;
        let channel = sequence.draw(n, draws::CHANNEL);
        let index = match below(sequence.draw(n, draws::HOT_CHANNEL), 2) {
            0 => hot + below(channel, CHANNELS),
            _ => below(channel, hot),
        };
        let (name, url) = &self.channels[index as usize];
        (name, url)
    }
}

fn url(seed: u64, number: u64) -> String {
    let mut url = b"https://www.nexmark.com/".to_vec();
    for part in 0..3 {
        let length = 3 + below(draw(seed, number, 1 + part), 2);
        letters(seed, number, 4 + part, length, Some(b'_'), &mut url);
        url.push(b'/');
    }
    let mut url = String::from_utf8_lossy(&url).into_owned();
    url += "item.htm?query=1";
    url
}

/// Letters without meaning, to give rows their published sizes. They are cut out of one text: making each of them
/// would take longer than all else together.
#[derive(Debug)]
pub(super) struct Filling {
    text: Vec<u8>,
}

/// Places where a filling may begin.
const PLACES: u64 = 1 << 15;
/// More than the longest filling.
const LONGEST: u64 = 1 << 10;

impl Filling {
    pub(super) fn new(seed: u64) -> Self {
        let mut text = Vec::new();
        for block in 0..(PLACES + LONGEST) / 8 {
            letters(!seed, block, 0, 8, None, &mut text);
        }
        Filling { text }
    }

    /// Adds a filling of `mean` letters on average, a fifth more or less.
    pub(super) fn add(&self, sequence: &Sequence, n: u64, mean: u64, out: &mut Vec<u8>) {
        let delta = mean / 5;
        let length = (mean - delta + below(sequence.draw(n, draws::EXTRA), 2 * delta + 1)).min(LONGEST) as usize;
        let at = below(sequence.draw(n, draws::EXTRA_AT), PLACES) as usize;
        out.extend_from_slice(&self.text[at..at + length]);
    }
}

/// Adds a text of 3 to `max` letters and spaces, without spaces at its ends.
pub(super) fn text(sequence: &Sequence, n: u64, length_draw: u64, first_draw: u64, max: u64, out: &mut Vec<u8>) {
    let length = 3 + below(sequence.draw(n, length_draw), max - 3);
    let start = out.len();
    letters(sequence.seed, n, first_draw, length, Some(b' '), out);
    while out.len() > start + 1 && out.last() == Some(&b' ') {
        out.pop();
    }
    if out[start] == b' ' {
        out[start] = b'x';
    }
}
