//! The topics are there before the first message: those that are missing are made.

use std::time::Duration;

use headwater_proto::batch::{EDGE_CONTROL, TOPICS};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;

use super::UplinkError;
use crate::config::UplinkConfig;

const PATIENCE: Duration = Duration::from_secs(5);

type Admin = AdminClient<DefaultClientContext>;

/// Makes the topics that the broker does not have. A broker that refuses is warned about and not insisted on: it may
/// make topics by itself, or somebody else does.
pub(super) async fn ensure(
    config: &ClientConfig,
    brokers: &str,
    uplink: &UplinkConfig,
    takes_commands: bool,
) -> Result<(), UplinkError> {
    let admin: Admin = config.create().map_err(|source| UplinkError::Client { source })?;
    let listed = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE);
        metadata.map(|metadata| {
            let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
            (names.collect::<Vec<_>>(), admin)
        })
    });
    let listed = listed.await.map_err(|_| UplinkError::Died)?;
    let (known, admin) = listed.map_err(|source| UplinkError::Metadata { brokers: brokers.to_owned(), source })?;
    let wanted = TOPICS.iter().chain(takes_commands.then_some(&EDGE_CONTROL));
    let missing: Vec<NewTopic<'_>> = wanted
        .filter(|topic| !known.iter().any(|known| known == *topic))
        .map(|topic| NewTopic::new(topic, uplink.partitions, TopicReplication::Fixed(uplink.replicas)))
        .collect();
    if !missing.is_empty() {
        create(&admin, &missing).await;
    }
    Ok(())
}

async fn create(admin: &Admin, missing: &[NewTopic<'_>]) {
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    match admin.create_topics(missing, &options).await {
        Err(error) => tracing::warn!(%error, "topics not made; the broker may make them itself"),
        Ok(results) => {
            for result in results {
                match result {
                    Ok(topic) => tracing::info!(topic, "topic made"),
                    Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                    Err((topic, error)) => tracing::warn!(topic, %error, "topic not made"),
                }
            }
        }
    }
}
