//! The server with the brokers that it reads from, and what only this binary can join: SQL to connectors, REST to Kafka.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use async_trait::async_trait;
use headwater_connectors::kafka::embedded::EmbeddedBroker;
use headwater_connectors::kafka::publish::FramePublisher;
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_core::error::BoxError;
use headwater_proto::batch::TOPICS;
use headwater_proto::batch::frames::FrameRow;
use headwater_serve::{FrameInjector, Server, ServerSettings};
use tokio_util::sync::CancellationToken;

use crate::args::ServeArgs;
use crate::server_file::{Published, ServerFile};
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// Partitions of a topic that has to be made.
pub(crate) const PARTITIONS: i32 = 4;

/// Where the log is.
pub(crate) struct Brokers {
    /// `host:port` with commas between.
    pub(crate) bootstrap_servers: String,
    /// The broker in this process, where no other was named. It ends when this is dropped.
    pub(crate) embedded: Option<EmbeddedBroker>,
}

impl Brokers {
    /// The named ones, or one of our own.
    pub(crate) fn start(named: Option<String>) -> anyhow::Result<Brokers> {
        if let Some(bootstrap_servers) = named {
            return Ok(Brokers { bootstrap_servers, embedded: None });
        }
        let broker = EmbeddedBroker::start(&TOPICS.map(|topic| (topic, PARTITIONS)))?;
        Ok(Brokers { bootstrap_servers: broker.bootstrap_servers().to_owned(), embedded: Some(broker) })
    }
}

/// A running server, and the file that says where.
pub(crate) struct Node {
    pub(crate) server: Server,
    _published: Published,
}

impl Node {
    /// Starts the server over these brokers; `stop` ends it.
    pub(crate) async fn start(settings: &Settings, brokers: &Brokers, stop: CancellationToken) -> anyhow::Result<Node> {
        make_data_dir(settings)?;
        let connectors = ConnectorSet::new(ConnectorSettings {
            base_dir: settings.data_dir.clone(),
            bootstrap_servers: Some(brokers.bootstrap_servers.clone()),
            log_id: brokers.embedded.as_ref().map(|broker| broker.log_id().to_owned()),
        });
        let injector = Arc::new(Injector(FramePublisher::new(&brokers.bootstrap_servers)?));
        let server_settings = ServerSettings {
            grpc_listen: settings.grpc_listen,
            http_listen: settings.http_listen,
            queries_dir: settings.queries.clone(),
            data_dir: settings.data_dir.clone(),
            parallelism: settings.parallelism,
            checkpoint_interval: settings.checkpoint_interval,
            query_memory_bytes: settings.query_memory_bytes,
            state_memory_max: settings.state_memory_max,
        };
        let server = Server::start(server_settings, Arc::new(connectors), injector, stop).await?;
        let file = ServerFile { grpc: server.grpc_address(), http: server.http_address(), pid: std::process::id() };
        let published = file.publish(&settings.data_dir)?;
        Ok(Node { server, _published: published })
    }
}

fn make_data_dir(settings: &Settings) -> anyhow::Result<()> {
    let folder = &settings.data_dir;
    std::fs::create_dir_all(folder).with_context(|| format!("could not make data folder {}", folder.display()))
}

/// `headwater serve`: the server alone, until it is told to end.
pub(crate) async fn serve(args: ServeArgs, shutdown: Shutdown) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(args)?;
    let Some(bootstrap_servers) = settings.bootstrap_servers.clone() else {
        bail!(
            "no kafka brokers are named: say --bootstrap-servers HOST:PORT or set BOOTSTRAP_SERVERS \
             (`headwater up` brings a broker of its own)"
        );
    };
    let brokers = Brokers::start(Some(bootstrap_servers))?;
    let node = Node::start(&settings, &brokers, shutdown.token().clone()).await?;
    eprintln!("gRPC and reflection   {}", node.server.grpc_address());
    eprintln!("page, REST, metrics   http://{}", node.server.http_address());
    eprintln!("queries               {}", settings.queries.display());
    eprintln!("tables, checkpoints   {}", settings.data_dir.display());
    node.server.ended().await?;
    Ok(ExitCode::SUCCESS)
}

/// `POST /data`, by way of Kafka.
#[derive(Debug)]
struct Injector(FramePublisher);

#[async_trait]
impl FrameInjector for Injector {
    async fn inject(&self, frame: FrameRow) -> Result<(), BoxError> {
        Ok(self.0.publish(&frame).await?)
    }
}
