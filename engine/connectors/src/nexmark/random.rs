//! Randomness that is a function of where it is needed: SplitMix64, read at a place instead of in sequence. So any
//! event can be made by itself, in any order and on any machine.

/// The step of SplitMix64's counter.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
/// Draws that one event may take; the place of a draw is its event's number times this, and its own number.
const DRAWS: u64 = 64;

/// A value of the sequence that `seed` begins: draw number `draw` of an event.
pub(super) fn draw(seed: u64, event: u64, draw: u64) -> u64 {
    let place = event.wrapping_mul(DRAWS).wrapping_add(draw);
    let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(GAMMA));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A value below `limit`, which is not 0, from a draw.
pub(super) fn below(draw: u64, limit: u64) -> u64 {
    ((u128::from(draw) * u128::from(limit)) >> 64) as u64
}

/// The fraction of a draw, in [0, 1).
pub(super) fn fraction(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// Adds `length` lower-case letters; every thirteenth on average is `special` instead, where there is one.
/// Draws of `event` from `first` on are used, one for every eight letters.
pub(super) fn letters(seed: u64, event: u64, first: u64, length: u64, special: Option<u8>, out: &mut Vec<u8>) {
    let mut left = length;
    let mut number = first;
    while left > 0 {
        let taken = left.min(8);
        for byte in &draw(seed, event, number).to_le_bytes()[..taken as usize] {
            // 20 of 256 values are special, the others are spread over the alphabet.
            let letter = b'a' + (byte % 26);
            out.push(match special {
                Some(special) if *byte >= 236 => special,
                _ => letter,
            });
        }
        left -= taken;
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first values of SplitMix64 for the seed 1234567, as its author's program prints them.
    #[test]
    fn in_sequence_it_is_splitmix64() {
        let values: Vec<u64> = (0..5).map(|number| draw(1_234_567, 0, number)).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(values, published);
    }

    #[test]
    fn values_stay_below_their_limit() {
        assert_eq!((below(0, 7), below(u64::MAX, 7)), (0, 6));
        assert_eq!(fraction(0), 0.0);
        assert!(fraction(u64::MAX) < 1.0);
    }

    #[test]
    fn letters_have_the_asked_length() {
        let mut out = Vec::new();
        letters(1, 2, 0, 4000 * 8, Some(b' '), &mut out);
        assert_eq!(out.len(), 32_000);
        let spaces = out.iter().filter(|byte| **byte == b' ').count();
        assert!((2200..2800).contains(&spaces), "{spaces}");
        assert!(out.iter().all(|byte| *byte == b' ' || byte.is_ascii_lowercase()));
    }
}
