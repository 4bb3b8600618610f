//! The command line. What is said here stands over the environment, which stands over the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use headwater_agent::command::EdgeArgs;
use headwater_oracle::random::Feature;
use headwater_plan::ByteSize;

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
    /// Test queries: does each give as a stream what it gives as a batch query?
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestArgs),
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
    /// Memory that the state of a query may take, as 512MiB or 2GiB [default: half of what there is]
    #[arg(long, value_name = "SIZE", env = "HEADWATER_STATE_MEMORY_MAX")]
    pub(crate) state_memory_max: Option<ByteSize>,
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
    /// Where state is spilled that memory has no room for [default: the folder for temporary files]
    #[arg(long, value_name = "DIR", env = "HEADWATER_SPILL_DIR")]
    pub(crate) spill_dir: Option<PathBuf>,
    /// Memory that the state may take, as 512MiB or 2GiB [default: half of what there is]
    #[arg(long, value_name = "SIZE", env = "HEADWATER_STATE_MEMORY_MAX")]
    pub(crate) state_memory_max: Option<ByteSize>,
}

/// Which files to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Query files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

const TEST_EXAMPLES: &str = "Each query is answered by batch DataFusion over the rows of its tables, and by the engine \
as it runs: in small batches, with rows out of order as far as the watermark lets them be, at several parallelisms, and \
with a crash and a stop in the middle. All answers must be the same rows. Tables are read to their end; nothing is \
written.

Examples:
  A query file over the files that it names, which are seen from its folder:
      headwater test people.sql
  A query over Kafka against a sample of its topic, in JSON lines, CSV or Parquet:
      headwater test people.sql --input edge_frames=sample.json
  Every test of a folder: *.sql files, and folders with a query.sql; expected.json or people.expected.json beside a
  query holds rows that somebody else says are right:
      headwater test tests/queries
  A thousand queries that nobody has thought of, and the failures kept as tests:
      headwater test --random 1000 --keep found

Exit codes: 0 all agree, 1 an answer differs, 2 something cannot be tested.";

/// What to test, and how thoroughly.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Query files, or folders of tests
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read the rows of a table from this file instead
    #[arg(long = "input", value_name = "TABLE=FILE", value_parser = table_and_file)]
    pub(crate) inputs: Vec<(String, PathBuf)>,
    /// Decides how rows arrive and where jobs are interrupted; with --random the first case
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How often each query is run in every way
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Make so many queries up, with rows for them
    #[arg(long, value_name = "COUNT", conflicts_with = "paths")]
    pub(crate) random: Option<u64>,
    /// What made-up queries are made of, with commas between; unsaid, all that the planner takes
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "random")]
    pub(crate) features: Vec<Feature>,
    /// Keep made-up queries that fail as tests in this folder
    #[arg(long, value_name = "DIR", requires = "random")]
    pub(crate) keep: Option<PathBuf>,
    /// How many made-up queries are checked at once; unsaid, as many as there are processors
    #[arg(long, value_name = "N", requires = "random")]
    pub(crate) threads: Option<usize>,
    /// Print nothing but what is wrong
    #[arg(long)]
    pub(crate) quiet: bool,
}

fn table_and_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((table, file)) if !table.is_empty() && !file.is_empty() => Ok((table.to_owned(), file.into())),
        _ => Err("write it as table=file".to_owned()),
    }
}

/// Which file to explain.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The query file
    pub(crate) file: PathBuf,
    /// Instances that share the work
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) parallelism: usize,
    /// How the dataflow is shown
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
}

/// How a dataflow is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// An indented text
    Text,
    /// A flowchart that Markdown viewers draw
    Mermaid,
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
