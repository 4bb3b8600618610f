//! Electricity Maps, v3: the flow-traced mix of a zone by the hour, the last day and, where the plan has it, the next.
//!
//! <https://portal.electricitymaps.com/docs/api>. A token covers zones and endpoints: a forecast that it does not cover
//! is left out and not asked for again; a history that it does not cover is replaced by the latest value.

use serde::Deserialize;

use super::http::{Http, Request};
use super::settings::ElectricityMapsSettings;
use super::{Intensity, Origin, Provider, SignalError, in_order};
use crate::time::parse_ms;

/// The client.
pub(super) struct ElectricityMaps {
    http: Http,
    url: String,
    zone: String,
    token: String,
    asks_forecast: bool,
}

#[derive(Deserialize)]
struct Point {
    #[serde(rename = "carbonIntensity")]
    carbon_intensity: Option<f64>,
    datetime: String,
    #[serde(rename = "isEstimated", default)]
    is_estimated: Option<bool>,
    zone: Option<String>,
}

#[derive(Deserialize)]
struct Points {
    zone: Option<String>,
    #[serde(alias = "history", alias = "forecast")]
    points: Vec<Point>,
}

impl ElectricityMaps {
    pub(super) fn new(settings: &ElectricityMapsSettings, token: String, timeout_ms: u64) -> Self {
        let http = Http::new(format!("Electricity Maps for {}", settings.zone), timeout_ms, vec![token.clone()]);
        let url = settings.url.trim_end_matches('/').to_owned();
        Self { http, url, zone: settings.zone.clone(), token, asks_forecast: true }
    }

    fn ask(&self, what: &str) -> Result<String, SignalError> {
        self.http.get(&Request {
            url: &format!("{}/v3/carbon-intensity/{what}", self.url),
            query: &[("zone", &self.zone)],
            headers: &[("auth-token", &self.token)],
            zone: &self.zone,
        })
    }

    fn several(&self, what: &str) -> Result<Vec<Point>, SignalError> {
        let points: Points = serde_json::from_str(&self.ask(what)?).map_err(|error| self.http.shape(error))?;
        self.check_zone(points.zone.as_deref())?;
        Ok(points.points)
    }

    fn past(&self) -> Result<Vec<Point>, SignalError> {
        match self.several("history") {
            Ok(points) if points.iter().any(|point| point.carbon_intensity.is_some()) => Ok(points),
            Ok(_) | Err(SignalError::Refused { .. } | SignalError::Zone { .. }) => {
                let latest: Point =
                    serde_json::from_str(&self.ask("latest")?).map_err(|error| self.http.shape(error))?;
                Ok(vec![latest])
            }
            Err(error) => Err(error),
        }
    }

    fn forecast(&mut self) -> Result<Vec<Point>, SignalError> {
        if !self.asks_forecast {
            return Ok(Vec::new());
        }
        match self.several("forecast") {
            Err(SignalError::Refused { .. } | SignalError::Zone { .. }) => {
                self.asks_forecast = false;
                Ok(Vec::new())
            }
            // What is measured is worth having without the forecast.
            Err(_) => Ok(Vec::new()),
            found => found,
        }
    }

    fn check_zone(&self, told: Option<&str>) -> Result<(), SignalError> {
        match told {
            Some(told) if told != self.zone => Err(SignalError::Zone {
                provider: self.http.provider().to_owned(),
                zone: self.zone.clone(),
                detail: format!("it answers about {told}"),
            }),
            _ => Ok(()),
        }
    }

    fn intensity(&self, point: &Point, origin: Origin) -> Result<Option<Intensity>, SignalError> {
        self.check_zone(point.zone.as_deref())?;
        let Some(g_per_kwh) = point.carbon_intensity else { return Ok(None) };
        let at_ms = parse_ms(&point.datetime);
        let at_ms = at_ms.ok_or_else(|| self.http.shape(format!("{:?} is no time", point.datetime)))?;
        let origin = if point.is_estimated == Some(true) { Origin::Estimated } else { origin };
        Ok(Some(Intensity { at_ms, g_per_kwh, origin }))
    }
}

impl Provider for ElectricityMaps {
    fn name(&self) -> &str {
        self.http.provider()
    }

    fn fetch(&mut self, now_ms: i64) -> Result<Vec<Intensity>, SignalError> {
        self.http.begin();
        let past = self.past()?;
        let forecast = self.forecast()?;
        let mut points = Vec::new();
        // The past is last: where both know an hour, what was measured wins.
        for point in &forecast {
            points.extend(self.intensity(point, Origin::Forecast)?);
        }
        for point in &past {
            let known = self.intensity(point, Origin::Measured)?;
            points.extend(known.filter(|known| known.at_ms <= now_ms));
        }
        let points = in_order(points);
        if points.is_empty() { Err(self.http.empty("every value is null")) } else { Ok(points) }
    }
}
