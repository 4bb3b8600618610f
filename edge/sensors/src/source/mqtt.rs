//! Messages from an MQTT broker. A connection that is lost is made again; what was published meanwhile is not asked
//! for, because a reading carries the time at which it came.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, SubAck, SubscribeReasonCode};

use super::until_stopped;
use crate::error::SourceError;
use crate::feed::{Outlet, SourceState};
use crate::host::read_text;
use crate::payload::{PayloadError, Picker, quoted};
use crate::reading::{Reading, wall_ms};
use crate::retry::Backoff;
use crate::settings::MqttSettings;
use crate::stop::Stop;
use crate::topic;

/// A broker that says nothing for longer is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A larger message ends the connection. A filter may catch what is no sensor's, a camera's picture for example, and
/// the broker gives what it has kept at every new connection: one of those must not keep the source from its readings.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A larger payload is no sensor's.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// A longer topic is no sensor's. They may be 65535 bytes, and one waits with each reading.
const TOPIC_BYTES_MAX: usize = 1024;

/// A subscription at a broker.
pub(crate) struct Mqtt {
    settings: MqttSettings,
    broker: String,
    picker: Picker,
    client_id: String,
}

impl Mqtt {
    pub(crate) fn new(settings: &MqttSettings) -> Self {
        let picker = Picker::new(settings.format, settings.separator, &settings.values);
        let client_id = settings.client_id.clone().unwrap_or_else(made_up_id);
        Self { settings: settings.clone(), broker: broker_of(settings), picker, client_id }
    }

    /// Takes messages until stopped. A broker's name that is being looked up is waited for, as long as the resolver
    /// takes, because the look-up cannot be broken off and no thread shall be left behind.
    pub(crate) fn run(&self, outlet: &Outlet, state: &SourceState, stop: &Stop) {
        until_stopped(stop, state, |backoff| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|source| SourceError::EventLoop { source })?;
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = stop.stopped() => Ok(()),
                    ended = self.listen(outlet, state, backoff) => ended,
                }
            })
        });
    }

    /// One connection, until it fails.
    async fn listen(&self, outlet: &Outlet, state: &SourceState, backoff: &mut Backoff) -> Result<(), SourceError> {
        let (client, mut events) = AsyncClient::new(self.options()?, 8);
        loop {
            match self.next_packet(&mut events).await? {
                Packet::ConnAck(_) => {
                    let subscribed = client.try_subscribe(&self.settings.topic, QoS::AtLeastOnce);
                    subscribed.map_err(|_| self.refused())?;
                }
                Packet::SubAck(SubAck { return_codes, .. }) => {
                    if return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Err(self.refused());
                    }
                    state.worked(0);
                    backoff.worked();
                }
                Packet::Publish(message) if self.settings.retained || !message.retain => {
                    self.take(&message, outlet, state);
                }
                _ => {}
            }
        }
    }

    fn options(&self) -> Result<MqttOptions, SourceError> {
        let settings = &self.settings;
        let mut options = MqttOptions::new(&self.client_id, bare(&settings.host), settings.port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_session(true);
        options.set_max_packet_size(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        if let Some(username) = &settings.username {
            options.set_credentials(username, self.password()?);
        }
        Ok(options)
    }

    /// Read at each connection, so that a new one holds without a restart.
    fn password(&self) -> Result<String, SourceError> {
        if let Some(path) = &self.settings.password_file {
            let text = read_text(path).map_err(|source| SourceError::Read { path: path.clone(), source })?;
            return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
        }
        Ok(self.settings.password.as_ref().map_or("", |password| password.reveal()).to_owned())
    }

    async fn next_packet(&self, events: &mut EventLoop) -> Result<Packet, SourceError> {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(packet)) => return Ok(packet),
                Ok(Event::Outgoing(_)) => {}
                Err(source) => {
                    return Err(SourceError::Mqtt { broker: self.broker.clone(), source: Box::new(source) });
                }
            }
        }
    }

    fn take(&self, message: &Publish, outlet: &Outlet, state: &SourceState) {
        let rejected = |source| {
            let text = quoted(&message.payload);
            let topic = message.topic.chars().take(80).flat_map(char::escape_debug).collect();
            let broker = self.broker.clone();
            state.rejected(&SourceError::BadMessage { broker, topic, text, source }, Instant::now());
        };
        if message.topic.len() > TOPIC_BYTES_MAX || message.topic.contains(char::is_control) {
            return rejected(PayloadError::BadTopic { bytes: message.topic.len() });
        }
        let Some(captures) = topic::captures(&self.settings.topic, &message.topic) else {
            return rejected(PayloadError::OtherTopic);
        };
        if message.payload.len() > PAYLOAD_BYTES_MAX {
            let bytes = message.payload.len();
            return rejected(PayloadError::TooLong { bytes, bytes_max: PAYLOAD_BYTES_MAX });
        }
        let picked = self.picker.pick(&message.payload);
        if let Some(error) = picked.error {
            rejected(error);
        }
        let method: Arc<str> = format!("mqtt:{}/{}", self.broker, message.topic).into();
        let ts_ms = wall_ms();
        let mut readings = Vec::new();
        for (index, value) in picked.numbers {
            let Some(settings) = self.picker.values().get(index) else { continue };
            let sensor = topic::name_of(&settings.sensor, &message.topic, &captures);
            if !(1..=topic::NAME_BYTES_MAX).contains(&sensor.len()) {
                rejected(PayloadError::BadName { bytes: sensor.len() });
                continue;
            }
            let (sensor, unit) = (sensor.into(), settings.unit.as_str().into());
            readings.push(Reading { sensor, value, unit, method: Arc::clone(&method), ts_ms });
        }
        if !readings.is_empty() {
            state.worked(readings.len());
            outlet.send(readings);
        }
    }

    fn refused(&self) -> SourceError {
        SourceError::Subscribe { broker: self.broker.clone(), topic: self.settings.topic.clone() }
    }
}

/// How the source is called.
pub(crate) fn source_of(settings: &MqttSettings) -> String {
    format!("mqtt:{}/{}", broker_of(settings), settings.topic)
}

/// An address of IPv6 stands in brackets before its port, and only there.
fn broker_of(settings: &MqttSettings) -> String {
    let (host, port) = (bare(&settings.host), settings.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// A broker closes the older of two connections with one name.
fn made_up_id() -> String {
    format!("headwater-{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests;
