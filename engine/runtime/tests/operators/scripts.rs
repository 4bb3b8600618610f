//! Scripts with their printouts: a file of `scripts/` is a printout whose lines after `> ` are its script.
//!
//! `BLESS=1` writes the printouts anew, to be read before they are committed.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Operator as Op;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
use headwater_core::script::ScriptDriver;
use headwater_core::{Operator, StreamSchema};
use headwater_plan::{Graph, MapNode, NodeKind, Phase, Window};
use headwater_runtime::operators::{Storage, build};

use crate::oracle;
use crate::plan::{Planned, window_functions};

fn input() -> StreamSchema {
    StreamSchema::append_only(&Schema::new(vec![
        Field::new("k", DataType::Utf8, true),
        Field::new("v", DataType::Int64, true),
    ]))
}

fn play(name: &str, make: impl Fn() -> Box<dyn Operator>) {
    let path = format!("{}/tests/operators/scripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let (heading, printout) = expected.split_once("\n\n").unwrap();
    let script: Vec<&str> = printout.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert!(!script.is_empty(), "{path} has no script");
    let driver = ScriptDriver::new(vec![input().full().clone()], make).run(&script.join("\n"));
    let found = format!("{heading}\n\n{}", driver.unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, expected, "{path}");
}

async fn aggregate(name: &str, window: Window, phase: Phase) {
    let context = oracle::context("t", &[RecordBatch::new_empty(input().full().clone())]);
    let planned = Planned::new(&context, window, "k", "count(*), sum(v) FILTER (WHERE v > 0)").await;
    play(name, || planned.operator(phase));
}

#[tokio::test]
async fn a_tumbling_window() {
    aggregate("tumble", Window::tumble(Duration::from_secs(10)), Phase::Single).await;
}

#[tokio::test]
async fn a_hop_whose_width_is_no_multiple_of_its_slide() {
    aggregate("hop", Window::hop(Duration::from_secs(10), Duration::from_secs(15)), Phase::Single).await;
}

#[tokio::test]
async fn a_window_that_grows() {
    aggregate("cumulate", Window::cumulate(Duration::from_secs(10), Duration::from_secs(30)), Phase::Single).await;
}

#[tokio::test]
async fn the_partial_half() {
    aggregate("partial", Window::tumble(Duration::from_secs(10)), Phase::Partial).await;
}

#[tokio::test]
async fn event_times_that_are_garbage() {
    aggregate("garbage", Window::hop(Duration::from_secs(10), Duration::from_secs(20)), Phase::Single).await;
}

#[tokio::test]
async fn a_session() {
    aggregate("session", Window::Session { gap: Duration::from_secs(10) }, Phase::Single).await;
}

#[tokio::test]
async fn the_two_best_of_a_window() {
    let context = oracle::context("w", &[RecordBatch::new_empty(input().full().clone())]);
    let functions = "row_number() OVER (ORDER BY v DESC), sum(v) OVER (ORDER BY v DESC)";
    let make = window_functions(&context, &input(), functions, vec![0]).await;
    play("window_function", make);
}

#[test]
fn a_map() {
    let schema = StreamSchema::append_only(&Schema::new(vec![Field::new("double", DataType::Int64, true)]));
    let v = || Arc::new(Column::new("v", 1));
    let node = MapNode {
        predicate: Some(Arc::new(BinaryExpr::new(v(), Op::Gt, lit(1i64)))),
        columns: vec![Arc::new(BinaryExpr::new(v(), Op::Multiply, lit(2i64)))],
    };
    let mut graph = Graph::default();
    let id = graph.add(NodeKind::Map(node), schema, true);
    play("map", || build(&graph, id, &Storage::new(true)).unwrap());
}
