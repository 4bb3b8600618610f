//! The whole agent against librdkafka's in-process broker: what arrives, what survives an absence, what is left on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use headwater_proto::batch::detections::{self, DetectionRow};
use headwater_proto::batch::frames::{self, FrameRow};
use headwater_proto::batch::headers::MessageId;
use headwater_proto::batch::status::Heartbeat;
use headwater_proto::batch::{EDGE_DATA, EDGE_DETECTIONS, EDGE_SENSORS, EDGE_STATUS, TOPICS, decode_stream, sensors};
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use tokio_util::sync::CancellationToken;

use super::*;
use headwater_sensors::{BuiltIn, MethodChoice};

use crate::agent::{Agent, AgentHandle};
use crate::config::{CameraConfig, Config, Pace, SpoolSync, WhenFull};

type Broker = MockCluster<'static, DefaultProducerContext>;

fn broker() -> Broker {
    let broker = MockCluster::new(1).unwrap();
    TOPICS.iter().for_each(|topic| broker.create_topic(topic, 4, 1).unwrap());
    broker
}

fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../footage/vtest-a.mp4")
}

/// A device whose camera is drawn and whose network is tiny: the road is tested, not the eyes.
fn config(broker: &Broker, data_dir: &Path, camera: CameraConfig) -> Config {
    let mut config = Config::new("north", &broker.bootstrap_servers(), data_dir);
    config.cameras = vec![CameraConfig { tiers: vec![64], width: 64, height: 64, ..camera }];
    config.batch.rows = 10;
    config.batch.linger_ms = 100;
    config.status.interval_ms = 200;
    config.sensors.interval_ms = 200;
    config.sensors.built_in = vec![BuiltIn::CpuTemperature, BuiltIn::Load1m];
    config.sensors.synthetic = true;
    config.energy.method = MethodChoice::None;
    config.spool.sync = SpoolSync::Never;
    config
}

/// What a topic holds.
struct Found {
    id: MessageId,
    key: String,
    headers: Headers,
    value: Vec<u8>,
}

fn found(message: &BorrowedMessage<'_>) -> Found {
    let pairs = message.headers().unwrap().iter().map(|header| (header.key, header.value.unwrap_or_default()));
    let headers = Headers::from_pairs(pairs).unwrap();
    Found {
        id: headers.id(),
        key: String::from_utf8(message.key().unwrap().to_vec()).unwrap(),
        headers,
        value: message.payload().unwrap().to_vec(),
    }
}

/// Reads a topic from its start to its end.
fn read(broker: &Broker, topic: &str) -> Vec<Found> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "reader")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut partitions = rdkafka::TopicPartitionList::new();
    (0..4).for_each(|partition| {
        partitions.add_partition_offset(topic, partition, rdkafka::Offset::Beginning).unwrap();
    });
    consumer.assign(&partitions).unwrap();
    let (mut messages, mut ended) = (Vec::new(), BTreeSet::new());
    let patience = Instant::now() + Duration::from_secs(30);
    while ended.len() < 4 {
        assert!(Instant::now() < patience, "{topic} does not end");
        match consumer.poll(Duration::from_secs(1)) {
            Some(Ok(message)) => messages.push(found(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    messages
}

/// The frames of a topic, a message that came twice counted once.
fn frames_in(broker: &Broker) -> Vec<FrameRow> {
    let messages: BTreeMap<MessageId, Found> =
        read(broker, EDGE_DATA).into_iter().map(|found| (found.id.clone(), found)).collect();
    let batches = messages.values().flat_map(|found| decode_stream(&found.value).unwrap());
    batches.flat_map(|batch| frames::from_batch(&batch).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_shows_arrives_whole_and_in_order() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let camera = CameraConfig { pace: Pace::EveryFrame, ..CameraConfig::synthetic("door", Some(57)) };
    let agent = Agent::start(config(&broker, data.path(), camera), CancellationToken::new()).await.unwrap();
    let watch = agent.watch();
    let report = agent.join().await.unwrap();
    assert_eq!((report.frames, report.skipped, report.left_messages), (57, 0, 0));
    assert_eq!(watch.status().sent_rows, report.delivered_rows);

    let messages = read(&broker, EDGE_DATA);
    assert!(messages.iter().all(|found| found.key == "north" && found.headers.schema == frames::SCHEMA));
    let boots: BTreeSet<&str> = messages.iter().map(|found| found.headers.boot.as_str()).collect();
    assert_eq!(boots.len(), 1);
    let rows = frames_in(&broker);
    let numbers: Vec<u64> = rows.iter().map(|row| row.frame).collect();
    assert_eq!(numbers, (0..57).collect::<Vec<_>>());
    assert!(rows.windows(2).all(|pair| pair[1].ts - pair[0].ts == 100), "ten frames a second in event time");
    assert!(rows.iter().all(|row| &*row.tier == "64" && row.inference_ms > 0.0 && row.energy_mj.is_none()));

    let readings = read(&broker, EDGE_SENSORS);
    let readings = sensors::from_batch(&decode_stream(&readings[0].value).unwrap()[0]).unwrap();
    assert_eq!(readings.iter().map(|row| &*row.sensor).collect::<Vec<_>>(), ["cpu_temperature", "load_1m"]);
    let beats = read(&broker, EDGE_STATUS);
    let beat = Heartbeat::from_json(&beats[0].value).unwrap();
    assert_eq!((beat.device_id.as_str(), beat.cameras[0].source.as_str()), ("north", "synthetic"));
    let topics = [EDGE_DATA, EDGE_DETECTIONS, EDGE_SENSORS, EDGE_STATUS];
    let mut numbers: Vec<u64> =
        topics.iter().flat_map(|topic| read(&broker, topic)).map(|found| found.id.seq).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..report.delivered_messages).collect::<Vec<_>>(), "one numbering over all topics");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_and_frames_agree_on_real_footage() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let mut config = config(&broker, data.path(), CameraConfig::file("path", &clip(), false));
    config.cameras[0].tiers = vec![256];
    config.cameras[0].fps = Some(200.0);
    config.energy.method = MethodChoice::CpuModel;
    config.energy.busy_watts = Some(5.0);
    let report = Agent::start(config, CancellationToken::new()).await.unwrap().join().await.unwrap();
    assert_eq!(report.frames + report.skipped, 400, "{report:?}");
    assert!(report.detections > 0);

    let frames = frames_in(&broker);
    assert_eq!(frames.len() as u64, report.frames);
    let last = frames.last().unwrap();
    let skipped: u64 = frames.iter().map(|row| u64::from(row.skipped)).sum();
    assert_eq!(skipped + report.frames, last.frame + 1, "every frame is looked at or counted as skipped");
    // Processor time of one thread: no more than the time that passed, but for what asking for it takes.
    let is_charged =
        |row: &FrameRow| row.energy_mj.is_some_and(|cost| cost > 0.0 && cost <= row.inference_ms * 5.0 + 1.0);
    assert!(frames.iter().all(is_charged), "{:?}", frames.iter().find(|row| !is_charged(row)));
    assert!(frames.iter().all(|row| &*row.energy_method == "cpu-model"));
    assert!(frames.iter().all(|row| row.persons_detected <= 10 && (row.width, row.height) == (768, 576)));
    let objects: Vec<DetectionRow> = read(&broker, EDGE_DETECTIONS)
        .iter()
        .flat_map(|found| decode_stream(&found.value).unwrap())
        .flat_map(|batch| detections::from_batch(&batch).unwrap())
        .collect();
    assert_eq!(objects.len() as u64, report.detections);
    for frame in &frames {
        let of_frame = objects.iter().filter(|object| object.frame == frame.frame);
        assert_eq!(of_frame.count(), usize::from(frame.objects_detected), "frame {}", frame.frame);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_loses_nothing() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let camera = CameraConfig { fps: Some(25.0), ..CameraConfig::synthetic("door", None) };
    let shutdown = CancellationToken::new();
    let mut config = config(&broker, data.path(), camera);
    config.uplink.drain_ms = 30_000;
    let agent = Agent::start(config, shutdown.clone()).await.unwrap();
    until(|| agent.status().sent_rows > 20).await;
    broker.broker_down(1).unwrap();
    until(|| !agent.status().uplink_connected).await;
    until(|| agent.status().spool_rows > 80).await;
    broker.broker_up(1).unwrap();
    until(|| agent.status().uplink_connected).await;
    shutdown.cancel();
    let report = agent.join().await.unwrap();
    assert_eq!((report.left_messages, report.dropped_rows), (0, 0));

    let rows = frames_in(&broker);
    assert_eq!(rows.len() as u64, report.frames);
    let mut last = None;
    for row in &rows {
        let expected = last.map_or(u64::from(row.skipped), |last: u64| last + 1 + u64::from(row.skipped));
        assert_eq!(row.frame, expected, "a hole that nobody counted");
        last = Some(row.frame);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_waits_for_the_next_start() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let camera = CameraConfig { pace: Pace::EveryFrame, ..CameraConfig::synthetic("door", Some(30)) };
    broker.broker_down(1).unwrap();
    let mut away = config(&broker, data.path(), camera.clone());
    away.uplink.drain_ms = 200;
    let report = Agent::start(away, CancellationToken::new()).await.unwrap().join().await.unwrap();
    assert_eq!((report.frames, report.delivered_rows), (30, 0));
    assert!(report.left_rows >= 30);
    broker.broker_up(1).unwrap();
    let mut back = config(&broker, data.path(), camera);
    back.uplink.drain_ms = 30_000;
    let second = Agent::start(back, CancellationToken::new()).await.unwrap().join().await.unwrap();
    assert_eq!(second.left_messages, 0);
    let ids: BTreeSet<MessageId> = read(&broker, EDGE_DATA).into_iter().map(|found| found.id).collect();
    let boots: BTreeSet<&str> = ids.iter().map(|id| id.boot.as_str()).collect();
    assert_eq!(boots.len(), 2, "the first start's messages keep their identity");
    assert_eq!(frames_in(&broker).len(), 60);
}

/// An agent whose broker is away and whose spool is full, with a camera that waits for room.
async fn held(broker: &Broker, data: &Path, drain_ms: u64, shutdown: &CancellationToken) -> AgentHandle {
    let camera = CameraConfig { fps: Some(200.0), ..CameraConfig::synthetic("door", None) };
    let mut config = config(broker, data, camera);
    config.uplink.drain_ms = drain_ms;
    config.spool.max_bytes = 1 << 20;
    config.spool.when_full = WhenFull::StopCameras;
    config.batch.rows = 1;
    broker.broker_down(1).unwrap();
    let agent = Agent::start(config, shutdown.clone()).await.unwrap();
    until(|| agent.status().is_held).await;
    agent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_stops_the_cameras_and_loses_nothing() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let shutdown = CancellationToken::new();
    let agent = held(&broker, data.path(), 30_000, &shutdown).await;
    let skipped = |status: &crate::live::AgentStatus| status.cameras[0].skipped;
    let then = skipped(&agent.status());
    until(|| skipped(&agent.status()) > then + 50).await;
    assert!(agent.status().spool.bytes <= 1 << 20);
    broker.broker_up(1).unwrap();
    let then = agent.status().cameras[0].frames;
    until(|| agent.status().cameras[0].frames > then + 50).await;
    shutdown.cancel();
    let watch = agent.watch();
    let report = agent.join().await.unwrap();
    assert_eq!((report.left_messages, report.dropped_rows, watch.status().lost_rows), (0, 0, 0));

    let mut next = 0;
    for row in frames_in(&broker) {
        assert_eq!(row.frame, next + u64::from(row.skipped), "a hole that nobody counted");
        next = row.frame + 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_does_not_keep_an_agent_from_stopping() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let shutdown = CancellationToken::new();
    let agent = held(&broker, data.path(), 100, &shutdown).await;
    shutdown.cancel();
    let watch = agent.watch();
    let report = agent.join().await.unwrap();
    assert!(report.left_messages > 0 && watch.status().lost_rows > 0, "what nobody takes is counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_named_before_anything_runs() {
    let (broker, data) = (broker(), tempfile::tempdir().unwrap());
    let start = |config: Config| async move {
        let error = Agent::start(config, CancellationToken::new()).await.err().unwrap();
        crate::error::chain(&error)
    };
    let good = config(&broker, data.path(), CameraConfig::synthetic("door", None));
    let weights = data.path().join("weights.safetensors");
    std::fs::write(&weights, b"nothing").unwrap();
    let text = start(Config { weights: Some(weights), ..good.clone() }).await;
    assert!(text.contains("weights.safetensors"), "{text}");
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let text = start(Config { metrics: Some(crate::config::MetricsConfig { listen }), ..good.clone() }).await;
    assert!(text.contains(&listen.to_string()), "{text}");
    let mut unknown = good;
    unknown.uplink.client_configs.insert("security.protocl".into(), "SSL".into());
    let text = start(unknown).await;
    assert!(text.contains("security.protocl"), "{text}");
}

/// Waits until something is so; panics when it is not within half a minute.
async fn until(is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < patience, "it does not come to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
