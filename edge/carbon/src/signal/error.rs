//! Why a provider did not answer, and whether asking again helps.

use super::{SecretError, TraceError};

/// Why there are no points. `provider` is its name; `detail` is what it said, with tokens and passwords struck out.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// It cannot be reached, or did not answer in time.
    #[error("{provider} cannot be reached: {detail}")]
    Unreachable { provider: String, detail: String },
    /// It wants to be asked less.
    #[error("{provider} limits how often it is asked")]
    RateLimited {
        provider: String,
        /// How long it wants to be left alone, where it says so.
        retry_after_ms: Option<i64>,
    },
    /// The token or password is wrong, has expired or does not cover this.
    #[error("{provider} refuses the credentials (status {status}): {detail}")]
    Refused { provider: String, status: u16, detail: String },
    /// It does not know the zone.
    #[error("{provider} does not know the zone {zone}: {detail}")]
    Zone { provider: String, zone: String, detail: String },
    /// It has trouble of its own.
    #[error("{provider} answers with status {status}: {detail}")]
    Status { provider: String, status: u16, detail: String },
    /// The answer is not what it should be.
    #[error("{provider} answers something else than expected: {detail}")]
    Shape { provider: String, detail: String },
    /// It has nothing for this time, or not yet.
    #[error("{provider} has no intensities for this time: {detail}")]
    Empty { provider: String, detail: String },
    /// The trace cannot be used.
    #[error("the carbon trace cannot be used")]
    Trace(#[from] TraceError),
    /// A token or password is not where the settings say.
    #[error("the credentials of a carbon source are not there")]
    Secret(#[from] SecretError),
}

impl SignalError {
    /// Whether somebody must change a setting before it can get better.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Zone { .. } | Self::Trace(_) | Self::Secret(_))
    }

    /// How long the provider asks to be left alone, milliseconds.
    pub fn retry_after_ms(&self) -> Option<i64> {
        match self {
            Self::RateLimited { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        }
    }
}
