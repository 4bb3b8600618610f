//! Settings of the server: flags and environment, over the file, over the defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use headwater_plan::ByteSize;
use serde::Deserialize;

use crate::args::ServeArgs;
use crate::bundled;
use crate::memory::memory_bytes;

/// The file that is read where none is named.
const DEFAULT_FILE: &str = "headwater.toml";
const DEFAULT_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(5);
const QUERY_MEMORY_BYTES: usize = 1 << 30;

/// How the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) queries: PathBuf,
    pub(crate) bootstrap_servers: Option<String>,
    pub(crate) grpc_listen: SocketAddr,
    pub(crate) http_listen: SocketAddr,
    pub(crate) parallelism: usize,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) query_memory_bytes: usize,
    pub(crate) state_memory_max: ByteSize,
}

/// How much memory the state of a query may take where nobody says: half of what there is.
pub(crate) fn default_state_memory() -> ByteSize {
    ByteSize(memory_bytes() / 2)
}

/// The settings file. Every key may be left out; an unknown one is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<PathBuf>,
    queries: Option<PathBuf>,
    bootstrap_servers: Option<String>,
    grpc_listen: Option<SocketAddr>,
    http_listen: Option<SocketAddr>,
    parallelism: Option<usize>,
    checkpoint_interval: Option<String>,
    query_memory_bytes: Option<usize>,
    state_memory_max: Option<String>,
}

impl Settings {
    /// Puts the settings together.
    ///
    /// # Errors
    /// A file that cannot be read, a key that is unknown, a value that cannot be.
    pub(crate) fn load(args: ServeArgs) -> anyhow::Result<Settings> {
        let file = read(args.config.as_deref())?;
        let data_dir = args.data_dir.or(file.data_dir).unwrap_or_else(|| "data".into());
        let interval = match (args.checkpoint_interval, file.checkpoint_interval) {
            (Some(interval), _) => interval,
            (None, Some(text)) => humantime::parse_duration(&text)
                .with_context(|| format!("checkpoint_interval = {text:?} is no time; write 10s or 1m"))?,
            (None, None) => DEFAULT_CHECKPOINT_INTERVAL,
        };
        let parallelism = args.parallelism.or(file.parallelism).unwrap_or(1);
        if parallelism == 0 || interval.is_zero() {
            bail!("parallelism and checkpoint interval must be more than zero");
        }
        let state_memory_max = match (args.state_memory_max, file.state_memory_max) {
            (Some(size), _) => size,
            (None, Some(text)) => text.parse().context("state_memory_max")?,
            (None, None) => default_state_memory(),
        };
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let brokers = args.bootstrap_servers.or(file.bootstrap_servers).filter(|servers| !servers.trim().is_empty());
        Ok(Settings {
            queries: queries_folder(args.queries.or(file.queries), &data_dir)?,
            data_dir,
            bootstrap_servers: brokers,
            grpc_listen: args.grpc_listen.or(file.grpc_listen).unwrap_or_else(|| local(50051)),
            http_listen: args.http_listen.or(file.http_listen).unwrap_or_else(|| local(5000)),
            parallelism,
            checkpoint_interval: interval,
            query_memory_bytes: file.query_memory_bytes.unwrap_or(QUERY_MEMORY_BYTES),
            state_memory_max,
        })
    }
}

fn read(named: Option<&Path>) -> anyhow::Result<File> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(error).with_context(|| format!("could not read settings file {}", path.display())),
    };
    toml::from_str(&text).with_context(|| format!("settings file {} is wrong", path.display()))
}

/// The folder of query files: the named one, `queries` where it is there, else the bundled ones, put beside the data so
/// that they can be read and changed.
pub(crate) fn queries_folder(named: Option<PathBuf>, data_dir: &Path) -> anyhow::Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder);
    }
    let here = PathBuf::from("queries");
    if here.is_dir() { Ok(here) } else { bundled::queries(data_dir) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, args: ServeArgs) -> anyhow::Result<Settings> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text)?;
        Settings::load(ServeArgs { config: Some(path), queries: Some("q".into()), ..args })
    }

    #[test]
    fn a_flag_stands_over_the_file_and_the_file_over_the_default() {
        let args = ServeArgs { parallelism: Some(3), ..ServeArgs::default() };
        let settings = load("parallelism = 2\ncheckpoint_interval = '1m'", args).unwrap();
        assert_eq!((settings.parallelism, settings.checkpoint_interval), (3, Duration::from_secs(60)));
        assert_eq!(settings.grpc_listen.port(), 50051);
        assert!(settings.state_memory_max > ByteSize(1 << 20), "a share of the machine's memory");
        let args = || ServeArgs { state_memory_max: Some(ByteSize(7)), ..ServeArgs::default() };
        assert_eq!(load("state_memory_max = '2GiB'", args()).unwrap().state_memory_max, ByteSize(7));
        let file = load("state_memory_max = '2GiB'", ServeArgs::default()).unwrap();
        assert_eq!(file.state_memory_max, ByteSize(2 << 30));
    }

    #[test]
    fn an_unknown_key_and_a_wrong_value_are_named() {
        let error = format!("{:#}", load("paralelism = 2", ServeArgs::default()).unwrap_err());
        assert!(error.contains("paralelism") && error.contains("settings.toml"), "{error}");
        let error = format!("{:#}", load("checkpoint_interval = 'soon'", ServeArgs::default()).unwrap_err());
        assert!(error.contains("soon"), "{error}");
        let error = format!("{:#}", load("state_memory_max = 'plenty'", ServeArgs::default()).unwrap_err());
        assert!(error.contains("state_memory_max: 'plenty' is no size"), "{error}");
        assert!(load("parallelism = 0", ServeArgs::default()).is_err());
    }

    #[test]
    fn a_missing_file_is_an_error_when_it_was_named() {
        let args = ServeArgs { config: Some("/nowhere/h.toml".into()), ..ServeArgs::default() };
        assert!(format!("{:#}", Settings::load(args).unwrap_err()).contains("/nowhere/h.toml"));
    }
}
