//! What each event is: a person, an auction or a bid, its ids and its numbers, by the proportions and the skew that
//! NEXMark and Apache Beam's generator of it publish. Every value is a function of the seed and the event's number.

use super::random::{below, draw, fraction};

/// Events in one turn of the sequence: a person, then three auctions, then 46 bids.
pub(super) const TURN: u64 = 50;
const AUCTIONS: u64 = 3;

const FIRST_ID: u64 = 1000;
const FIRST_CATEGORY: u64 = 10;
const CATEGORIES: u64 = 5;

/// Persons of the newest that still sell and bid.
const ACTIVE_PERSONS: u64 = 1000;
/// How many of the newest auctions are bid on.
const AUCTIONS_IN_FLIGHT: u64 = 100;
/// Ids this far ahead of the newest are named before they appear.
const LEAD: u64 = 10;
/// Of so many ids one is hot.
const HOT_EVERY: u64 = 100;

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Someone registers.
    Person,
    /// Someone sells something.
    Auction,
    /// Someone bids for it.
    Bid,
}

impl Kind {
    /// The kind's name, as a table and as a column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Auction => "auction",
            Kind::Bid => "bid",
        }
    }

    /// Which places of a turn are of the kind.
    pub(super) fn places(self) -> std::ops::Range<u64> {
        match self {
            Kind::Person => 0..1,
            Kind::Auction => 1..1 + AUCTIONS,
            Kind::Bid => 1 + AUCTIONS..TURN,
        }
    }

    /// Whether event `n` is of the kind.
    pub(super) fn is(self, n: u64) -> bool {
        self.places().contains(&(n % TURN))
    }
}

/// The draws of an event by what they decide. A text takes several from its number on.
pub(super) mod draws {
    pub(crate) const HOT_AUCTION: u64 = 0;
    pub(crate) const AUCTION: u64 = 1;
    pub(crate) const HOT_PERSON: u64 = 2;
    pub(crate) const PERSON: u64 = 3;
    pub(crate) const PRICE: u64 = 4;
    pub(crate) const RESERVE: u64 = 5;
    pub(crate) const HOT_CHANNEL: u64 = 6;
    pub(crate) const CHANNEL: u64 = 7;
    pub(crate) const CATEGORY: u64 = 8;
    pub(crate) const LENGTH: u64 = 9;
    pub(crate) const EXTRA: u64 = 10;
    pub(crate) const EXTRA_AT: u64 = 11;
    pub(crate) const FIRST_NAME: u64 = 12;
    pub(crate) const LAST_NAME: u64 = 13;
    pub(crate) const CITY: u64 = 14;
    pub(crate) const STATE: u64 = 15;
    pub(crate) const CARD: u64 = 16;
    pub(crate) const TEXT_LENGTH: u64 = 17;
    pub(crate) const TEXT_LENGTH_2: u64 = 18;
    /// Up to three draws.
    pub(crate) const TEXT: u64 = 20;
    /// Up to thirteen.
    pub(crate) const TEXT_2: u64 = 24;
}

/// The sequence of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// What the randomness begins with.
    pub(super) seed: u64,
    /// The event time of event 0, in nanoseconds.
    pub(super) start_ns: i64,
    /// From one event to the next, in nanoseconds.
    pub(super) interval_ns: i64,
}

impl Sequence {
    /// The draw of an event.
    pub(super) fn draw(&self, n: u64, number: u64) -> u64 {
        draw(self.seed, n, number)
    }

    /// When event `n` happens, in nanoseconds.
    pub(super) fn time(&self, n: u64) -> i64 {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        self.start_ns.saturating_add(n.saturating_mul(self.interval_ns))
    }

    /// The id of the person that event `n` is.
    pub(super) fn person_id(&self, n: u64) -> i64 {
        id(newest_person(n))
    }

    /// The id of the auction that event `n` is.
    pub(super) fn auction_id(&self, n: u64) -> i64 {
        id(newest_auction(n))
    }

    /// Who sells: three of four auctions are of a hot seller.
    pub(super) fn seller(&self, n: u64) -> i64 {
        match below(self.draw(n, draws::HOT_PERSON), 4) {
            0 => id(self.any_person(n)),
            _ => id(newest_person(n) / HOT_EVERY * HOT_EVERY),
        }
    }

    /// Who bids: three of four bids are of a hot bidder.
    pub(super) fn bidder(&self, n: u64) -> i64 {
        match below(self.draw(n, draws::HOT_PERSON), 4) {
            0 => id(self.any_person(n)),
            _ => id(newest_person(n) / HOT_EVERY * HOT_EVERY + 1),
        }
    }

    /// What is bid for: every second bid is for a hot auction.
    pub(super) fn auction_bid_for(&self, n: u64) -> i64 {
        match below(self.draw(n, draws::HOT_AUCTION), 2) {
            0 => {
                let newest = newest_auction(n);
                let oldest = newest.saturating_sub(AUCTIONS_IN_FLIGHT);
                id(oldest + below(self.draw(n, draws::AUCTION), newest - oldest + 1 + LEAD))
            }
            _ => id(newest_auction(n) / HOT_EVERY * HOT_EVERY),
        }
    }

    /// One of the persons that are active, or of the next to come.
    fn any_person(&self, n: u64) -> u64 {
        let persons = newest_person(n) + 1;
        let active = persons.min(ACTIVE_PERSONS);
        persons - active + below(self.draw(n, draws::PERSON), active + LEAD)
    }

    /// A bid's price, or the first one of an auction, in cents: from 1 to 10⁶ dollars, as often at each scale.
    pub(super) fn price(&self, n: u64) -> i64 {
        price(self.draw(n, draws::PRICE))
    }

    /// Below what an auction's item is not sold.
    pub(super) fn reserve(&self, n: u64) -> i64 {
        self.price(n) + price(self.draw(n, draws::RESERVE))
    }

    /// An auction's category.
    pub(super) fn category(&self, n: u64) -> i64 {
        (FIRST_CATEGORY + below(self.draw(n, draws::CATEGORY), CATEGORIES)) as i64
    }

    /// When an auction ends, in nanoseconds: on average after as many events as make the auctions in flight.
    pub(super) fn expires(&self, n: u64) -> i64 {
        let events = AUCTIONS_IN_FLIGHT * TURN / AUCTIONS;
        let horizon_ms = (events as i64).saturating_mul(self.interval_ns) / 1_000_000;
        let limit = u64::try_from(horizon_ms.saturating_mul(2)).unwrap_or(0).max(1);
        let length_ms = 1 + below(self.draw(n, draws::LENGTH), limit) as i64;
        self.time(n).saturating_add(length_ms.saturating_mul(1_000_000))
    }
}

fn id(base: u64) -> i64 {
    (FIRST_ID + base) as i64
}

/// The number, from 0, of the newest person when event `n` happens.
fn newest_person(n: u64) -> u64 {
    n / TURN
}

/// The number, from 0, of the newest auction when event `n` happens; 0 also before there is one.
fn newest_auction(n: u64) -> u64 {
    let (turn, place) = (n / TURN, n % TURN);
    match place {
        0 => (turn * AUCTIONS).saturating_sub(1),
        _ => turn * AUCTIONS + (place - 1).min(AUCTIONS - 1),
    }
}

/// 100 × 10^(6u), between points of a table: the logarithm of a price is uniform.
fn price(draw: u64) -> i64 {
    const POINTS: usize = 4096;
    static TABLE: std::sync::LazyLock<Vec<f64>> = std::sync::LazyLock::new(|| {
        (0..=POINTS).map(|point| 100.0 * 10_f64.powf(6.0 * point as f64 / POINTS as f64)).collect()
    });
    let at = fraction(draw) * POINTS as f64;
    let point = at as usize;
    let (low, high) = (TABLE[point], TABLE[point + 1]);
    (low + (high - low) * (at - point as f64)).round() as i64
}
