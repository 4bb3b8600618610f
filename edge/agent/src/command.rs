//! The command line of an agent: `run`, `check`, `detect`. The binary `headwater-edge` is only this; `headwater edge` is
//! this among others.

mod annotate;
mod bench;
mod control;
mod detect;

use std::io;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use headwater_camera::CameraError;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, AgentHandle, AgentReport};
use crate::config::{Config, ConfigError, Overrides};
use crate::error::{AgentError, chain};
use crate::uplink::UplinkError;

pub use bench::BenchArgs;
pub use control::ControlArgs;
pub use detect::{DetectArgs, Format};

/// Run an edge agent: cameras in, detections to Kafka.
///
/// Without a command it runs; `--config` names the settings.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct EdgeArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    command: Option<EdgeCommand>,
}

const EXAMPLES: &str = "Examples:
  Try the detector on a clip:         detect footage/vtest-a.mp4 --every 10
  See what it sees:                   detect picture.jpg --save /tmp/seen
  How fast is this machine:           bench --threads 1,2 --busy-watts 6
  Check the settings of a device:     check --config edge.toml
  Run the device:                     run --config edge.toml --bootstrap-servers broker:9092
  Read its settings again:            kill -HUP its process
  Let a camera rest for the night:    control north --camera footpath --pause

Settings are the TOML file, over it the environment, over that the flags.
Exit codes: 0 all is well, 1 something failed, 2 wrong usage or configuration.";

/// What an agent can be told to do.
#[derive(Debug, Subcommand)]
pub enum EdgeCommand {
    /// Run the agent until its cameras end or it is told to stop
    Run(RunArgs),
    /// Read the settings and say what is wrong with them; nothing is started
    Check(RunArgs),
    /// Detect what is in a picture, a clip or a folder of pictures; no broker is needed
    Detect(DetectArgs),
    /// Measure how fast this machine detects, and what a frame costs on it
    Bench(BenchArgs),
    /// Tell a running device to look more or less often, elsewhere, or not at all
    Control(ControlArgs),
}

/// Which settings to run with.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The settings, a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Kafka brokers, host:port with commas between; stands over the file
    #[arg(long, env = "BOOTSTRAP_SERVERS", value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
    /// Name of the device; stands over the file
    #[arg(long, env = "HEADWATER_DEVICE_ID", value_name = "NAME")]
    device_id: Option<String>,
    /// Where what is not sent yet is kept; stands over the file
    #[arg(long, env = "HEADWATER_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No settings were named.
    #[error("no settings: name a file with --config FILE, or see --help")]
    NoConfig,
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The agent did not start or died.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The signal to read the settings again cannot be heard.
    #[error("listening for the signal SIGHUP")]
    Signal { source: io::Error },
    /// Cameras failed while the agent ran.
    #[error("failed cameras: {}", cameras.join(", "))]
    Cameras { cameras: Vec<String> },
    /// The input cannot be read.
    #[error("reading the input")]
    Input { source: Box<CameraError> },
    /// The options of the detector are wrong.
    #[error("these options are not possible")]
    Options { source: Box<headwater_detector::DetectorError> },
    /// The detector failed.
    #[error("detecting")]
    Detect { source: Box<headwater_detector::DetectorError> },
    /// A picture cannot be saved.
    #[error("saving {}", path.display())]
    Save { path: PathBuf, source: io::Error },
    /// There is nothing to measure with.
    #[error("the input has no frame")]
    NoFrames,
    /// A command that changes nothing.
    #[error("nothing to change: say --fps, --tiers, --pause, --resume or --set, or see --help")]
    NoChange,
    /// A command was not taken by the broker.
    #[error("sending the command")]
    Send { source: Box<UplinkError> },
    /// The result cannot be written.
    #[error("writing the result")]
    Output { source: io::Error },
}

impl CommandError {
    /// 2 for wrong usage or configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoConfig | Self::NoChange | Self::Config(_) | Self::Options { .. } => 2,
            Self::Agent(AgentError::Config(_)) => 2,
            _ => 1,
        }
    }

    /// The error and its reasons on one line.
    pub fn describe(&self) -> String {
        chain(self)
    }
}

/// Does what was asked; results go to standard output, everything else to the log. Cancelling `shutdown` ends it cleanly.
///
/// # Errors
/// [`CommandError`]; its exit code tells usage from failure.
pub async fn execute(args: EdgeArgs, shutdown: CancellationToken) -> Result<(), CommandError> {
    match args.command.unwrap_or(EdgeCommand::Run(args.run)) {
        EdgeCommand::Run(args) => run(args, shutdown).await,
        EdgeCommand::Check(args) => check(&args),
        EdgeCommand::Detect(args) => blocking(move || detect::detect(&args, &shutdown)).await,
        EdgeCommand::Bench(args) => blocking(move || bench::bench(&args, &shutdown)).await,
        EdgeCommand::Control(args) => control::control(args).await,
    }
}

async fn blocking(work: impl FnOnce() -> Result<(), CommandError> + Send + 'static) -> Result<(), CommandError> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.unwrap_or(Err(CommandError::Agent(AgentError::Died { part: "detector" })))
}

async fn run(args: RunArgs, shutdown: CancellationToken) -> Result<(), CommandError> {
    let agent = Agent::start(load(&args)?, shutdown).await?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|source| CommandError::Signal { source })?;
    loop {
        tokio::select! {
            () = agent.ended() => break,
            _ = hangup.recv() => reload(&agent, &args),
        }
    }
    let report = agent.join().await?;
    print(&summary(&report))?;
    if report.failed_cameras.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Cameras { cameras: report.failed_cameras })
    }
}

/// Goes on with the settings as they are now; with the old ones where the new ones cannot be used.
fn reload(agent: &AgentHandle, args: &RunArgs) {
    match load(args).and_then(|config| Ok(agent.reload(config)?)) {
        Ok(()) => tracing::info!("settings read again"),
        Err(error) => tracing::error!(reason = error.describe(), "settings stay as they were"),
    }
}

fn check(args: &RunArgs) -> Result<(), CommandError> {
    let config = load(args)?;
    let cameras: Vec<String> =
        config.cameras.iter().map(|camera| format!("{} ({})", camera.id, camera.describe())).collect();
    let cameras = if cameras.is_empty() { "none".to_owned() } else { cameras.join(", ") };
    let Config { device_id, bootstrap_servers, .. } = &config;
    print(&format!("settings are good: device {device_id}, brokers {bootstrap_servers}, cameras {cameras}\n"))
}

fn load(args: &RunArgs) -> Result<Config, CommandError> {
    let RunArgs { config, bootstrap_servers, device_id, data_dir } = args.clone();
    let path = config.ok_or(CommandError::NoConfig)?;
    Ok(Config::load(&path, Overrides { device_id, bootstrap_servers, data_dir })?)
}

fn summary(report: &AgentReport) -> String {
    let AgentReport { device_id, frames, detections, skipped, delivered_rows, left_rows, dropped_rows, .. } = report;
    format!(
        "{device_id}: {frames} frames, {detections} detections, {skipped} frames skipped; {delivered_rows} rows delivered, \
         {left_rows} left on disk, {dropped_rows} dropped\n"
    )
}

/// Writes to standard output; a reader who has gone away is no error.
fn print(text: &str) -> Result<(), CommandError> {
    use io::Write;
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CommandError::Output { source }),
        _ => Ok(()),
    }
}
