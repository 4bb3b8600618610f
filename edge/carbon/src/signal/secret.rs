//! A token or a password: used, never shown.

use std::fmt;

use serde::Deserialize;

/// A token or password, as it stands in the settings or as the name of an environment variable that holds it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Secret {
    /// The secret itself.
    Literal(String),
    /// Where it is.
    Environment {
        /// The name of the variable.
        env: String,
    },
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {variable} is not set, and the token of {provider} should be in it")]
pub struct SecretError {
    /// The variable.
    pub variable: String,
    /// Who wants it.
    pub provider: &'static str,
}

impl Secret {
    /// The secret in clear.
    ///
    /// # Errors
    /// [`SecretError`] when the environment does not have it.
    pub(crate) fn reveal(&self, provider: &'static str) -> Result<String, SecretError> {
        match self {
            Self::Literal(secret) => Ok(secret.trim().to_owned()),
            Self::Environment { env } => match std::env::var(env) {
                Ok(secret) if !secret.trim().is_empty() => Ok(secret.trim().to_owned()),
                _ => Err(SecretError { variable: env.clone(), provider }),
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => formatter.write_str("Secret"),
            Self::Environment { env } => write!(formatter, "Secret(${env})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::Literal("hunter2".to_owned())), "Secret");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let secret = Secret::Environment { env: "HEADWATER_NO_SUCH_TOKEN".to_owned() };
        let error = secret.reveal("ENTSO-E").unwrap_err().to_string();
        assert!(error.contains("HEADWATER_NO_SUCH_TOKEN") && error.contains("ENTSO-E"), "{error}");
    }
}
