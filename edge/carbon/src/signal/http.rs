//! One GET: a URL and headers in, a body out or the reason why not, with everything secret struck out of it.

use std::time::{Duration, Instant};

use super::SignalError;

/// No answer of a provider is larger; ENTSO-E's two days in quarters are half a megabyte.
const BODY_BYTES_MAX: u64 = 16 << 20;
/// How much of an error's body is repeated.
const DETAIL_CHARS_MAX: usize = 200;

/// A client of one provider.
pub(super) struct Http {
    provider: String,
    agent: ureq::Agent,
    timeout: Duration,
    /// When the question that is being asked has taken its time.
    deadline: Instant,
    /// What must not be in any text that leaves.
    secrets: Vec<String>,
    /// The same, of what was fetched: the last token.
    token: String,
}

/// What is asked.
#[derive(Default)]
pub(super) struct Request<'a> {
    pub(super) url: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// The zone asked about, for the error when it is unknown.
    pub(super) zone: &'a str,
}

impl Http {
    pub(super) fn new(provider: String, timeout_ms: u64, secrets: Vec<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect could take a token to somebody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("headwater-edge/", env!("CARGO_PKG_VERSION")))
            .build();
        let timeout = Duration::from_millis(timeout_ms.max(1));
        let deadline = Instant::now() + timeout;
        Self { provider, agent: config.into(), timeout, deadline, secrets, token: String::new() }
    }

    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    /// The token that was fetched is a secret too; the one before is over.
    pub(super) fn hide_token(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// Begins a question: all its requests together have the time of the settings.
    pub(super) fn begin(&mut self) {
        self.deadline = Instant::now() + self.timeout;
    }

    /// The body of a good answer.
    pub(super) fn get(&self, request: &Request<'_>) -> Result<String, SignalError> {
        let left = self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let mut call = self.agent.get(request.url).config().timeout_global(Some(left)).build();
        for (name, value) in request.query {
            call = call.query(*name, *value);
        }
        for (name, value) in request.headers {
            call = call.header(*name, *value);
        }
        let mut response = call.call().map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_ms =
            retry_after.and_then(|value| value.trim().parse::<u32>().ok()).map(|s| i64::from(s) * 1000);
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).lossy_utf8(true).read_to_string();
        if (200..300).contains(&status) {
            return body.map_err(|error| self.unreachable(&error));
        }
        let detail = self.detail(&said(&body.unwrap_or_default()));
        let provider = self.provider.clone();
        Err(match status {
            401 | 403 => SignalError::Refused { provider, status, detail },
            400 | 404 => SignalError::Zone { provider, zone: request.zone.to_owned(), detail },
            429 => SignalError::RateLimited { provider, retry_after_ms },
            _ => SignalError::Status { provider, status, detail },
        })
    }

    /// The answer is not what it should be.
    pub(super) fn shape(&self, detail: impl ToString) -> SignalError {
        SignalError::Shape { provider: self.provider.clone(), detail: self.detail(&detail.to_string()) }
    }

    /// There is nothing in the answer.
    pub(super) fn empty(&self, detail: &str) -> SignalError {
        SignalError::Empty { provider: self.provider.clone(), detail: self.detail(detail) }
    }

    fn unreachable(&self, error: &ureq::Error) -> SignalError {
        SignalError::Unreachable { provider: self.provider.clone(), detail: self.detail(&error.to_string()) }
    }

    /// The beginning of a text on one line, without secrets.
    fn detail(&self, text: &str) -> String {
        // Before its blanks are made one: a secret may have several.
        let mut text = text.to_owned();
        for secret in self.secrets.iter().chain([&self.token]).filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return "it says nothing more".to_owned();
        }
        text.chars().take(DETAIL_CHARS_MAX).collect()
    }
}

/// What an answer says went wrong: the message in JSON (`message`, `error` or `error.message`) or in ENTSO-E's XML
/// (`text`), or all of it.
fn said(body: &str) -> String {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body) {
        let candidates = [&json["message"], &json["error"]["message"], &json["error"]];
        if let Some(message) = candidates.iter().find_map(|value| value.as_str()) {
            return message.to_owned();
        }
    }
    let between = body.split_once("<text>").and_then(|(_, rest)| rest.split_once("</text>"));
    between.map_or(body, |(text, _)| text).to_owned()
}
