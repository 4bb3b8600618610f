//! Asking a camera by HTTP: one client, and the answer to a camera that wants to know who asks (basic or digest).

use http_auth::{PasswordClient, PasswordParams};
use reqwest::header::{AUTHORIZATION, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, Response, StatusCode};

use crate::picture::ENCODED_BYTES_MAX;
use crate::{Address, CameraError, Picture};

/// Pictures in a row that cannot be decoded before the connection is given up.
const UNDECODABLE_MAX: u32 = 10;

/// A camera that is asked by HTTP.
pub(super) struct Http {
    client: Client,
    address: Address,
    /// What the camera wanted to know when it was asked before.
    challenge: Option<PasswordClient>,
    /// Pictures that could not be decoded since the last one that could.
    undecodable: u32,
}

/// The client of one camera: no proxy, because cameras are at home; connections are kept while they last.
pub(super) fn client() -> Result<Client, CameraError> {
    let client = Client::builder().no_proxy().user_agent("headwater").redirect(reqwest::redirect::Policy::limited(3));
    client.build().map_err(|source| CameraError::Prepare { source: Box::new(source) })
}

impl Http {
    pub(super) fn new(client: Client, address: Address) -> Self {
        Self { client, address, challenge: None, undecodable: 0 }
    }

    /// What the camera is called.
    pub(super) fn url(&self) -> String {
        self.address.to_string()
    }

    /// Asks once, and once more with the password where the camera wants it.
    pub(super) async fn get(&mut self) -> Result<Response, CameraError> {
        let mut answer = self.ask().await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.accept_challenge(answer.headers()) {
            answer = self.ask().await?;
        }
        match answer.status() {
            StatusCode::UNAUTHORIZED => Err(CameraError::Unauthorized { url: self.url() }),
            status if !status.is_success() => Err(CameraError::Status { url: self.url(), status: status.as_u16() }),
            _ => Ok(answer),
        }
    }

    /// Reads an answer to its end, which may not lie beyond what a picture may have.
    pub(super) async fn body(&self, mut answer: Response) -> Result<Vec<u8>, CameraError> {
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|source| self.failed(source))? {
            body.extend_from_slice(&piece);
            if body.len() > ENCODED_BYTES_MAX {
                return Err(self.too_long(body.len()));
            }
        }
        Ok(body)
    }

    /// Decodes what the camera sent as a picture; nothing where it is none, which happens to the best.
    ///
    /// # Errors
    /// [`CameraError::Undecodable`] when it happens too often in a row.
    pub(super) fn picture(&mut self, bytes: &[u8]) -> Result<Option<Picture>, CameraError> {
        match Picture::decode(bytes) {
            Ok(picture) => {
                self.undecodable = 0;
                Ok(Some(picture))
            }
            Err(error) => {
                tracing::debug!(url = self.url(), %error, "picture not decoded");
                self.undecodable += 1;
                if self.undecodable >= UNDECODABLE_MAX {
                    return Err(CameraError::Undecodable { url: self.url(), frames: self.undecodable });
                }
                Ok(None)
            }
        }
    }

    pub(super) fn failed(&self, source: reqwest::Error) -> CameraError {
        CameraError::Http { url: self.url(), source: source.without_url() }
    }

    pub(super) fn too_long(&self, bytes: usize) -> CameraError {
        CameraError::TooLong { url: self.url(), bytes, bytes_max: ENCODED_BYTES_MAX }
    }

    async fn ask(&mut self) -> Result<Response, CameraError> {
        let mut request = self.client.get(self.address.url().clone());
        if let Some(answer) = self.answer_to_challenge() {
            request = request.header(AUTHORIZATION, answer);
        }
        request.send().await.map_err(|source| self.failed(source))
    }

    /// Takes up what a camera wants to know; whether there is something to tell.
    fn accept_challenge(&mut self, headers: &HeaderMap) -> bool {
        let mut builder = PasswordClient::builder();
        for challenge in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
            builder = builder.challenges(challenge);
        }
        self.challenge = builder.build().ok();
        self.challenge.is_some() && self.address.credentials().is_some()
    }

    fn answer_to_challenge(&mut self) -> Option<String> {
        let credentials = self.address.credentials()?;
        let url = self.address.url();
        let uri = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let (username, password) = (credentials.username.as_str(), credentials.password.reveal());
        let parameters = PasswordParams { username, password, uri: &uri, method: "GET", body: None };
        self.challenge.as_mut()?.respond(&parameters).ok()
    }
}
