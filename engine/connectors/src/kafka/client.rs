//! How a client of librdkafka is set up, and what is said when brokers come and go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_plan::{Options, TableError};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::set::ConnectorSettings;

/// Which brokers, and what librdkafka is told beyond what the connector says.
#[derive(Clone, Debug)]
pub(crate) struct ClientOptions {
    bootstrap_servers: String,
    log_id: Option<String>,
    configs: BTreeMap<String, String>,
}

impl ClientOptions {
    /// Reads `bootstrap_servers` and `client_configs`.
    pub(crate) fn of(settings: &ConnectorSettings, options: &Options) -> Result<Self, TableError> {
        let own = options.text("bootstrap_servers")?;
        let Some(bootstrap_servers) = own.or(settings.bootstrap_servers.as_deref()) else {
            return Err(TableError::new("no kafka brokers are known")
                .with_option("bootstrap_servers")
                .with_hint("write bootstrap_servers = 'host:9092', or set BOOTSTRAP_SERVERS for every table"));
        };
        let mut configs = BTreeMap::new();
        for pair in options.list("client_configs")?.unwrap_or_default() {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(TableError::new(format!("'{pair}' is no setting"))
                    .with_option("client_configs")
                    .with_hint("write client_configs = 'key=value,key=value'"));
            };
            configs.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        // A table's own brokers keep another log than the embedded one.
        let log_id =
            settings.log_id.clone().filter(|_| settings.bootstrap_servers.as_deref() == Some(bootstrap_servers));
        let client = ClientOptions { bootstrap_servers: bootstrap_servers.to_owned(), log_id, configs };
        // librdkafka knows its settings without a broker.
        match client.config(&[]).create_native_config() {
            Ok(_) => Ok(client),
            Err(KafkaError::ClientConfig(_, reason, key, _)) => {
                let error = TableError::new(format!("librdkafka refuses the setting '{key}': {reason}"));
                Err(error.with_option("client_configs"))
            }
            Err(error) => Err(TableError::new(error.to_string()).with_option("client_configs")),
        }
    }

    /// Where the brokers are.
    pub(super) fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The identity of the log, where it is known without asking.
    pub(super) fn log_id(&self) -> Option<&str> {
        self.log_id.as_deref()
    }

    /// The configuration with `settings`, which what the user said overrides.
    pub(super) fn config(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap_servers);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        for (key, value) in &self.configs {
            config.set(key, value);
        }
        config
    }

    /// What a client of this configuration reports to.
    pub(super) fn context(&self) -> Watch {
        Watch { bootstrap_servers: self.bootstrap_servers.clone(), away: Arc::default() }
    }
}

/// Watches whether the brokers can be reached, and says so once a change. librdkafka repeats itself every second; its
/// own lines are for debugging.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    bootstrap_servers: String,
    away: Arc<AtomicBool>,
}

impl Watch {
    /// Notes that the brokers cannot be reached.
    pub(super) fn away(&self, reason: &dyn std::fmt::Display) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(bootstrap_servers = %self.bootstrap_servers, %reason, "kafka cannot be reached, trying on");
        }
    }

    /// Notes that they can.
    pub(super) fn back(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(bootstrap_servers = %self.bootstrap_servers, "kafka can be reached again");
        }
    }
}

impl ClientContext for Watch {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "librdkafka", facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.away(&reason);
        }
    }
}

impl ConsumerContext for Watch {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "the group was not told how far the job is");
        }
    }
}

/// Whether an error means that nothing will get better by waiting.
pub(super) fn is_hopeless(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::UnsupportedSASLMechanism
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
        )
    })
}
