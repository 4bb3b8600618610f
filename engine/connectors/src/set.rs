//! The connectors by name. What each one does is in its own module.

use std::path::{Component, Path, PathBuf};

use headwater_core::lookup::LookupFactoryRef;
use headwater_plan::options::nearest;
use headwater_plan::{ConnectorTable, Connectors, TableDeclaration, TableError, no_lookup};

use crate::{blackhole, edge, file_lookup, filesystem, impulse, kafka, nexmark, redis, single_file, stdout};

/// What the connectors of one process share.
#[derive(Clone, Debug, Default)]
pub struct ConnectorSettings {
    /// Relative paths in SQL are below it; what is staged for files and for Kafka stands in its folder `staging`.
    pub base_dir: PathBuf,
    /// The Kafka brokers of tables that do not name their own, `host:port` with commas between.
    pub bootstrap_servers: Option<String>,
    /// Identity of the log behind `bootstrap_servers` where it is an embedded one. Positions in another log are
    /// dropped. The cluster's own id where there is none.
    pub log_id: Option<String>,
}

impl ConnectorSettings {
    /// A path of SQL (`out`, `/data/out`, `file:///data/out`) on this machine.
    pub(crate) fn local_path(&self, path: &str) -> Result<PathBuf, TableError> {
        let refused = |message: String| TableError::new(message).with_option("path");
        let local = match path.split_once("://") {
            None => Path::new(path),
            Some(("file", rest)) if rest.starts_with('/') => Path::new(rest),
            Some(("file", _)) => return Err(refused(format!("'{path}' names a host: write file:///path"))),
            Some((scheme, _)) => return Err(refused(format!("no object store is known for '{scheme}://'"))),
        };
        if local.as_os_str().is_empty() {
            return Err(refused("the path is empty".into()));
        }
        let joined = self.base_dir.join(local);
        let absolute = std::path::absolute(&joined);
        absolute.map(without_parents).map_err(|error| refused(format!("'{}': {error}", joined.display())))
    }
}

/// An absolute path without `..`, which object stores do not know: each takes away the folder before it.
fn without_parents(path: PathBuf) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

/// Every connector, for one process.
#[derive(Debug)]
pub struct ConnectorSet {
    settings: ConnectorSettings,
}

type Declare = fn(&ConnectorSettings, TableDeclaration) -> Result<ConnectorTable, TableError>;

const CONNECTORS: [(&str, Declare); 10] = [
    ("blackhole", blackhole::declare),
    ("edge", edge::declare),
    ("filesystem", filesystem::declare),
    ("impulse", impulse::declare),
    ("kafka", kafka::declare),
    ("nexmark", nexmark::declare),
    ("preview", stdout::declare),
    ("redis", redis::declare),
    ("single_file", single_file::declare),
    ("stdout", stdout::declare),
];

impl ConnectorSet {
    /// The connectors with these settings.
    pub fn new(settings: ConnectorSettings) -> Self {
        ConnectorSet { settings }
    }
}

impl Connectors for ConnectorSet {
    fn names(&self) -> Vec<String> {
        CONNECTORS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        let wanted = declaration.connector.clone();
        let Some((_, declare)) = CONNECTORS.iter().find(|(name, _)| *name == wanted) else {
            let error = TableError::new(format!("unknown connector '{wanted}'")).with_option("connector");
            return Err(match nearest(&wanted, CONNECTORS.iter().map(|(name, _)| *name)) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None => error.with_hint(format!("known connectors: {}", self.names().join(", "))),
            });
        };
        declare(&self.settings, declaration)
    }

    fn lookup(&self, declaration: TableDeclaration) -> Result<LookupFactoryRef, TableError> {
        let declare = match declaration.connector.as_str() {
            "filesystem" => filesystem::declare,
            "single_file" => single_file::declare,
            "redis" => return redis::declare_lookup(declaration),
            other => return Err(no_lookup(other)),
        };
        file_lookup::declare(declaration, |declaration| declare(&self.settings, declaration))
    }
}

#[cfg(test)]
mod tests {
    use headwater_plan::{OptionValue, Options};

    use super::*;

    fn declaration(connector: &str, options: &[(&str, &str)]) -> TableDeclaration {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), OptionValue::Text((*value).to_owned()));
        TableDeclaration {
            name: "t".into(),
            connector: connector.into(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            options: Options::new(options.iter().map(text)),
        }
    }

    #[test]
    fn an_unknown_connector_names_its_neighbour() {
        let set = ConnectorSet::new(ConnectorSettings::default());
        let error = set.table(declaration("kafak", &[])).unwrap_err();
        assert_eq!(error.message, "unknown connector 'kafak'");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'kafka'?"));
        let error = set.table(declaration("carrier-pigeon", &[])).unwrap_err();
        assert!(error.hint.unwrap().contains("filesystem, impulse"));
    }

    #[test]
    fn an_unknown_option_is_refused_by_every_connector() {
        let set = ConnectorSet::new(ConnectorSettings {
            base_dir: "/tmp".into(),
            bootstrap_servers: Some("localhost:1".into()),
            log_id: None,
        });
        for name in set.names() {
            let needed: &[_] = match name.as_str() {
                "kafka" => &[("topic", "t"), ("no_such_option", "1"), ("type", "sink")],
                "redis" => &[("address", "redis://localhost:1"), ("no_such_option", "1"), ("target.key_column", "k")],
                "filesystem" | "single_file" => &[("path", "p"), ("no_such_option", "1"), ("type", "sink")],
                _ => &[("no_such_option", "1")],
            };
            let error = set.table(declaration(&name, needed)).unwrap_err();
            assert_eq!(error.option.as_deref(), Some("no_such_option"), "{name}: {error}");
        }
    }

    #[test]
    fn paths_are_below_the_base_directory_unless_absolute() {
        let settings = ConnectorSettings { base_dir: "/base".into(), ..ConnectorSettings::default() };
        assert_eq!(settings.local_path("out/a").unwrap(), Path::new("/base/out/a"));
        assert_eq!(settings.local_path("/out").unwrap(), Path::new("/out"));
        assert_eq!(settings.local_path("file:///out").unwrap(), Path::new("/out"));
        assert_eq!(settings.local_path("../out/./b/../a").unwrap(), Path::new("/out/a"));
        assert_eq!(settings.local_path("/../out").unwrap(), Path::new("/out"));
        assert_eq!(settings.local_path("s3://b/out").unwrap_err().option.as_deref(), Some("path"));
    }
}
