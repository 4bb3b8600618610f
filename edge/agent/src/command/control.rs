//! `control`: one command to a device, by the topic `edge-control`.

use std::collections::BTreeMap;

use clap::Args;
use headwater_proto::batch::control::{Change, Command};

use super::{CommandError, print};
use crate::clock;
use crate::uplink::send_command;

/// Which device shall do what.
#[derive(Debug, Args)]
pub struct ControlArgs {
    /// Name of the device, or * for every device
    device: String,
    /// Kafka brokers, host:port with commas between
    #[arg(long, env = "BOOTSTRAP_SERVERS", default_value = "127.0.0.1:9092", value_name = "HOST:PORT")]
    bootstrap_servers: String,
    /// The camera that is meant; all of the device when unsaid
    #[arg(long, value_name = "NAME")]
    camera: Option<String>,
    /// Look at this many frames a second at most
    #[arg(long, value_name = "FPS")]
    fps: Option<f64>,
    /// Use these input sizes, the best first
    #[arg(long, value_delimiter = ',', value_name = "PIXELS")]
    tiers: Option<Vec<u32>>,
    /// Look at nothing
    #[arg(long, conflicts_with = "resume")]
    pause: bool,
    /// Look again
    #[arg(long)]
    resume: bool,
    /// Everything that a command can change, as JSON: {"fps", "tiers", "zones", "lines", "paused"}
    #[arg(long, value_name = "JSON", value_parser = change)]
    set: Option<Change>,
    /// Give the command up when the device has not read it within so many seconds
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u64>,
    /// The command's name in the acknowledgement; a new one when unsaid
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// Settings of librdkafka: TLS, SASL
    #[arg(long = "client-config", value_name = "KEY=VALUE", value_parser = pair)]
    client_configs: Vec<(String, String)>,
}

fn change(text: &str) -> Result<Change, serde_json::Error> {
    serde_json::from_str(text)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text} is not key=value"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl ControlArgs {
    fn command(&self, now_ms: i64) -> Command {
        let set = self.set.clone().unwrap_or_default();
        let paused = (self.pause || self.resume).then_some(self.pause);
        Command {
            id: self.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            device_id: self.device.clone(),
            camera_id: self.camera.clone(),
            expires_ms: self.expires.map(|seconds| now_ms.saturating_add_unsigned(seconds.saturating_mul(1000))),
            set: Change {
                fps: self.fps.or(set.fps),
                tiers: self.tiers.clone().or(set.tiers),
                paused: paused.or(set.paused),
                ..set
            },
        }
    }
}

/// Sends the command and says its name; whether it is followed the device says in its next heartbeat.
pub(super) async fn control(args: ControlArgs) -> Result<(), CommandError> {
    let command = args.command(clock::now_ms());
    if command.set == Change::default() {
        return Err(CommandError::NoChange);
    }
    let client_configs: BTreeMap<String, String> = args.client_configs.iter().cloned().collect();
    let sent = send_command(&args.bootstrap_servers, &client_configs, &command).await;
    sent.map_err(|source| CommandError::Send { source: Box::new(source) })?;
    let Command { id, device_id, .. } = &command;
    print(&format!("command {id} is on its way to {device_id}; what became of it is in its next heartbeat\n"))
}
