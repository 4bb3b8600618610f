//! The binary `headwater`: reads the command line, and hands on to the command. The only place that joins everything.

mod args;
mod bundled;
mod check;
mod live_table;
mod memory;
mod node;
mod output;
mod run;
mod server_file;
mod settings;
mod shutdown;
mod sql;
mod test;
mod up;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command};
use shutdown::Shutdown;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    runtime.block_on(async {
        match execute(cli.command).await {
            Ok(code) => code,
            Err(error) => failed(&error),
        }
    })
}

async fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(args) => up::up(args, Shutdown::listen()?).await,
        Command::Serve(args) => node::serve(args, Shutdown::listen()?).await,
        Command::Run(args) => run::run(args, Shutdown::listen()?).await,
        Command::Check(args) => check::check(args),
        Command::Test(args) => test::test(args).await,
        Command::Explain(args) => check::explain(args),
        Command::Sql(args) => sql::sql(args).await,
        Command::Edge(args) => edge(*args, Shutdown::listen()?).await,
    }
}

async fn edge(args: headwater_agent::command::EdgeArgs, shutdown: Shutdown) -> anyhow::Result<ExitCode> {
    match headwater_agent::command::execute(args, shutdown.token().clone()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("error: {}", error.describe());
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}

/// Logs go to standard error, so that what a command prints can be piped. `RUST_LOG` chooses; unsaid, the commands that
/// run for long tell what happens and the others only what is wrong.
fn start_logging(cli: &Cli) {
    let unsaid = match cli.command {
        Command::Up(_) => "warn,headwater_runtime=warn",
        Command::Serve(_) | Command::Edge(_) => "info",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(unsaid));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if cli.log_json { logs.json().init() } else { logs.init() }
}

/// The one line that a person reads: the error and its causes.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
