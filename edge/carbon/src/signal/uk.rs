//! Great Britain's Carbon Intensity API: half hours, 48 hours ahead, for the country, a region or a postcode. No token.
//!
//! <https://carbon-intensity.github.io/api-definitions/>. A half hour that is over has an `actual`; one that is not has
//! `null` there, and now and then `null` in `forecast` too.

use serde::Deserialize;

use super::http::{Http, Request};
use super::settings::UkSettings;
use super::{Intensity, Origin, Provider, SignalError, in_order};
use crate::time::{HOUR_MS, minute_text, parse_ms};

/// How far back the past is asked for.
const BACK_MS: i64 = HOUR_MS;

/// The client.
pub(super) struct UkCarbonIntensity {
    http: Http,
    settings: UkSettings,
    zone: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

/// A country's half hours, or a region with its half hours; the region comes alone or in a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Data {
    Region(Region),
    Regions(Vec<Region>),
    Country(Vec<Slot>),
}

#[derive(Deserialize)]
struct Region {
    regionid: Option<u32>,
    data: Vec<Slot>,
}

#[derive(Deserialize)]
struct Slot {
    from: String,
    intensity: Values,
}

#[derive(Deserialize)]
struct Values {
    forecast: Option<f64>,
    actual: Option<f64>,
}

impl UkCarbonIntensity {
    pub(super) fn new(settings: &UkSettings, timeout_ms: u64) -> Self {
        let zone = match (settings.region_id, &settings.postcode) {
            (Some(id), _) => format!("region {id}"),
            (None, Some(postcode)) => format!("postcode {postcode}"),
            (None, None) => "GB".to_owned(),
        };
        let http = Http::new(format!("the UK Carbon Intensity API for {zone}"), timeout_ms, Vec::new());
        Self { http, settings: settings.clone(), zone }
    }

    fn url(&self, now_ms: i64) -> String {
        let base = self.settings.url.trim_end_matches('/');
        let from = minute_text(now_ms.saturating_sub(BACK_MS));
        match (self.settings.region_id, &self.settings.postcode) {
            (Some(id), _) => format!("{base}/regional/intensity/{from}/fw48h/regionid/{id}"),
            (None, Some(postcode)) => format!("{base}/regional/intensity/{from}/fw48h/postcode/{postcode}"),
            (None, None) => format!("{base}/intensity/{from}/fw48h"),
        }
    }

    fn slots(&self, data: Data) -> Result<Vec<Slot>, SignalError> {
        let region = match data {
            Data::Country(slots) => return Ok(slots),
            Data::Region(region) => region,
            Data::Regions(regions) => {
                let mut regions = regions.into_iter();
                regions.next().ok_or_else(|| self.http.empty("it lists no region"))?
            }
        };
        match (self.settings.region_id, region.regionid) {
            (Some(asked), Some(told)) if asked != told => Err(SignalError::Zone {
                provider: self.http.provider().to_owned(),
                zone: self.zone.clone(),
                detail: format!("it answers about region {told}"),
            }),
            _ => Ok(region.data),
        }
    }
}

impl Provider for UkCarbonIntensity {
    fn name(&self) -> &str {
        self.http.provider()
    }

    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        self.http.begin();
        let body = self.http.get(&Request { url: &self.url(now_ms), zone: &self.zone, ..Request::default() })?;
        let answer: Answer = serde_json::from_str(&body).map_err(|error| self.http.shape(error))?;
        let mut points = Vec::new();
        for slot in self.slots(answer.data)? {
            let at_ms = parse_ms(&slot.from).ok_or_else(|| self.http.shape(format!("{:?} is no time", slot.from)))?;
            let (value, origin) = match slot.intensity {
                Values { actual: Some(actual), .. } => (actual, Origin::Measured),
                Values { forecast: Some(forecast), .. } => (forecast, Origin::Forecast),
                Values { .. } => continue,
            };
            points.push(Intensity { at_ms, g_per_kwh: value, origin });
        }
        let points = in_order(points);
        if points.is_empty() { Err(self.http.empty("every half hour is null")) } else { Ok(points) }
    }
}
