//! `edge`: the topics that the agents write, with their schemas known. A Kafka source whose columns need not be
//! declared, that starts at the earliest record, and that counts a message once however often an agent sent it.
//!
//! Texts are plain (an agent's dictionaries are per message), times are milliseconds as the agents write them, and
//! columns that an injected JSON object may lack can be null.

mod decoder;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use headwater_plan::options::nearest;
use headwater_plan::{ConnectorTable, TableDeclaration, TableError};
use headwater_proto::batch::{EDGE_DATA, EDGE_DETECTIONS, EDGE_EVENTS, EDGE_SENSORS, EDGE_STATUS, TOPICS};
use headwater_proto::batch::{detections, events, frames, sensors, status};

use crate::columns::{Sides, choose_own};
use crate::formats::{BadData, RecordFormat};
use crate::kafka::{self, StartOffset};
use crate::set::ConnectorSettings;

pub(crate) use self::decoder::EdgeDecoder;

/// How far the agents' clocks and batches may lag behind each other within a partition.
const LAG: Duration = Duration::from_secs(1);
/// How long a partition may be silent: there may be more of them than devices, and an agent sends every second.
const IDLE: Duration = Duration::from_secs(5);

pub(crate) fn declare(
    settings: &ConnectorSettings,
    declaration: TableDeclaration,
) -> Result<ConnectorTable, TableError> {
    let options = &declaration.options;
    Sides::source_only("edge", options)?;
    let topic = EdgeTopic::of(options.text("topic")?.unwrap_or(EDGE_DATA))?;
    let bad_data = BadData::of(options)?;
    let client = kafka::ClientOptions::of(settings, options)?;
    let reading = kafka::ReadOptions::of(options, StartOffset::Earliest)?;
    options.finish()?;
    let columns = choose_own("edge", &topic.columns(), &declaration.columns)?;
    let timed = columns.field_with_name("ts").is_ok();
    let source = kafka::edge_source(kafka::EdgeSource {
        table: declaration.name,
        topic: topic.name().to_owned(),
        columns: columns.clone(),
        format: RecordFormat::Edge(topic),
        client,
        reading,
        bad_data,
    });
    let event_time = timed.then(|| ("ts".to_owned(), LAG));
    Ok(ConnectorTable { columns: Some(columns), event_time, idle_after: Some(IDLE), source: Some(source), sink: None })
}

/// A topic of the agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EdgeTopic {
    /// A row a frame.
    Frames,
    /// A row an object.
    Detections,
    /// A row a zone entered or left, or a line crossed.
    Events,
    /// A row a reading.
    Sensors,
    /// A row a heartbeat.
    Status,
}

impl EdgeTopic {
    fn of(name: &str) -> Result<Self, TableError> {
        match name {
            EDGE_DATA => Ok(EdgeTopic::Frames),
            EDGE_DETECTIONS => Ok(EdgeTopic::Detections),
            EDGE_EVENTS => Ok(EdgeTopic::Events),
            EDGE_SENSORS => Ok(EdgeTopic::Sensors),
            EDGE_STATUS => Ok(EdgeTopic::Status),
            _ => {
                let error = TableError::new(format!("the agents write no topic '{name}'")).with_option("topic");
                Err(match nearest(name, TOPICS.into_iter()) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error.with_hint(format!("known topics: {}", TOPICS.join(", "))),
                })
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            EdgeTopic::Frames => EDGE_DATA,
            EdgeTopic::Detections => EDGE_DETECTIONS,
            EdgeTopic::Events => EDGE_EVENTS,
            EdgeTopic::Sensors => EDGE_SENSORS,
            EdgeTopic::Status => EDGE_STATUS,
        }
    }

    /// Name and version of the schema, as the header `schema` says it.
    pub(crate) fn schema_name(self) -> &'static str {
        match self {
            EdgeTopic::Frames => frames::SCHEMA,
            EdgeTopic::Detections => detections::SCHEMA,
            EdgeTopic::Events => events::SCHEMA,
            EdgeTopic::Sensors => sensors::SCHEMA,
            EdgeTopic::Status => status::SCHEMA,
        }
    }

    /// The columns of a table over the topic.
    pub(crate) fn columns(self) -> SchemaRef {
        match self {
            EdgeTopic::Frames => {
                plain(&frames::schema(), |name| ["device_id", "ts", "persons_detected"].contains(&name))
            }
            EdgeTopic::Detections => plain(&detections::schema(), |_| true),
            EdgeTopic::Events => plain(&events::schema(), |_| true),
            EdgeTopic::Sensors => plain(&sensors::schema(), |_| true),
            EdgeTopic::Status => status_columns(),
        }
    }
}

/// The agents' columns with plain texts; those that `always` does not name may be null.
fn plain(schema: &SchemaRef, always: impl Fn(&str) -> bool) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let data_type = match field.data_type() {
            DataType::Dictionary(_, value) => value.as_ref().clone(),
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable() || !always(field.name()))
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn status_columns() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let count = |name| Field::new(name, DataType::UInt64, false);
    let known = |name| Field::new(name, DataType::Float64, true);
    let camera = DataType::Struct(
        vec![
            text("camera_id"),
            text("source"),
            text("state"),
            Field::new("fps", DataType::Float64, false),
            count("skipped"),
            text("tier"),
            Field::new("reason", DataType::Utf8, true),
            known("energy_mj"),
        ]
        .into(),
    );
    let accepted = Field::new("accepted", DataType::Boolean, false);
    let control = DataType::Struct(vec![text("command_id"), accepted, text("reason")].into());
    Arc::new(Schema::new(vec![
        text("device_id"),
        text("boot"),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        text("version"),
        text("config_hash"),
        count("uptime_s"),
        Field::new("cameras", DataType::List(Arc::new(Field::new("item", camera, true))), false),
        count("spool_bytes"),
        count("spool_rows"),
        count("sent_rows"),
        known("carbon_intensity_g_per_kwh"),
        known("energy_mj_total"),
        Field::new("dropped_messages", DataType::UInt64, true),
        Field::new("control", control, true),
    ]))
}
