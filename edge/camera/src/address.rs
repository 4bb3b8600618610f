//! Where a camera is and how it is entered. The password and the URL's query, in which many cameras take theirs, are in
//! no `Debug` and no `Display` of anything here, and [`Address::redacted`] takes them out of what other programs say.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

/// A text that is not shown: a password, or a URL that may hold one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The usual error shows what it found.
        String::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("it must be a text in quotes"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A user name and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// The URL of a camera, without credentials, and the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    credentials: Option<Credentials>,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("it is no url: {reason}")]
    NotUrl { reason: String },
    /// Its scheme is another one.
    #[error("its scheme is {found:?}, and here it is {expected}")]
    Scheme { found: String, expected: String },
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// There is a password and nobody whose it is.
    #[error("there is a password without a user name")]
    NoUser,
}

impl Address {
    /// Reads a URL with one of these schemes. A user name and a password of their own stand over those in the URL.
    ///
    /// # Errors
    /// [`AddressError`], which says no part of the URL but its scheme.
    pub fn parse(
        text: &str,
        schemes: &[&str],
        username: Option<&str>,
        password: Option<&Secret>,
    ) -> Result<Self, AddressError> {
        let mut url = Url::parse(text.trim()).map_err(|error| AddressError::NotUrl { reason: error.to_string() })?;
        if !schemes.contains(&url.scheme()) {
            return Err(AddressError::Scheme { found: url.scheme().to_owned(), expected: schemes.join(" or ") });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(AddressError::NoHost);
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let username = username.map_or_else(|| decoded(url.username()), str::to_owned);
        let password = password.cloned().or_else(|| url.password().map(|text| Secret(decoded(text))));
        let credentials = match (username.is_empty(), password) {
            (true, None) => None,
            (true, Some(_)) => return Err(AddressError::NoUser),
            (false, password) => {
                Some(Credentials { username, password: password.unwrap_or_else(|| Secret(String::new())) })
            }
        };
        // Both can only fail for URLs without a host, and there is one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { url, credentials })
    }

    /// The URL without user name and password.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Who enters.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The URL with user name and password, for a program that takes no other form.
    pub(crate) fn revealed(&self) -> String {
        let Some(Credentials { username, password }) = &self.credentials else { return self.url.to_string() };
        let (user, word) = (encoded(username), encoded(password.reveal()));
        self.url.as_str().replacen("://", &format!("://{user}:{word}@"), 1)
    }

    /// A text in which neither the URL's query nor the password is found any more, neither as it is nor as it stands in
    /// URLs.
    pub fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(query) = self.url.query().filter(|query| !query.is_empty()) {
            // An apostrophe is encoded for ffmpeg.
            for form in [query.to_owned(), query.replace('\'', "%27")] {
                text = text.replace(&format!("?{form}"), "?***");
            }
        }
        let Some(Credentials { password, .. }) = &self.credentials else { return text };
        let word = password.reveal();
        for form in [encoded(word), word.to_owned()] {
            text = text.replace(&format!(":{form}@"), ":***@");
            // Of a shorter one every other word would be full; it is only hidden where it stands as a password.
            if form.len() >= 4 {
                text = text.replace(&form, "***");
            }
        }
        text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        if shown.query().is_some() {
            shown.set_query(Some("***"));
        }
        shown.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self}, {:?})", self.credentials)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTSP: &[&str] = &["rtsp"];

    fn parsed(text: &str) -> Address {
        Address::parse(text, RTSP, None, None).unwrap()
    }

    #[test]
    fn credentials_are_taken_out_of_the_url_and_put_back_only_when_revealed() {
        let address = parsed("rtsp://ann:p%40ss%3Aword@10.0.0.7:8554/live/1?x=2");
        assert_eq!(address.url().as_str(), "rtsp://10.0.0.7:8554/live/1?x=2");
        let Credentials { username, password } = address.credentials().unwrap();
        assert_eq!((username.as_str(), password.reveal()), ("ann", "p@ss:word"));
        assert_eq!(address.revealed(), "rtsp://ann:p%40ss%3Aword@10.0.0.7:8554/live/1?x=2");
        assert_eq!(parsed("rtsp://door/").credentials(), None);
    }

    #[test]
    fn what_is_set_stands_over_what_is_in_the_url() {
        let password = Secret::new("new");
        let address = Address::parse("rtsp://ann:old@door/", RTSP, Some("bob"), Some(&password)).unwrap();
        let Credentials { username, password } = address.credentials().unwrap();
        assert_eq!((username.as_str(), password.reveal()), ("bob", "new"));
    }

    #[test]
    fn the_password_is_in_nothing_that_is_shown() {
        let address = parsed("rtsp://ann:t%C3%B6p%20secret@door/");
        let said = "[in#0] rtsp://ann:t%C3%B6p%20secret@door/: 401; tried töp secret";
        for shown in [format!("{address} {address:?} {address:#?}"), address.redacted(said)] {
            assert!(!shown.contains("secret"), "{shown}");
        }
        let address = parsed("rtsp://door/live?user=ann&password=secret#1");
        assert_eq!(address.to_string(), "rtsp://door/live?***#1");
        let said = format!("{address:?}; {}", address.redacted("rtsp://door/live?user=ann&password=secret#1: 401"));
        assert_eq!(said, "Address(rtsp://door/live?***#1, None); rtsp://door/live?***#1: 401");
        let address = parsed("rtsp://door/live?password=it's");
        assert_eq!(address.redacted("rtsp://door/live?password=it%27s: 401"), "rtsp://door/live?***: 401");
        assert_eq!(parsed("rtsp://a:40@door/").redacted("rtsp://a:40@door/ says 401"), "rtsp://a:***@door/ says 401");
    }

    #[test]
    fn what_is_no_address_is_named_without_its_password() {
        let error = |text: &str| Address::parse(text, RTSP, None, None).unwrap_err().to_string();
        assert_eq!(error("http://ann:secret@door/"), "its scheme is \"http\", and here it is rtsp");
        assert!(error("ann:secret@door").starts_with("its scheme is"), "{}", error("ann:secret@door"));
        assert!(error("door/secret").starts_with("it is no url"));
        assert_eq!(error("rtsp://:secret@door/"), "there is a password without a user name");
        for text in ["http://ann:secret@door/", "rtsp://ann:secret@:99999999/", "rtsp://:secret@door/"] {
            assert!(!error(text).contains("secret"), "{}", error(text));
        }
    }
}
