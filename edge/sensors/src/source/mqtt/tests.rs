//! Against a real broker, Debian's `mosquitto`; skipped where it is not installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rumqttc::{Client, Incoming};

use super::*;
use crate::feed::{Queue, SourceCounters};
use crate::settings::{PayloadFormat, Secret, ValueSettings};
use crate::source::running::Running;

struct Broker {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Debian installs it where only root looks.
fn mosquitto(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| PathBuf::from(folder).join(name)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Broker {
    /// Starts a broker, and waits until it says that it runs.
    fn start(port: u16, access: &str) -> Option<Self> {
        let program = mosquitto("mosquitto")?;
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("mosquitto.conf");
        // It gives up root's rights, and then must still read its files.
        let user = "user root\n";
        std::fs::write(&settings, format!("{user}listener {port} 127.0.0.1\n{access}\n")).unwrap();
        let mut process =
            Command::new(program).arg("-c").arg(&settings).arg("-v").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let runs = lines.by_ref().map_while(Result::ok).any(|line| line.contains("running"));
        assert!(runs, "the broker did not start");
        // It must not wait for somebody to read what it says.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { process, port, _folder: folder })
    }

    fn publish(&self, topic: &str, payload: &str, retain: bool) {
        let mut options = MqttOptions::new("publisher", "127.0.0.1", self.port);
        options.set_max_packet_size(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        let (client, mut connection) = Client::new(options, 8);
        client.publish(topic, QoS::AtLeastOnce, retain, payload).unwrap();
        let is_taken = |event| matches!(event, Ok(Event::Incoming(Incoming::PubAck(_))));
        assert!(connection.iter().any(is_taken), "the broker did not take {topic}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn settings(port: u16, topic: &str, sensor: &str, pick: &str) -> MqttSettings {
    MqttSettings {
        host: "127.0.0.1".into(),
        port,
        topic: topic.into(),
        username: None,
        password: None,
        password_file: None,
        client_id: None,
        retained: false,
        format: PayloadFormat::Json,
        separator: ',',
        values: vec![ValueSettings {
            sensor: sensor.into(),
            unit: "celsius".into(),
            pick: Some(pick.into()),
            scale: 1.0,
            offset: 0.0,
        }],
    }
}

fn running(settings: &MqttSettings) -> Running {
    let mqtt = Mqtt::new(settings);
    Running::start(100, move |outlet, state, stop| mqtt.run(outlet, state, stop))
}

#[test]
fn messages_become_readings_named_by_their_topic() {
    let Some(broker) = Broker::start(free_port(), "allow_anonymous true") else { return };
    broker.publish("home/attic/air", r#"{"t": 1}"#, true);
    let running = running(&settings(broker.port, "home/+/air", "{1}_temperature", "/t"));
    running.wait_until(true);
    broker.publish("home/attic/air", r#"{"t": 21.5}"#, false);
    let reading = running.next();
    assert_eq!((&*reading.sensor, reading.value, &*reading.unit), ("attic_temperature", 21.5, "celsius"));
    assert_eq!(*reading.method, *format!("mqtt:127.0.0.1:{}/home/attic/air", broker.port));
    broker.publish("home/attic/air", "garbage", false);
    broker.publish("home/cellar/air", r#"{"t": "9"}"#, false);
    assert_eq!((&*running.next().sensor, running.counters().rejected), ("cellar_temperature", 1));
    assert!(running.counters().last_error.unwrap().contains("home/attic/air at 127.0.0.1"));
}

#[test]
fn a_topic_that_is_no_sensors_is_rejected_and_shown_in_part() {
    let Some(broker) = Broker::start(free_port(), "allow_anonymous true") else { return };
    let running = running(&settings(broker.port, "home/#", "a", "/t"));
    running.wait_until(true);
    broker.publish(&format!("home/{}", "x".repeat(2000)), r#"{"t": 1}"#, false);
    broker.publish("home/room", r#"{"t": 2}"#, false);
    assert_eq!((running.next().value, running.counters().rejected), (2.0, 1));
    let error = running.counters().last_error.unwrap();
    assert!(error.contains("topic of 2005 bytes") && error.len() < 300, "{error}");
}

/// What a message gives that a broker sends, whoever asked for it.
fn taken(filter: &str, topic: &str, payload: impl Into<Vec<u8>>) -> (Vec<Reading>, SourceCounters) {
    let mqtt = Mqtt::new(&settings(1883, filter, "{1}_temperature", "/t"));
    let (queue, state) = (Queue::new(100), SourceState::new("mqtt"));
    mqtt.take(&Publish::new(topic, QoS::AtLeastOnce, payload), &queue.outlet(), &state);
    (queue.take(Duration::ZERO, Duration::ZERO).unwrap_or_default(), state.counters())
}

#[test]
fn a_payload_that_is_no_sensors_is_rejected_and_quoted_in_part() {
    let payload = r#"{"t": 1}"#;
    let padded = |bytes: usize| payload.to_owned() + &" ".repeat(bytes - payload.len());
    let (readings, counters) = taken("home/+", "home/attic", padded(PAYLOAD_BYTES_MAX));
    assert_eq!((readings.len(), counters.rejected), (1, 0));
    for payload in [padded(PAYLOAD_BYTES_MAX + 1), "\u{1f321}".repeat(PAYLOAD_BYTES_MAX)] {
        let bytes = payload.len();
        let (readings, counters) = taken("home/+", "home/attic", payload);
        assert_eq!((readings.len(), counters.readings, counters.rejected), (0, 0, 1));
        let error = counters.last_error.unwrap();
        assert!(error.contains("home/attic at 127.0.0.1:1883 says"), "{error}");
        assert!(
            error.ends_with(&format!(": its {bytes} bytes are more than the 262144 of a sensor's message")),
            "{error}"
        );
        assert!(error.len() < 320 + 200, "{} bytes", error.len());
    }
}

#[test]
fn a_topic_that_nobody_asked_for_is_rejected() {
    for (filter, topic) in [("home/+", "garden/shed"), ("home/+", "home"), ("$share/boxes/home/+", "boxes/home/attic")]
    {
        let (readings, counters) = taken(filter, topic, r#"{"t": 1}"#);
        assert_eq!((readings.len(), counters.readings, counters.rejected), (0, 0, 1), "{filter} {topic}");
        assert!(counters.last_error.unwrap().ends_with("its topic is none that the subscription asks for"));
    }
    let (readings, counters) = taken("$share/boxes/home/+", "home/attic", r#"{"t": 1}"#);
    assert_eq!((&*readings[0].sensor, counters.rejected), ("attic_temperature", 0));
}

#[test]
fn a_name_that_is_too_long_is_rejected() {
    let longest = "x".repeat(topic::NAME_BYTES_MAX - "_temperature".len());
    assert_eq!(taken("home/+", &format!("home/{longest}"), r#"{"t": 1}"#).0[0].sensor.len(), 128);
    let (readings, counters) = taken("home/+", &format!("home/{longest}x"), r#"{"t": 1}"#);
    assert_eq!((readings.len(), counters.rejected), (0, 1));
    assert!(counters.last_error.unwrap().ends_with("its sensor's name would be 129 bytes long"));
}

#[test]
fn a_large_message_of_another_topic_does_not_tear_the_connection() {
    let Some(broker) = Broker::start(free_port(), "allow_anonymous true") else { return };
    broker.publish("home/camera/picture", &"x".repeat(1 << 20), true);
    for (retained, rejected) in [(true, 1), (false, 0)] {
        let settings = MqttSettings { retained, ..settings(broker.port, "home/#", "a", "/t") };
        let running = running(&settings);
        running.wait_until(true);
        broker.publish("home/room", r#"{"t": 2}"#, false);
        assert_eq!(running.next().value, 2.0);
        let counters = running.counters();
        assert_eq!((counters.rejected, counters.failures), (rejected, 0), "{:?}", counters.last_error);
    }
}

#[test]
fn a_shared_subscription_gives_readings_named_by_their_topic() {
    let Some(broker) = Broker::start(free_port(), "allow_anonymous true") else { return };
    let running = running(&settings(broker.port, "$share/boxes/home/+/air", "{1}_temperature", "/t"));
    running.wait_until(true);
    broker.publish("home/attic/air", r#"{"t": 21.5}"#, false);
    assert_eq!(&*running.next().sensor, "attic_temperature");
}

#[test]
fn what_the_broker_kept_counts_where_that_is_asked_for() {
    let Some(broker) = Broker::start(free_port(), "allow_anonymous true") else { return };
    broker.publish("room", r#"{"t": 7}"#, true);
    let retained = MqttSettings { retained: true, ..settings(broker.port, "room", "room", "/t") };
    assert_eq!(running(&retained).next().value, 7.0);
}

#[test]
fn a_connection_that_is_lost_is_made_again() {
    let port = free_port();
    let running = running(&settings(port, "room", "room", "/t"));
    assert!(running.wait_for_failure().contains(&format!("mqtt broker 127.0.0.1:{port} failed")));
    let Some(broker) = Broker::start(port, "allow_anonymous true") else { return };
    running.wait_until(true);
    broker.publish("room", r#"{"t": 1}"#, false);
    assert_eq!(running.next().value, 1.0);
    drop(broker);
    running.wait_until(false);
    let broker = Broker::start(port, "allow_anonymous true").unwrap();
    running.wait_until(true);
    broker.publish("room", r#"{"t": 2}"#, false);
    assert_eq!(running.next().value, 2.0);
}

#[test]
fn a_password_opens_a_broker_that_asks_for_one() {
    let Some(passwords) = mosquitto("mosquitto_passwd") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let made = Command::new(passwords).arg("-b").arg("-c").arg(&file).args(["reader", "s3cret"]).status();
    assert!(made.unwrap().success());
    let access = format!("password_file {}", file.display());
    let Some(broker) = Broker::start(free_port(), &access) else { return };
    let anonymous = settings(broker.port, "room", "room", "/t");
    let with = |password: &str| MqttSettings {
        username: Some("reader".into()),
        password: Some(Secret::new(password)),
        ..anonymous.clone()
    };
    for refused in [anonymous.clone(), with("wrong")] {
        let reason = running(&refused).wait_for_failure();
        assert!(reason.contains("failed: Connection refused"), "{reason}");
    }
    running(&with("s3cret")).wait_until(true);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let by_file = MqttSettings { username: Some("reader".into()), password_file: Some(secret), ..anonymous.clone() };
    running(&by_file).wait_until(true);
}

/// Accepts connections, answers each with bytes, and reads until the other side has had enough.
fn hostile_broker(answers: Vec<Vec<u8>>) -> (u16, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (mut connection, _) = listener.accept().unwrap();
            connection.write_all(&answer).unwrap();
            connection.shutdown(Shutdown::Write).unwrap();
            // It ends with an error where the other side closed with bytes unread.
            let _ = connection.read_to_end(&mut Vec::new());
        }
    });
    (port, thread)
}

#[test]
fn no_bytes_of_a_broker_make_it_panic() {
    const BODIES: [&[u8]; 9] = [
        &[],
        &[0],
        &[2, 0, 1],
        &[2, 0xff, 0xff],
        &[3, 0, 0, 0],
        &[5, 0, 3, b'a', b'/', b't'],
        &[4, 0, 1, b'a', 0xff],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0xff, 0xff, 0xff, 0xff, 1],
    ];
    const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
    // Every type of packet, with flags that are right for some and wrong for others.
    let firsts = (0..16_u8).flat_map(|kind| [0, 2, 6, 15].map(|flags| kind << 4 | flags));
    let packets = firsts.flat_map(|first| BODIES.map(|body| [&[first], body].concat()));
    let answers: Vec<Vec<u8>> = packets.flat_map(|packet| [[&ACCEPTED[..], &packet].concat(), packet]).collect();
    let count = answers.len();
    let (port, broker) = hostile_broker(answers);
    let mqtt = Mqtt::new(&settings(port, "a/#", "a", "/t"));
    let (queue, state) = (Queue::new(100), SourceState::new("mqtt"));
    let outlet = queue.outlet();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..count {
        runtime.block_on(mqtt.listen(&outlet, &state, &mut Backoff::default())).unwrap_err();
    }
    broker.join().unwrap();
}

#[test]
fn a_source_that_cannot_connect_stops_at_once() {
    let running = running(&settings(free_port(), "room", "room", "/t"));
    running.wait_for_failure();
    drop(running);
}

#[test]
fn an_address_of_ipv6_stands_in_brackets() {
    let mut settings = settings(1883, "a/#", "a", "/t");
    settings.host = "::1".into();
    assert_eq!(source_of(&settings), "mqtt:[::1]:1883/a/#");
    assert_ne!(made_up_id(), made_up_id());
}
