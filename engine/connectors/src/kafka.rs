//! `kafka`: topics as tables, read and written. The only module that knows librdkafka.
//!
//! A source assigns partitions to itself: positions are in the job's checkpoint, and the consumer group only tells
//! others how far the job is. A sink that is exactly-once stages an epoch's messages in a file and writes them in one
//! transaction once the checkpoint exists (see [`commit`]).

pub mod embedded;
pub mod publish;

mod client;
mod commit;
mod dedup;
mod encode;
mod position;
mod rows;
mod sink;
mod source;
mod survey;
mod topics;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use headwater_core::source::SourceFactoryRef;
use headwater_plan::{ConnectorTable, Options, TableDeclaration, TableError};

use self::rows::RowLayout;
use self::sink::KafkaSink;
use self::source::{Framing, KafkaSource, SourceSpec};
use self::topics::Topics;
use crate::columns::{Sides, declared_schema, required_schema};
use crate::formats::{BadData, RecordFormat};
use crate::set::ConnectorSettings;

pub(crate) use self::client::ClientOptions;
pub(crate) use self::position::StartOffset;

const FORMATS: [&str; 6] = ["json", "debezium_json", "upsert_json", "raw_string", "raw_bytes", "arrow"];

pub(crate) fn declare(
    settings: &ConnectorSettings,
    declaration: TableDeclaration,
) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    let sides = Sides::of(options)?;
    let topics = Topics::of(options)?;
    let format = RecordFormat::of(options, &FORMATS)?;
    let format = format.ok_or_else(|| TableError::new("a message has a format of records").with_option("format"))?;
    let framing = Framing::of(options, &format)?;
    let client = ClientOptions::of(settings, options)?;
    let upserts = matches!(format, RecordFormat::Upsert(_));
    // The rows of a table that is said by its last changes begin before it.
    let reading = ReadOptions::of(options, if upserts { StartOffset::Earliest } else { StartOffset::Latest })?;
    let bad_data = BadData::of(options)?;
    let key = declaration.primary_key.clone();
    let sink =
        KafkaSink::of(settings, options, topics.only().unwrap_or_default(), format.clone(), key, client.clone())?;
    options.finish()?;
    let columns = declared_schema(&declaration.columns);
    // A table without columns can only be a sink, whether or not it says so.
    let source = match sides.source && (columns.is_some() || !sides.sink) {
        false => None,
        true => {
            required_schema(&declaration.name, &declaration.columns)?;
            let layout = RowLayout::of(&declaration.columns)?;
            let layout = if upserts { layout.of_upserts(&declaration.primary_key) } else { layout };
            let spec = SourceSpec {
                connector: "kafka",
                table: declaration.name,
                topics: topics.clone(),
                layout,
                format,
                primary_key: declaration.primary_key,
                framing,
                client,
                reading,
                bad_data,
                drop_duplicates: false,
            };
            spec.decoder()?;
            Some(Arc::new(KafkaSource::new(spec)) as SourceFactoryRef)
        }
    };
    let sink = (sides.sink && topics.only().is_some()).then(|| Arc::new(sink) as _);
    if sides == (Sides { source: false, sink: true }) && sink.is_none() {
        return Err(TableError::new("a sink writes to one topic, named by topic = '…'").with_option("topic"));
    }
    Ok(ConnectorTable { columns, event_time: None, idle_after: None, source, sink })
}

/// How a source reads.
#[derive(Clone, Debug)]
pub(crate) struct ReadOptions {
    /// Where a partition without a position begins.
    start: StartOffset,
    /// The group that is told how far the job is; `headwater-<job>` where unsaid.
    group_id: Option<String>,
    /// Whether messages of open transactions are seen.
    read_committed: bool,
}

impl ReadOptions {
    /// Reads the options `source.*`.
    pub(crate) fn of(options: &Options, start: StartOffset) -> Result<Self, TableError> {
        let modes = [("read_committed", true), ("read_uncommitted", false)];
        Ok(ReadOptions {
            start: StartOffset::of(options)?.unwrap_or(start),
            group_id: options.text("source.group_id")?.map(str::to_owned),
            read_committed: options.choice("source.read_mode", &modes)?.unwrap_or(true),
        })
    }
}

/// A source over a topic of the agents.
pub(crate) struct EdgeSource {
    pub(crate) table: String,
    pub(crate) topic: String,
    pub(crate) columns: SchemaRef,
    pub(crate) format: RecordFormat,
    pub(crate) client: ClientOptions,
    pub(crate) reading: ReadOptions,
    pub(crate) bad_data: BadData,
}

/// Makes the factory of a source over a topic of the agents: one that drops what was sent twice.
pub(crate) fn edge_source(edge: EdgeSource) -> SourceFactoryRef {
    Arc::new(KafkaSource::new(SourceSpec {
        connector: "edge",
        table: edge.table,
        topics: Topics::Named(vec![edge.topic]),
        framing: Framing::None,
        layout: RowLayout::content_only(edge.columns),
        format: edge.format,
        primary_key: Vec::new(),
        client: edge.client,
        reading: edge.reading,
        bad_data: edge.bad_data,
        drop_duplicates: true,
    }))
}

#[cfg(test)]
mod tests;
