//! Where intensities come from, as the settings file says it, and the provider that follows from it.

use std::path::PathBuf;

use serde::Deserialize;

use super::electricity_maps::ElectricityMaps;
use super::entsoe::Entsoe;
use super::secret::Secret;
use super::trace::{Constant, Trace};
use super::uk::UkCarbonIntensity;
use super::watttime::WattTime;
use super::{Provider, SignalError};

/// A source of intensities: `kind` and what that kind needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SourceSettings {
    /// The same at all times.
    Constant {
        /// Grams of CO₂ equivalent a kilowatt-hour.
        g_per_kwh: f64,
    },
    /// A CSV file with the columns `timestamp` and `g_per_kwh`.
    Trace {
        /// The file.
        path: PathBuf,
    },
    /// Great Britain's Carbon Intensity API.
    UkCarbonIntensity(UkSettings),
    /// Electricity Maps, v3.
    ElectricityMaps(ElectricityMapsSettings),
    /// WattTime, v3.
    Watttime(WattTimeSettings),
    /// ENTSO-E's transparency platform.
    Entsoe(EntsoeSettings),
}

/// Great Britain as a whole, or the part of it that is named.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UkSettings {
    /// A region by its number, 1 to 17.
    pub region_id: Option<u32>,
    /// The outward part of a postcode (`RG10`), where there is no region.
    pub postcode: Option<String>,
    /// Where the service is.
    pub url: String,
}

/// A zone of Electricity Maps.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectricityMapsSettings {
    /// The zone's key (`DE`, `DK-DK1`).
    pub zone: String,
    /// The API token, or `{ env = "…" }`.
    pub token: Secret,
    /// Where the service is.
    #[serde(default = "electricity_maps_url")]
    pub url: String,
}

/// A region of WattTime.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WattTimeSettings {
    /// The region's abbreviation (`CAISO_NORTH`).
    pub region: String,
    /// The account.
    pub user: String,
    /// Its password, or `{ env = "…" }`.
    pub password: Secret,
    /// Where the service is.
    #[serde(default = "watttime_url")]
    pub url: String,
}

/// An area of ENTSO-E.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntsoeSettings {
    /// A country (`DE`), a Danish half (`DK1`), or an area's code (`10Y1001A1001A83F`).
    pub zone: String,
    /// The security token, or `{ env = "…" }`.
    pub token: Secret,
    /// Where the service is.
    #[serde(default = "entsoe_url")]
    pub url: String,
}

impl SourceSettings {
    /// The provider; reads the file of a trace and the variables of secrets, but asks nobody yet.
    ///
    /// # Errors
    /// [`SignalError::Trace`] for a file, [`SignalError::Secret`] for a variable that is not set.
    pub fn open(&self, timeout_ms: u64) -> Result<Box<dyn Provider>, SignalError> {
        Ok(match self {
            Self::Constant { g_per_kwh } => Box::new(Constant { g_per_kwh: *g_per_kwh }),
            Self::Trace { path } => Box::new(Trace::from_csv(path)?),
            Self::UkCarbonIntensity(settings) => Box::new(UkCarbonIntensity::new(settings, timeout_ms)),
            Self::ElectricityMaps(settings) => {
                let token = settings.token.reveal("Electricity Maps")?;
                Box::new(ElectricityMaps::new(settings, token, timeout_ms))
            }
            Self::Watttime(settings) => {
                Box::new(WattTime::new(settings, settings.password.reveal("WattTime")?, timeout_ms))
            }
            Self::Entsoe(settings) => Box::new(Entsoe::new(settings, settings.token.reveal("ENTSO-E")?, timeout_ms)),
        })
    }

    /// The zone whose annual factor stands in; nothing for a constant and a file.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Constant { .. } | Self::Trace { .. } => None,
            Self::UkCarbonIntensity(_) => Some("GB"),
            Self::ElectricityMaps(settings) => Some(&settings.zone),
            Self::Watttime(settings) => Some(&settings.region),
            Self::Entsoe(settings) => Some(&settings.zone),
        }
    }
}

impl Default for UkSettings {
    fn default() -> Self {
        Self { region_id: None, postcode: None, url: "https://api.carbonintensity.org.uk".to_owned() }
    }
}

fn electricity_maps_url() -> String {
    "https://api.electricitymaps.com".to_owned()
}

fn watttime_url() -> String {
    "https://api.watttime.org".to_owned()
}

fn entsoe_url() -> String {
    "https://web-api.tp.entsoe.eu/api".to_owned()
}
