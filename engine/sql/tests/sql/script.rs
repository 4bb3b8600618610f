//! What a script says beside its dataflow.

use std::time::Duration;

use headwater_plan::{ByteSize, NodeKind, Partitioning, Phase};
use headwater_sql::{OutputKind, PlanSettings, TableKind, plan};

use crate::fake::Fake;

const ONE: PlanSettings = PlanSettings { parallelism: 1 };

#[test]
fn tables_are_told_with_their_options_and_columns() {
    let text =
        "CREATE TABLE a (x INT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 'a', partitions = 3);
        CREATE TABLE b WITH (connector = 'print');
        CREATE TABLE m (x INT);
        CREATE VIEW v AS SELECT x FROM a;
        CREATE MATERIALIZED VIEW w WITH (retention = interval '1 hour') AS SELECT x + 1 AS y FROM v;
        INSERT INTO b SELECT x AS z FROM v;";
    let script = plan(text, &Fake, &ONE).unwrap();
    let told: Vec<_> = script.tables.iter().map(|table| (table.name.as_str(), table.kind)).collect();
    let expected = [
        ("a", TableKind::Both),
        ("b", TableKind::Sink),
        ("m", TableKind::Memory),
        ("v", TableKind::View),
        ("w", TableKind::MaterializedView),
    ];
    assert_eq!(told, expected);
    let options = [("topic".to_owned(), "a".to_owned()), ("partitions".to_owned(), "3".to_owned())];
    assert_eq!(script.tables[0].options, options);
    assert_eq!(script.tables[0].connector.as_deref(), Some("log"));
    assert_eq!(script.tables[1].columns.field(0).name(), "z", "a sink has the columns of its query");
    let outputs: Vec<_> = script.outputs.iter().map(|output| (output.statement, output.kind)).collect();
    assert_eq!(outputs, [(4, OutputKind::MaterializedView), (5, OutputKind::Insert)]);
}

#[test]
fn a_file_without_output_has_no_graph() {
    let script =
        plan("CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a'); SHOW TABLES;", &Fake, &ONE).unwrap();
    assert!(script.graph.is_none());
    assert_eq!(script.answers.len(), 1);
    assert!(plan("-- nothing\n;", &Fake, &ONE).unwrap().graph.is_none());
}

#[test]
fn settings_hold_for_the_whole_file() {
    let text = "CREATE TABLE c WITH (connector = 'clock');
        SELECT count(*) FROM c GROUP BY tumble(interval '1 second'), counter;
        SET parallelism = 3; SET flush_interval = interval '200 milliseconds';";
    let script = plan(text, &Fake, &ONE).unwrap();
    assert_eq!(script.settings.parallelism, Some(3));
    assert_eq!(script.settings.flush_interval, Some(Duration::from_millis(200)));
    let graph = script.graph.unwrap();
    assert!(graph.edges.iter().any(|edge| edge.partitioning == Partitioning::Hash(vec![0])));
}

#[test]
fn a_file_says_how_much_memory_its_state_may_take() {
    let text = |setting| {
        format!(
            "CREATE TABLE c WITH (connector = 'clock');
             SET state_memory_max = {setting};
             SELECT count(*) FROM c GROUP BY tumble(interval '1 second'), counter;"
        )
    };
    let set = |setting| plan(&text(setting), &Fake, &ONE).unwrap().settings.state_memory_max;
    assert_eq!((set("'512MiB'"), set("4096")), (Some(ByteSize(512 << 20)), Some(ByteSize(4096))));
    let error = plan(&text("'plenty'"), &Fake, &ONE).unwrap_err();
    assert_eq!(error.message, "setting 'state_memory_max' is a size, not 'plenty'");
}

#[test]
fn both_phases_of_an_aggregate_fit_together() {
    let text = "CREATE TABLE c WITH (connector = 'camera');
        SELECT camera_id, session(interval '5 seconds') AS w, avg(persons_detected), count(*) FROM c GROUP BY 1, 2;";
    let graph = plan(text, &Fake, &PlanSettings { parallelism: 4 }).unwrap().graph.unwrap();
    let phases: Vec<_> = graph
        .nodes
        .iter()
        .filter_map(|node| match &node.kind {
            NodeKind::WindowAggregate(aggregate) => Some((aggregate, node)),
            _ => None,
        })
        .collect();
    let [(partial, partial_node), (last, last_node)] = phases.as_slice() else { panic!("{}", graph.explain()) };
    assert_eq!((partial.phase, last.phase), (Phase::Partial, Phase::Final));
    let names: Vec<_> = partial_node.schema.full().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(
        (names.first().map(String::as_str), names.len()),
        (Some("camera_id"), 6),
        "key, avg's two, count's one, last, time"
    );
    assert_eq!(names[4], "_session_last");
    assert_eq!(last.window_index, Some(1));
    assert_eq!(*last_node.schema.full().field(1).data_type(), headwater_plan::window::window_type());
}

#[test]
fn an_idle_partition_waits_thirty_seconds_or_as_long_as_the_table_says() {
    let idle_after = |option: &str| {
        let text = format!("CREATE TABLE t (a INT) WITH (connector = 'log', topic = 't'{option}); SELECT * FROM t;");
        let graph = plan(&text, &Fake, &ONE).unwrap().graph.unwrap();
        match &graph.nodes[0].kind {
            NodeKind::Source(source) => source.idle_after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(idle_after(""), Some(Duration::from_secs(30)));
    assert_eq!(idle_after(", idle_micros = 1500"), Some(Duration::from_micros(1500)));
    assert_eq!(idle_after(", idle_micros = -1"), None);
}

#[test]
fn what_a_table_says_of_its_time_reaches_its_source() {
    let source = |options: &str| {
        let text = format!(
            "CREATE TABLE a (x INT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 'a'{options});
            SELECT x FROM a;"
        );
        let script = plan(&text, &Fake, &ONE).unwrap_or_else(|error| panic!("{}", error.render("a.sql", &text)));
        let graph = script.graph.unwrap();
        let found = graph.nodes.into_iter().find_map(|node| match node.kind {
            NodeKind::Source(source) => Some((source.idle_after, source.max_drift, source.watermark_step)),
            _ => None,
        });
        found.unwrap()
    };
    let seconds = Duration::from_secs;
    assert_eq!(source(""), (Some(seconds(30)), None, seconds(1)));
    assert_eq!(source(", idle_micros = 5000000"), (Some(seconds(5)), None, seconds(1)));
    assert_eq!(source(", idle_micros = -1"), (None, None, seconds(1)));
    let options = ", 'watermark.step' = interval '2 seconds', 'watermark.max_drift' = interval '1 minute'";
    assert_eq!(source(options), (Some(seconds(30)), Some(seconds(60)), seconds(2)));
}
