//! The command line. What is said here stands over the environment, which stands over the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use headwater_agent::command::EdgeArgs;

/// What cameras and sensors see at the edge, as answers while it happens.
#[derive(Debug, Parser)]
#[command(name = "headwater", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Write logs as JSON objects, a line each
    #[arg(long, global = true, env = "HEADWATER_LOG_JSON")]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  Everything on this machine, with two cameras that play a clip:
      headwater up
  The server alone, over a Kafka that is there:
      BOOTSTRAP_SERVERS=broker:9092 headwater serve
  A query file over a JSON file, to its end:
      headwater run people.sql
  A question to the server, or to its tables when it is not running:
      headwater sql \"SELECT * FROM people_per_camera ORDER BY window_end DESC LIMIT 5\"

Exit codes: 0 all is well, 1 something failed, 2 wrong usage.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine: broker, two edge devices, server
    Up(UpArgs),
    /// Run the query files over Kafka, and serve their results
    Serve(ServeArgs),
    /// Run an edge agent, or try its detector: see `headwater edge --help`
    Edge(Box<EdgeArgs>),
    /// Run one query file on its own, to its end when its sources end
    Run(RunArgs),
    /// Say what is wrong with query files; nothing is started
    Check(CheckArgs),
    /// Show the dataflow that a query file becomes
    Explain(ExplainArgs),
    /// Ask a question: of the running server, or of its tables
    Sql(SqlArgs),
}

/// Settings of the server.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Settings file; `headwater.toml` where it is there
    #[arg(long, value_name = "FILE", env = "HEADWATER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Where tables, checkpoints and what waits to be sent are kept [default: data]
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of query files [default: queries, or the bundled ones where there is none]
    #[arg(long, value_name = "DIR", env = "HEADWATER_QUERIES")]
    pub(crate) queries: Option<PathBuf>,
    /// Kafka brokers, host:port with commas between
    #[arg(long, value_name = "HOST:PORT", env = "BOOTSTRAP_SERVERS")]
    pub(crate) bootstrap_servers: Option<String>,
    /// Where gRPC listens [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS", env = "HEADWATER_GRPC_LISTEN")]
    pub(crate) grpc_listen: Option<SocketAddr>,
    /// Where REST, metrics and the live page listen [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDRESS", env = "HEADWATER_HTTP_LISTEN")]
    pub(crate) http_listen: Option<SocketAddr>,
    /// Instances that share the work of a query [default: 1]
    #[arg(long, value_name = "N", env = "HEADWATER_PARALLELISM")]
    pub(crate) parallelism: Option<usize>,
    /// How often a checkpoint is taken, as 10s or 1m [default: 5s]
    #[arg(long, value_name = "TIME", env = "HEADWATER_CHECKPOINT_INTERVAL", value_parser = humantime::parse_duration)]
    pub(crate) checkpoint_interval: Option<Duration>,
}

/// Settings of everything at once.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// End by itself after so long, as 60s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) run_for: Option<Duration>,
}

/// Which file to run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The query file; relative paths in it are seen from where this is started
    pub(crate) file: PathBuf,
    /// Kafka brokers of tables that do not name their own
    #[arg(long, value_name = "HOST:PORT", env = "BOOTSTRAP_SERVERS")]
    pub(crate) bootstrap_servers: Option<String>,
    /// Instances that share the work
    #[arg(long, value_name = "N", default_value_t = 1, env = "HEADWATER_PARALLELISM")]
    pub(crate) parallelism: usize,
    /// Keep checkpoints here, and go on from them
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
}

/// Which files to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Query files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Which file to explain.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The query file
    pub(crate) file: PathBuf,
    /// Instances that share the work
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) parallelism: usize,
}

/// What to ask, and whom.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// One statement that reads
    pub(crate) sql: String,
    /// The server's data folder: its tables, and where it says how to reach it [default: data]
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The server to ask, as http://host:port of its gRPC; unsaid, the one that runs on the data folder
    #[arg(long, value_name = "URL", env = "HEADWATER_SERVER")]
    pub(crate) server: Option<String>,
    /// Folder of the query files that declare the tables [default: queries, or the bundled ones]
    #[arg(long, value_name = "DIR", env = "HEADWATER_QUERIES")]
    pub(crate) queries: Option<PathBuf>,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    Table,
    /// A JSON object a line
    Json,
}
