//! The small binary `headwater-edge`: the command line of an agent, without the SQL engine in it.

use std::process::ExitCode;

use clap::Parser;
use headwater_agent::command::{EdgeArgs, execute};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Detect people on the device and send what is seen to Kafka.
#[derive(Parser)]
#[command(name = "headwater-edge", version)]
struct Cli {
    #[command(flatten)]
    args: EdgeArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let told = shutdown.clone();
        let done = execute(cli.args, shutdown);
        tokio::pin!(done);
        let result = loop {
            tokio::select! {
                result = &mut done => break result,
                _ = interrupt.recv() => told.cancel(),
                _ = terminate.recv() => told.cancel(),
            }
        };
        Ok(match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {}", error.describe());
                ExitCode::from(error.exit_code())
            }
        })
    })
}
