//! WattTime, v3: the marginal emissions of a region every five minutes, the last hours and the next day.
//!
//! <https://docs.watttime.org>. A login gives a token that lasts half an hour; one that has run out is answered with
//! 401 and renewed once. Values are pounds a megawatt-hour. They are *marginal*: what one kilowatt-hour more causes, so
//! that a report of emissions must not add them to those of an average mix.

use serde::Deserialize;

use super::http::{Http, Request};
use super::settings::WattTimeSettings;
use super::{Intensity, Origin, Provider, SignalError, in_order};
use crate::time::{HOUR_MS, minute_text, parse_ms};

/// Grams a kilowatt-hour in a pound a megawatt-hour: the pound has 453.59237 g.
const G_PER_KWH_IN_LB_PER_MWH: f64 = 0.453_592_37;
/// A token lasts 30 minutes; it is renewed before.
const TOKEN_MS: i64 = 25 * 60 * 1000;
/// The signal: CO₂ of the marginal generator.
const SIGNAL: &str = "co2_moer";
/// How far back the past is asked for.
const BACK_MS: i64 = 24 * HOUR_MS;

/// The client.
pub(super) struct WattTime {
    http: Http,
    url: String,
    region: String,
    /// `Basic` and the user and password in base 64.
    login: String,
    token: Option<Token>,
}

struct Token {
    bearer: String,
    since_ms: i64,
}

#[derive(Deserialize)]
struct LoginAnswer {
    token: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Point>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Point {
    point_time: String,
    value: Option<f64>,
}

#[derive(Deserialize)]
struct Meta {
    region: Option<String>,
    units: String,
}

impl WattTime {
    pub(super) fn new(settings: &WattTimeSettings, password: String, timeout_ms: u64) -> Self {
        let account = base64(format!("{}:{password}", settings.user).as_bytes());
        let login = format!("Basic {account}");
        let secrets = vec![password, account];
        let http = Http::new(format!("WattTime for {}", settings.region), timeout_ms, secrets);
        let url = settings.url.trim_end_matches('/').to_owned();
        Self { http, url, region: settings.region.clone(), login, token: None }
    }

    /// A header with a token that is good as far as is known.
    fn bearer(&mut self, now_ms: i64) -> Result<String, SignalError> {
        if let Some(token) = &self.token
            && (0..TOKEN_MS).contains(&now_ms.saturating_sub(token.since_ms))
        {
            return Ok(token.bearer.clone());
        }
        let url = format!("{}/login", self.url);
        let headers = [("authorization", self.login.as_str())];
        let body =
            self.http.get(&Request { url: &url, headers: &headers, zone: &self.region, ..Request::default() })?;
        let answer: LoginAnswer =
            serde_json::from_str(&body).map_err(|_| self.http.shape("the login gives no token"))?;
        self.http.hide_token(&answer.token);
        let bearer = format!("Bearer {}", answer.token);
        self.token = Some(Token { bearer: bearer.clone(), since_ms: now_ms });
        Ok(bearer)
    }

    fn ask(&mut self, what: &str, query: &[(&str, &str)], now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        let had_token = self.token.is_some();
        let body = match self.ask_once(what, query, now_ms) {
            // It may have run out before its time: once more with a new one.
            Err(SignalError::Refused { status: 401, .. }) if had_token => {
                self.token = None;
                self.ask_once(what, query, now_ms)?
            }
            answered => answered?,
        };
        let answer: Answer = serde_json::from_str(&body).map_err(|error| self.http.shape(error))?;
        self.intensities(&answer, now_ms)
    }

    fn ask_once(&mut self, what: &str, query: &[(&str, &str)], now_ms: i64) -> Result<String, SignalError> {
        let bearer = self.bearer(now_ms)?;
        let mut all = vec![("region", self.region.as_str()), ("signal_type", SIGNAL)];
        all.extend_from_slice(query);
        self.http.get(&Request {
            url: &format!("{}/v3/{what}", self.url),
            query: &all,
            headers: &[("authorization", &bearer)],
            zone: &self.region,
        })
    }

    fn intensities(&self, answer: &Answer, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        if answer.meta.units != "lbs_co2_per_mwh" {
            return Err(self.http.shape(format!("values in {:?}", answer.meta.units)));
        }
        if let Some(told) = answer.meta.region.as_ref().filter(|told| **told != self.region) {
            let (provider, zone) = (self.http.provider().to_owned(), self.region.clone());
            return Err(SignalError::Zone { provider, zone, detail: format!("it answers about {told}") });
        }
        let mut points = Vec::new();
        for point in &answer.data {
            let at_ms = parse_ms(&point.point_time);
            let at_ms = at_ms.ok_or_else(|| self.http.shape(format!("{:?} is no time", point.point_time)))?;
            let Some(value) = point.value else { continue };
            let origin = if at_ms > now_ms { Origin::Forecast } else { Origin::Measured };
            points.push(Intensity { at_ms, g_per_kwh: value * G_PER_KWH_IN_LB_PER_MWH, origin });
        }
        Ok(points)
    }
}

impl Provider for WattTime {
    fn name(&self) -> &str {
        self.http.provider()
    }

    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        self.http.begin();
        let forecast = self.ask("forecast", &[("horizon_hours", "24")], now_ms)?;
        let (start, end) = (minute_text(now_ms.saturating_sub(BACK_MS)), minute_text(now_ms));
        let past = match self.ask("historical", &[("start", &start), ("end", &end)], now_ms) {
            Ok(past) => past,
            // The forecast begins now, so it is enough to go on.
            Err(_) if !forecast.is_empty() => Vec::new(),
            Err(error) => return Err(error),
        };
        let points = in_order(forecast.into_iter().chain(past).collect());
        if points.is_empty() { Err(self.http.empty("every value is null")) } else { Ok(points) }
    }
}

/// Base 64 of RFC 4648 with padding: one header does not pay for a library.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, index| (word << 8) | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in vectors.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *expected);
        }
    }
}
