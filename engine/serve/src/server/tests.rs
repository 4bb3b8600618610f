//! The whole server over real ports, with real jobs, over a feed in memory in place of Kafka.

mod feed;
mod http;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use headwater_plan::ByteSize;
use headwater_proto::v1::query_service_client::QueryServiceClient;
use headwater_proto::v1::subscribe_response::Event;
use headwater_proto::v1::{
    Format, GetQueryRequest, GetQueryResponse, ListDevicesRequest, ListQueriesRequest, OperatorState, QueryPhase,
    QueryRequest, SubscribeRequest,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;

use super::{Server, ServerSettings};
use crate::error::ServeError;
use feed::Feed;
use http::request;

const PEOPLE: &str = "
    CREATE TABLE frames WITH (connector = 'edge');
    CREATE TABLE people (device_id TEXT, people BIGINT, from_time TIMESTAMP) WITH (
        connector = 'filesystem', type = 'sink', path = 'tables/people', format = 'parquet',
        partition_fields = [device_id]
    );
    CREATE MATERIALIZED VIEW people_10s AS
    SELECT device_id, people, window.start AS from_time FROM (
        SELECT device_id, tumble(interval '10 seconds') AS window, CAST(sum(persons_detected) AS BIGINT) AS people
        FROM frames GROUP BY device_id, window
    );
    INSERT INTO people SELECT device_id, people, from_time FROM people_10s;
";

struct Running {
    server: Server,
    feed: Feed,
    shutdown: CancellationToken,
}

fn settings(folder: &Path) -> ServerSettings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    ServerSettings {
        grpc_listen: any,
        http_listen: any,
        queries_dir: folder.join("queries"),
        data_dir: folder.join("data"),
        parallelism: 2,
        checkpoint_interval: Duration::from_millis(200),
        query_memory_bytes: 64 << 20,
        state_memory_max: ByteSize(1 << 30),
    }
}

fn write_queries(folder: &Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(folder.join("queries")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join("queries").join(name), text).unwrap();
    }
}

async fn try_start(settings: ServerSettings) -> Result<Running, ServeError> {
    let feed = Feed::new(&settings.data_dir);
    let shutdown = CancellationToken::new();
    let injector = Arc::new(feed.clone());
    let server = Server::start(settings, Arc::new(feed.clone()), injector, shutdown.clone()).await?;
    Ok(Running { server, feed, shutdown })
}

async fn start(folder: &Path) -> Running {
    let running = try_start(settings(folder)).await.unwrap();
    running.until(|status| status["ready"] == json!(true)).await;
    running
}

impl Running {
    fn http(&self) -> SocketAddr {
        self.server.http_address()
    }

    async fn client(&self) -> QueryServiceClient<Channel> {
        QueryServiceClient::connect(format!("http://{}", self.server.grpc_address())).await.unwrap()
    }

    /// Asks for the status, as the page does, until it is as wanted.
    async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        for _ in 0..600 {
            status = request(self.http(), "GET", "/api/status", None).await.json();
            if wanted(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never as wanted: {status:#}");
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(30), self.server.ended()).await.unwrap().unwrap();
    }
}

async fn sql(client: &mut QueryServiceClient<Channel>, sql: &str) -> Vec<Value> {
    let request = QueryRequest { sql: sql.into(), format: Format::Json.into() };
    let mut answers = client.query(request).await.unwrap().into_inner();
    let mut rows = Vec::new();
    while let Some(answer) = answers.next().await {
        rows.extend(answer.unwrap().rows.into_iter().map(|row| {
            let field = |(name, value): (String, prost_types::Value)| (name, plain(value));
            Value::Object(row.fields.into_iter().map(field).collect())
        }));
    }
    rows
}

fn plain(value: prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match value.kind.unwrap() {
        Kind::NullValue(_) => Value::Null,
        Kind::NumberValue(number) => json!(number),
        Kind::StringValue(text) => json!(text),
        Kind::BoolValue(value) => json!(value),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn from_frames_to_every_way_out_and_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path(), &[("people.sql", PEOPLE), (".hidden.sql", "nonsense"), ("notes.txt", "nonsense")]);
    let running = start(folder.path()).await;
    let mut client = running.client().await;
    let follow = SubscribeRequest { view: "people_10s".into(), format: Format::Json.into() };
    let mut changes = client.subscribe(follow).await.unwrap().into_inner();
    let Some(Event::Snapshot(snapshot)) = changes.next().await.unwrap().unwrap().event else { panic!("no snapshot") };
    assert_eq!((snapshot.columns.len(), snapshot.rows.len()), (3, 0));

    // Ten seconds of frames of two devices, and one more second to close the window.
    for second in 0..13 {
        running.feed.frame("edge-01", "c0", second * 1000, 3);
        running.feed.frame("edge-02", "c0", second * 1000, 1);
    }
    let mut rows = Vec::new();
    while rows.len() < 2 {
        if let Some(Event::Changes(changes)) = changes.next().await.unwrap().unwrap().event {
            rows.extend(changes.rows);
        }
    }
    let view = "SELECT device_id, people, from_time FROM people_10s ORDER BY device_id";
    let expected = vec![
        json!({"device_id": "edge-01", "people": 30.0, "from_time": "1970-01-01T00:00:00"}),
        json!({"device_id": "edge-02", "people": 10.0, "from_time": "1970-01-01T00:00:00"}),
    ];
    assert_eq!(sql(&mut client, view).await, expected);
    running.stop().await;
    let end = loop {
        match changes.next().await.unwrap() {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable);

    let running = start(folder.path()).await;
    let mut client = running.client().await;
    assert_eq!(sql(&mut client, view).await, expected, "the view came back from the checkpoint");
    let files = "SELECT device_id, people, from_time FROM people ORDER BY device_id";
    assert_eq!(sql(&mut client, files).await, expected, "the drained job committed its files");
    // The open window goes on where it was: 3 frames before the restart, 7 after it.
    for second in 13..23 {
        running.feed.frame("edge-01", "c0", second * 1000, 3);
        running.feed.frame("edge-02", "c0", second * 1000, 1);
    }
    let both = "SELECT sum(people) AS people, count(*) AS n FROM people_10s";
    let mut totals = Vec::new();
    for _ in 0..600 {
        totals = sql(&mut client, both).await;
        if totals[0]["n"] == json!(4.0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(totals, [json!({"people": 80.0, "n": 4.0})]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_unary_methods_say_what_runs_and_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path(), &[("people.sql", PEOPLE)]);
    let running = start(folder.path()).await;
    running.feed.heartbeat("edge-01", 5_000);
    running.feed.frame("edge-01", "c0", 4_000, 3);
    running.feed.frame("edge-09", "c1", 4_500, 2);
    running.until(|status| status["cameras"].as_array().unwrap().len() == 2).await;
    let mut client = running.client().await;

    let queries = client.list_queries(ListQueriesRequest {}).await.unwrap().into_inner().queries;
    let names: Vec<_> = queries.iter().map(|query| (query.name.as_str(), query.phase())).collect();
    assert_eq!(names, [("system", QueryPhase::Running), ("people", QueryPhase::Running)]);

    // The windows are kept by the second of two phases, which the first one's rows reach with a watermark or a barrier.
    let final_state = |details: &GetQueryResponse| {
        let of_final = |operator: &&OperatorState| operator.description.starts_with("final aggregate");
        details.operators.iter().find(of_final).map_or(0, |operator| operator.state_bytes)
    };
    let mut details = GetQueryResponse::default();
    for _ in 0..600 {
        details = client.get_query(GetQueryRequest { name: "people".into() }).await.unwrap().into_inner();
        if details.sources[0].rows == 2 && final_state(&details) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(details.graph.contains("sink people_10s"), "{}", details.graph);
    assert_eq!(details.sources[0].rows, 2);
    assert!(final_state(&details) > 0, "{:?}", details.operators);
    assert!(details.summary.unwrap().watermark_lag.unwrap().seconds > 1_000_000_000);
    let unknown = client.get_query(GetQueryRequest { name: "peple".into() }).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "there is no query peple; did you mean people?"));

    let mut devices = Vec::new();
    while devices.len() < 2 || devices.iter().all(|d: &headwater_proto::v1::Device| d.last_heartbeat.is_none()) {
        devices = client.list_devices(ListDevicesRequest {}).await.unwrap().into_inner().devices;
    }
    assert_eq!(devices[0].device_id, "edge-01");
    assert_eq!((devices[0].version.as_str(), devices[0].sent_rows), ("0.1.0", 7));
    assert_eq!(devices[0].last_heartbeat.unwrap().seconds, 5);
    assert_eq!((devices[0].config_hash.as_str(), devices[0].dropped_messages), ("ab12", 1));
    assert_eq!(devices[0].last_command.as_ref().unwrap().reason, "camera c9 is not known");
    assert_eq!((devices[0].cameras[0].camera_id.as_str(), devices[0].cameras[0].persons_detected), ("c0", 3));
    let away = &devices[0].cameras[1];
    assert_eq!((away.camera_id.as_str(), away.state.as_str(), away.last_frame), ("c1", "waiting", None));
    assert_eq!((devices[1].device_id.as_str(), devices[1].last_heartbeat), ("edge-09", None));

    let refused = client.query(QueryRequest { sql: "DROP TABLE people".into(), format: 0 }).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let missing = SubscribeRequest { view: "people".into(), format: 0 };
    assert_eq!(client.subscribe(missing).await.unwrap_err().code(), Code::NotFound);

    let request = QueryRequest { sql: "SELECT 1 AS n WHERE false".into(), format: Format::Arrow.into() };
    let answers: Vec<_> = client.query(request).await.unwrap().into_inner().collect().await;
    let first = answers[0].as_ref().unwrap();
    assert_eq!((first.columns[0].name.as_str(), first.columns[0].r#type.as_str()), ("n", "Int64"));
    assert!(headwater_proto::batch::decode_stream(&first.arrow_ipc).is_ok());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reflection_speaks_both_versions_and_health_serves() {
    use tonic_reflection::pb::{v1, v1alpha};
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path(), &[]);
    let running = start(folder.path()).await;
    let channel =
        Channel::from_shared(format!("http://{}", running.server.grpc_address())).unwrap().connect().await.unwrap();

    let symbol = "headwater.v1.QueryService".to_owned();
    let ask = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.clone())),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_)), "{answer:?}");

    let ask = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol)),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut answers = client.server_reflection_info(futures::stream::iter([ask])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)));

    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let ask = tonic_health::pb::HealthCheckRequest { service: "headwater.v1.QueryService".into() };
    assert_eq!(health.check(ask).await.unwrap().into_inner().status, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rest_answers_in_json_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path(), &[("people.sql", PEOPLE)]);
    let running = start(folder.path()).await;
    let at = running.http();
    assert_eq!(request(at, "GET", "/data", None).await.json(), json!([]));

    let frame =
        json!({"device_id": "desk", "persons_detected": 2, "timestamp": "1970-01-01T00:00:05", "camera_id": "c0"});
    let answer = request(at, "POST", "/data", Some(&frame.to_string())).await;
    assert_eq!((answer.status, answer.json()["timestamp"].clone()), (202, json!("1970-01-01T00:00:05.000")));
    running.until(|status| status["cameras"].as_array().unwrap().len() == 1).await;
    let data = request(at, "GET", "/data", None).await.json();
    assert_eq!((&data[0]["device_id"], &data[0]["persons_detected"]), (&json!("desk"), &json!(2)));
    assert_eq!(data[0]["timestamp"], json!("1970-01-01T00:00:05.000"));

    for (method, path, body, status) in [
        ("POST", "/data", Some("{"), 400),
        ("POST", "/data", Some("[]"), 422),
        ("POST", "/data", Some(r#"{"device_id": "a"}"#), 422),
        ("POST", "/data", Some(r#"{"device_id": "a", "persons_detected": 1, "timestamp": "soon"}"#), 422),
        ("DELETE", "/data", None, 405),
        ("GET", "/nothing", None, 404),
        ("GET", "/page/../../etc/passwd", None, 404),
        ("GET", "/page/nothing.js", None, 404),
        ("GET", "/api/people?minutes=many", None, 400),
    ] {
        let answer = request(at, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert!(answer.json()["error"].is_string(), "{method} {path}: {}", answer.body);
    }
    let large = format!(r#"{{"device_id": "{}", "persons_detected": 1}}"#, "x".repeat(100_000));
    assert_eq!(request(at, "POST", "/data", Some(&large)).await.status, 413);

    assert_eq!(request(at, "GET", "/healthz", None).await.status, 200);
    assert_eq!(request(at, "GET", "/readyz", None).await.json(), json!({"ready": true, "waiting_for": {}}));
    for path in ["/", "/page/page.css", "/page/page.js", "/page/chart.js", "/page/uPlot.iife.min.js", "/page/icon.svg"]
    {
        assert_eq!(request(at, "GET", path, None).await.status, 200, "{path}");
    }
    let people = request(at, "GET", "/api/people?minutes=10", None).await.json();
    assert_eq!((&people["step"], &people["cameras"]), (&json!(1), &json!([])), "the frame is from 1970");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_metrics_say_what_the_jobs_counted() {
    let folder = tempfile::tempdir().unwrap();
    write_queries(folder.path(), &[("people.sql", PEOPLE)]);
    let running = start(folder.path()).await;
    for second in 0..13 {
        running.feed.frame("edge-01", "c0", second * 1000, 3);
    }
    running
        .until(|status| {
            status["queries"][1]["sinks"][0]["rows"] == json!(1) && status["queries"][1]["epoch"] != Value::Null
        })
        .await;
    let metrics = request(running.http(), "GET", "/metrics", None).await.body;
    for line in [
        r#"headwater_source_rows_total{query="people",source="frames"} 13"#,
        r#"headwater_sink_rows_total{query="people",sink="people"} 1"#,
        r#"headwater_late_rows_total{query="people",source="frames"} 0"#,
        r#"headwater_restarts_total{query="people"} 0"#,
        r#"headwater_people_in_view{device="edge-01",camera="c0"} 3.0"#,
        r#"headwater_build_info{version="0.1.0"} 1"#,
        r#"headwater_watermark_seconds{query="people"} 11.0"#,
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} is not in\n{metrics}");
    }
    for name in ["watermark_lag_seconds", "checkpoint_epoch", "checkpoint_duration_seconds", "state_bytes"] {
        let start = format!("headwater_{name}{{query=\"people\"}} ");
        assert!(metrics.lines().any(|line| line.starts_with(&start)), "{start} is not in\n{metrics}");
    }
    for name in ["operator_state_bytes", "operator_spilled_bytes"] {
        let start = format!("headwater_{name}{{query=\"people\",");
        // Two instances share the work, so the window is aggregated in two phases.
        for operator in ["operator=\"partial aggregate\"}", "operator=\"final aggregate\"}"] {
            let lines = metrics.lines().filter(|line| line.starts_with(&start) && line.contains(operator));
            assert_eq!(lines.count(), 1, "{name} of {operator} is not in\n{metrics}");
        }
    }
    assert!(metrics.ends_with("# EOF\n"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_cannot_work_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = |result: Result<Running, ServeError>| result.err().unwrap().to_string();
    let missing = error(try_start(settings(folder.path())).await);
    assert!(missing.starts_with("could not read the folder of queries"), "{missing}");

    write_queries(folder.path(), &[("a.sql", PEOPLE), ("broken.sql", "CREATE TABLE t WITH (connector = 'edgy');\n")]);
    let broken = error(try_start(settings(folder.path())).await);
    assert!(broken.contains("there is no connector 'edgy'") && broken.contains("broken.sql:1:"), "{broken}");

    write_queries(folder.path(), &[("broken.sql", PEOPLE)]);
    let twice = error(try_start(settings(folder.path())).await);
    assert!(twice.starts_with("materialized view people_10s is declared in ") && twice.contains("a.sql"), "{twice}");

    std::fs::rename(folder.path().join("queries/broken.sql"), folder.path().join("queries/system.sql")).unwrap();
    let system = error(try_start(settings(folder.path())).await);
    assert!(system.starts_with("query system is declared in the server's own queries"), "{system}");
    std::fs::remove_file(folder.path().join("queries/system.sql")).unwrap();

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = error(try_start(ServerSettings { http_listen: address, ..settings(folder.path()) }).await);
    let expected = format!("could not listen on {address} for REST: choose another address with --http-listen");
    assert_eq!(port, expected);
    assert!(!folder.path().join("data").exists(), "a job began");
}
