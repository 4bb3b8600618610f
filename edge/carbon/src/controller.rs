//! The controller: which way to look at a camera now. Pure: the time, the outlook and whether there is an alert come
//! in.
//!
//! What is to be least is the Software Carbon Intensity (ISO/IEC 21031), `((E · I) + M) / R` with a camera-hour as `R`:
//! the energy of looking times the intensity, and the embodied grams, which no decision changes. What must hold is that
//! the mean accuracy does not fall under that of the best way less a loss. Its optimum is a price ([`Frontier`]): grams
//! that an accuracy-hour may cost. Where the grid is clean accuracy is cheap and is bought; where it is dirty it is
//! sold.
//!
//! - The price is the one at which the accuracy would have been right over the hours remembered and those forecast; a
//!   short, wrong or absent forecast only makes the sample worse.
//! - An account of accuracy-hours (`account`) holds the promise whatever the sample says: it is never overdrawn, and
//!   what it has too much or too little moves the price.
//! - An alert holds the best way. Changes are at most so many an hour, and the last of them is kept for a rise, so that
//!   neither an alert nor an empty account waits for one.
//!
//! # Contract
//! [`Controller::decide`] is called at least every `dwell_ms` while the camera is seen. From its calls alone it follows
//! what it answers: there is no clock and no chance in it. A time before the last one is that of a clock set back: the
//! limits on changes and the account go on from there.

mod account;
mod frontier;
mod settings;
mod switches;
#[cfg(test)]
mod tests;

pub use frontier::{Corner, Frontier};
pub use settings::{ControlError, ControlSettings, Measure};

use crate::configuration::Configuration;
use crate::memory::Memory;
use crate::signal::Outlook;
use crate::time::HOUR_MS;
use account::Account;
use switches::Switches;

/// How long a price is good for, milliseconds.
const PLAN_MS: i64 = 5 * 60 * 1000;
/// How much of the forecast is planned with, milliseconds.
const FORECAST_MS: i64 = 24 * HOUR_MS;

/// The controller of one camera.
#[derive(Clone, Debug)]
pub struct Controller {
    settings: ControlSettings,
    configurations: Vec<Configuration>,
    frontier: Frontier,
    /// The mean accuracy that was promised.
    promised: f64,
    account: Account,
    memory: Memory,
    switches: Switches,
    /// Place on the frontier.
    place: usize,
    price: Option<Price>,
}

/// What an accuracy-hour may cost, and since when that is known.
#[derive(Clone, Copy, Debug)]
struct Price {
    grams: f64,
    at_ms: i64,
    intensity: f64,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'a> {
    /// How to look.
    pub configuration: &'a Configuration,
    /// Its place in the list that the controller was made of.
    pub index: usize,
    /// Whether the way to look is another than before.
    pub changed: bool,
    /// Why this one.
    pub reason: Reason,
}

/// Why a way to look is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is an alert: the best.
    Alert,
    /// It has the least grams at the price of accuracy.
    Plan,
    /// The account has nothing left to spend.
    Account,
    /// Another would be better and must wait for the limits on changes.
    Limits,
}

impl Reason {
    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Plan => "plan",
            Self::Account => "account",
            Self::Limits => "limits",
        }
    }
}

impl Controller {
    /// A controller over these ways to look, of which those that break a constraint of the settings are left out.
    ///
    /// # Errors
    /// [`ControlError`] when a setting has no sense or no way is left.
    pub fn new(settings: ControlSettings, configurations: Vec<Configuration>) -> Result<Self, ControlError> {
        settings.check()?;
        let allowed: Vec<bool> = configurations.iter().map(|way| settings.allows(way)).collect();
        let frontier = Frontier::new(&configurations, &allowed);
        let best = frontier.best().ok_or(ControlError::NothingAllowed { of: configurations.len() })?;
        let promised = best.accuracy - settings.accuracy_loss_max;
        Ok(Self {
            account: Account::new(settings.accuracy_loss_max * settings.horizon_hours),
            memory: Memory::new(settings.history_hours),
            switches: Switches::new(settings.switches_per_hour_max, settings.dwell()),
            place: frontier.len() - 1,
            price: None,
            promised,
            settings,
            configurations,
            frontier,
        })
    }

    /// The way to look from now on. `alert` says that somebody must not be missed now.
    pub fn decide(&mut self, now_ms: i64, outlook: &Outlook, alert: bool) -> Decision<'_> {
        self.account.settle(now_ms, self.accuracy_at(self.place) - self.promised);
        self.memory.take_in(now_ms, outlook);
        let best = self.frontier.len() - 1;
        let (wanted, reason) = if alert { (best, Reason::Alert) } else { self.wanted(now_ms, outlook) };
        let (place, reason) = self.permitted(now_ms, wanted, reason);
        let changed = place != self.place;
        if changed {
            self.switches.note(now_ms);
            self.place = place;
        }
        let index = self.frontier.index(self.place);
        Decision { configuration: &self.configurations[index], index, changed, reason }
    }

    /// The mean accuracy that is promised, 0 to 1.
    pub fn promised_accuracy(&self) -> f64 {
        self.promised
    }

    /// The ways to look, as they were given.
    pub fn configurations(&self) -> &[Configuration] {
        &self.configurations
    }

    /// The ways that can be best for some intensity.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// What the price asks for, or the cheapest that keeps the promise where the account cannot pay for that.
    fn wanted(&mut self, now_ms: i64, outlook: &Outlook) -> (usize, Reason) {
        let intensity = outlook.current.g_per_kwh;
        let price = self.price(now_ms, outlook);
        let margin = 1.0 + self.settings.hysteresis;
        let calmest = self.frontier.choose(price / margin, intensity);
        let boldest = self.frontier.choose(price * margin, intensity);
        let planned = match (calmest..=boldest).contains(&self.place) {
            true => self.place,
            false => self.frontier.choose(price, intensity),
        };
        if self.can_pay(planned) {
            (planned, Reason::Plan)
        } else {
            (self.frontier.keeping(self.promised), Reason::Account)
        }
    }

    fn price(&mut self, now_ms: i64, outlook: &Outlook) -> f64 {
        let intensity = outlook.current.g_per_kwh;
        let fresh = |price: &Price| price.intensity == intensity && (0..PLAN_MS).contains(&(now_ms - price.at_ms));
        if let Some(price) = self.price.filter(fresh) {
            return price.grams;
        }
        let until_ms = now_ms.saturating_add(FORECAST_MS);
        let forecast = outlook.forecast.iter().filter(|point| point.at_ms <= until_ms);
        let mut sample: Vec<f64> = self.memory.values().chain(forecast.map(|point| point.g_per_kwh)).collect();
        if sample.is_empty() {
            sample.push(intensity);
        }
        let grams = self.frontier.price(&sample, self.target());
        self.price = Some(Price { grams, at_ms: now_ms, intensity });
        grams
    }

    /// The accuracy to plan for: lower when the account has more than its reserve; when it has less it rises, so fast
    /// that with an empty account it is as far above the promise as may be lost. A plan that nears the floor turns in
    /// time.
    fn target(&self) -> f64 {
        let ControlSettings { accuracy_loss_max, reserve_hours, horizon_hours, .. } = self.settings;
        let spare = self.account.balance() - accuracy_loss_max * reserve_hours;
        let within_hours = if spare < 0.0 { reserve_hours } else { horizon_hours };
        self.promised - spare / within_hours
    }

    /// What the limits on changes leave of a wish.
    fn permitted(&self, now_ms: i64, wanted: usize, reason: Reason) -> (usize, Reason) {
        if wanted == self.place {
            return (wanted, reason);
        }
        let best = self.frontier.len() - 1;
        let must = reason == Reason::Alert || !self.can_pay(self.place);
        match (must, self.switches.left(now_ms)) {
            (_, 0) => (self.place, Reason::Limits),
            // The last one leads to the best: from there nothing has to rise.
            (true, 1) => (best, reason),
            (true, _) => (wanted, reason),
            (false, 1) => (self.place, Reason::Limits),
            (false, _) if !self.switches.has_dwelt(now_ms) => (self.place, Reason::Limits),
            (false, _) => (wanted, reason),
        }
    }

    /// Whether the account lasts for this until it is looked at again.
    fn can_pay(&self, place: usize) -> bool {
        let loss = self.promised - self.accuracy_at(place);
        loss <= 0.0 || self.account.lasts(loss, self.settings.dwell())
    }

    fn accuracy_at(&self, place: usize) -> f64 {
        self.frontier.at(place).accuracy
    }
}
