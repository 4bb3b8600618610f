//! `redis`: strings by key, looked up by their key, and written.
//!
//! A value is a record in a format, as a message of Kafka is. A looked-up table has the key as `METADATA FROM 'key'`; a
//! written one builds it of `target.key_prefix` and the column `target.key_column`. Writing the same row again changes
//! nothing, so what a restarted job repeats is not seen.

mod lookup;
mod sink;

use std::time::Duration;

use headwater_core::ConnectorError;
use headwater_core::error::BoxError;
use headwater_plan::{ConnectorTable, Options, TableDeclaration, TableError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

use crate::columns::Sides;
use crate::set::ConnectorSettings;

pub(crate) use lookup::declare as declare_lookup;

/// How long the server may take to be reached, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many keys are asked for, or written, by one command or pipeline: the server does nothing else meanwhile.
const KEYS: usize = 1000;

pub(crate) fn declare(_: &ConnectorSettings, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
    let sides = Sides::of(&declaration.options)?;
    if !sides.sink {
        let error = TableError::new("connector 'redis' cannot be read as a stream").with_option("type");
        return Err(error.with_hint("write CREATE TEMPORARY TABLE to look it up by its key"));
    }
    sink::declare(declaration)
}

/// A server that nobody has connected to yet.
#[derive(Clone, Debug)]
struct Server {
    /// The table, for errors: an address may have a password in it.
    table: String,
    client: Client,
}

impl Server {
    /// Reads the option `address`.
    fn of(table: &str, options: &Options) -> Result<Self, TableError> {
        let address = options.required_text("address")?;
        let client = Client::open(address).map_err(|error| {
            let error = TableError::new(format!("this is no address of a server: {error}")).with_option("address");
            error.with_hint("write it as 'redis://host:6379', with a database as 'redis://host:6379/1'")
        })?;
        Ok(Server { table: table.to_owned(), client })
    }

    async fn connect(&self) -> Result<MultiplexedConnection, ConnectorError> {
        let patience = Some(PATIENCE);
        let config = AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        connected.map_err(|error| self.failed("connect to the server", error))
    }

    /// An error of the server's; one that says no (a wrong password, a value of another kind) says no again.
    fn failed(&self, step: &str, error: RedisError) -> ConnectorError {
        let retryable = error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout();
        ConnectorError { retryable, ..self.wrong(step, error) }
    }

    /// An error that is none of the server's.
    fn wrong(&self, step: &str, error: impl Into<BoxError>) -> ConnectorError {
        ConnectorError::fatal("redis", &self.table, step, error)
    }
}
