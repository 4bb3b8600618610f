//! The agents' topics in memory: what the tests send, every source over them reads from its beginning.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_core::ConnectorError;
use headwater_core::error::BoxError;
use headwater_core::source::{Positions, Source, SourceContext, SourceEvent, SourceFactory};
use headwater_plan::{ConnectorTable, Connectors, TableDeclaration, TableError};
use headwater_proto::batch::frames::{self, FrameRow};
use tokio::sync::watch;

use crate::rest::FrameInjector;

/// A log a topic, and the real connectors for the rest.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    frames: Arc<watch::Sender<Vec<RecordBatch>>>,
    heartbeats: Arc<watch::Sender<Vec<RecordBatch>>>,
    others: Arc<ConnectorSet>,
}

impl Feed {
    pub(super) fn new(data_dir: &Path) -> Self {
        let settings = ConnectorSettings { base_dir: data_dir.to_owned(), ..ConnectorSettings::default() };
        Feed {
            frames: Arc::new(watch::Sender::new(Vec::new())),
            heartbeats: Arc::new(watch::Sender::new(Vec::new())),
            others: Arc::new(ConnectorSet::new(settings)),
        }
    }

    pub(super) fn frame(&self, device: &str, camera: &str, ts: i64, persons_detected: u16) {
        self.send(FrameRow {
            device_id: device.into(),
            camera_id: camera.into(),
            ts,
            frame: ts as u64,
            persons_detected,
            objects_detected: persons_detected,
            width: 640,
            height: 480,
            model: "m".into(),
            tier: "416".into(),
            inference_ms: 12.5,
            energy_mj: None,
            energy_method: "none".into(),
            skipped: 0,
        });
    }

    pub(super) fn heartbeat(&self, device: &str, ts: i64) {
        let row = serde_json::json!({
            "device_id": device, "ts": ts, "version": "0.1.0", "config_hash": "ab12", "uptime_s": 60, "spool_rows": 0,
            "sent_rows": 7, "dropped_messages": 1,
            "cameras": [{"camera_id": "c1", "state": "waiting", "reason": "connection refused", "fps": 0.0}],
            "control": {"command_id": "slow-1", "accepted": false, "reason": "camera c9 is not known"},
        });
        let mut decoder = ReaderBuilder::new(heartbeat_schema()).build_decoder().unwrap();
        decoder.serialize(&[row]).unwrap();
        let batch = decoder.flush().unwrap().unwrap();
        self.heartbeats.send_modify(|log| log.push(batch));
    }

    fn send(&self, row: FrameRow) {
        let batch = frames::to_batch(&[row]).unwrap();
        let plain = frame_schema();
        let columns: Vec<ArrayRef> =
            batch.columns().iter().zip(plain.fields()).map(|(c, f)| cast(c, f.data_type()).unwrap()).collect();
        self.frames.send_modify(|log| log.push(RecordBatch::try_new(plain.clone(), columns).unwrap()));
    }
}

#[async_trait]
impl FrameInjector for Feed {
    async fn inject(&self, frame: FrameRow) -> Result<(), BoxError> {
        self.send(frame);
        Ok(())
    }
}

fn frame_schema() -> SchemaRef {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, value) => Field::new(field.name(), value.as_ref().clone(), false),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(frames::schema().fields().iter().map(plain).collect::<Vec<_>>()))
}

fn heartbeat_schema() -> SchemaRef {
    let count = |name| Field::new(name, DataType::UInt64, true);
    let text = |name| Field::new(name, DataType::Utf8, true);
    let real = |name| Field::new(name, DataType::Float64, true);
    let camera = DataType::Struct(vec![text("camera_id"), text("state"), text("reason"), real("fps")].into());
    let accepted = Field::new("accepted", DataType::Boolean, true);
    let control = DataType::Struct(vec![text("command_id"), accepted, text("reason")].into());
    Arc::new(Schema::new(vec![
        text("device_id"),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        text("version"),
        text("config_hash"),
        count("uptime_s"),
        Field::new("cameras", DataType::List(Arc::new(Field::new("item", camera, true))), true),
        Field::new("control", control, true),
        count("spool_rows"),
        count("sent_rows"),
        count("dropped_messages"),
        real("carbon_intensity_g_per_kwh"),
        real("energy_mj_total"),
    ]))
}

impl Connectors for Feed {
    fn names(&self) -> Vec<String> {
        self.others.names()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        if declaration.connector != "edge" {
            return self.others.table(declaration);
        }
        let (schema, log) = match declaration.options.text("topic")? {
            Some("edge-status") => (heartbeat_schema(), self.heartbeats.subscribe()),
            _ => (frame_schema(), self.frames.subscribe()),
        };
        Ok(ConnectorTable {
            columns: Some(schema.clone()),
            event_time: Some(("ts".into(), Duration::from_secs(1))),
            idle_after: None,
            source: Some(Arc::new(FeedFactory { schema, log })),
            sink: None,
        })
    }
}

#[derive(Debug)]
struct FeedFactory {
    schema: SchemaRef,
    log: watch::Receiver<Vec<RecordBatch>>,
}

#[async_trait]
impl SourceFactory for FeedFactory {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn bounded(&self) -> bool {
        false
    }

    fn parallel(&self) -> bool {
        false
    }

    fn fingerprint(&self) -> String {
        "feed".into()
    }

    async fn open(&self, _context: SourceContext) -> Result<Box<dyn Source>, ConnectorError> {
        // Each start of a test has a new log, as with a broker in memory: positions of another one mean nothing.
        Ok(Box::new(FeedSource { log: self.log.clone(), next: 0, told: false, draining: false }))
    }
}

struct FeedSource {
    log: watch::Receiver<Vec<RecordBatch>>,
    next: usize,
    told: bool,
    draining: bool,
}

#[async_trait]
impl Source for FeedSource {
    async fn next(&mut self) -> Result<SourceEvent, ConnectorError> {
        if !std::mem::replace(&mut self.told, true) {
            return Ok(SourceEvent::Partitions(vec!["feed".into()]));
        }
        let next = self.next;
        if self.draining && self.log.borrow().len() <= next {
            return Ok(SourceEvent::End);
        }
        let waited = self.log.wait_for(|log| log.len() > next).await;
        let batch = match waited {
            Ok(log) => log[next].clone(),
            Err(_) => return Ok(SourceEvent::End),
        };
        self.next += 1;
        Ok(SourceEvent::Batch { partition: 0, batch })
    }

    fn positions(&self) -> Positions {
        Positions::from([("feed".to_owned(), serde_json::json!(self.next))])
    }

    async fn drain(&mut self) -> Result<(), ConnectorError> {
        self.draining = true;
        Ok(())
    }
}
