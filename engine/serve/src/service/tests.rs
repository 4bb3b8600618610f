//! SQL over history and now: what is seen, what is refused, and what an error says.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use headwater_core::sink::{SinkContext, SinkFactoryRef};
use headwater_core::{StreamSchema, Watermark};
use headwater_plan::{ConnectorTable, Connectors, OptionValue, Options, TableDeclaration, TableError};
use headwater_sql::Functions;
use parquet::arrow::ArrowWriter;

use super::{QueryService, ServiceSettings};
use crate::catalog::{HistoryFormat, HistoryTable};
use crate::error::{QueryError, chain};
use crate::views::{MATERIALIZED_VIEW, ViewConnectors, ViewRegistry};

#[derive(Debug)]
struct NoConnectors;

impl Connectors for NoConnectors {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn table(&self, declaration: TableDeclaration) -> Result<ConnectorTable, TableError> {
        Err(TableError::new(format!("unknown connector '{}'", declaration.connector)))
    }
}

fn service() -> QueryService {
    QueryService::new(ServiceSettings::default(), ViewRegistry::new()).unwrap()
}

/// The sink of a view, by the way that the planner goes.
fn view_sink(service: &QueryService, name: &str, schema: &StreamSchema, eager: bool) -> SinkFactoryRef {
    let connectors = ViewConnectors { inner: Arc::new(NoConnectors), views: service.catalog().views().clone() };
    let declaration = TableDeclaration {
        name: name.into(),
        connector: MATERIALIZED_VIEW.into(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        options: Options::new([("eager".to_owned(), OptionValue::Boolean(eager))]),
    };
    connectors.table(declaration).unwrap().sink.unwrap().bind(schema).unwrap()
}

async fn json(service: &QueryService, sql: &str) -> serde_json::Value {
    serde_json::to_value(service.query_json(sql).await.unwrap()).unwrap()
}

async fn error(service: &QueryService, sql: &str) -> QueryError {
    match service.query(sql).await {
        Ok(_) => panic!("{sql} was not refused"),
        Err(error) => error,
    }
}

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("camera", DataType::Utf8, false),
        Field::new("people", DataType::Int64, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Nanosecond, None), true),
    ]))
}

/// A file of two of the columns: the camera is in the folder.
fn write_parquet(path: &Path, people: &[i64]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from(people.to_vec()));
    let at: ArrayRef = Arc::new(TimestampNanosecondArray::from_iter_values(people.iter().map(|n| n * 1_000_000_000)));
    let batch = RecordBatch::try_from_iter(vec![("people", values), ("at", at)]).unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn people_table(service: &QueryService, path: &Path) {
    let table = HistoryTable { path: path.to_owned(), format: HistoryFormat::Parquet, columns: columns() };
    service.catalog().add_history("people", table);
}

#[tokio::test]
async fn a_table_is_empty_until_it_has_a_file_and_then_sees_each_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let service = service();
    people_table(&service, &folder.path().join("people"));
    let total = "SELECT count(*) AS n, sum(people) AS people FROM people";
    assert_eq!(json(&service, total).await, serde_json::json!([{"n": 0, "people": null}]));
    assert_eq!(json(&service, "SELECT camera, at FROM people").await, serde_json::json!([]));

    write_parquet(&folder.path().join("people/camera=north/day=1/a.parquet"), &[1, 2]);
    assert_eq!(json(&service, total).await, serde_json::json!([{"n": 2, "people": 3}]));
    write_parquet(&folder.path().join("people/camera=south%20gate/day=1/b.parquet"), &[4]);
    assert_eq!(json(&service, total).await, serde_json::json!([{"n": 3, "people": 7}]));
    let expected = serde_json::json!([
        {"camera": "north", "people": 2, "at": "1970-01-01T00:00:02", "day": 1},
        {"camera": "south gate", "people": 4, "at": "1970-01-01T00:00:04", "day": 1},
    ]);
    assert_eq!(json(&service, "SELECT * FROM people WHERE people > 1 ORDER BY people").await, expected);
}

#[tokio::test]
async fn the_columns_stand_in_their_declared_order() {
    let folder = tempfile::tempdir().unwrap();
    let service = service();
    people_table(&service, folder.path());
    write_parquet(&folder.path().join("camera=north/a.parquet"), &[1]);
    let rows = service.query("SELECT * FROM people").await.unwrap();
    assert_eq!(rows.schema().fields(), columns().fields());
}

#[tokio::test]
async fn a_view_is_its_rows_now_and_a_query_sees_one_moment() {
    let service = service();
    let schema = StreamSchema::append_only(&Schema::new(vec![Field::new("camera", DataType::Utf8, false)]));
    let context = SinkContext { job: "j".into(), node: 0, subtask: 0, parallelism: 1 };
    let mut sink = view_sink(&service, "live", &schema, false).open(context).await.unwrap();
    let rows = |cameras: &[&str]| {
        let camera: ArrayRef = Arc::new(StringArray::from(cameras.to_vec()));
        schema.batch(vec![camera], Arc::new(TimestampNanosecondArray::from(vec![1; cameras.len()]))).unwrap()
    };
    assert_eq!(json(&service, "SELECT * FROM live").await, serde_json::json!([]));
    sink.write(rows(&["north"])).await.unwrap();
    sink.on_watermark(Watermark::END).await.unwrap();
    let both = "SELECT (SELECT count(*) FROM live) AS a, (SELECT count(*) FROM live) AS b";
    let open = service.query(both).await.unwrap();
    sink.write(rows(&["south"])).await.unwrap();
    sink.on_watermark(Watermark::END).await.unwrap();
    let batches: Vec<_> = futures::TryStreamExt::try_collect(open).await.unwrap();
    let seen: Vec<_> = batches.iter().flat_map(|batch: &RecordBatch| crate::rows::json_rows(batch).unwrap()).collect();
    assert_eq!(serde_json::to_value(seen).unwrap(), serde_json::json!([{"a": 1, "b": 1}]));
    assert_eq!(json(&service, both).await, serde_json::json!([{"a": 2, "b": 2}]));
    assert_eq!(json(&service, "SHOW TABLES").await[0]["table_name"], "live");
    assert_eq!(json(&service, "DESCRIBE live").await[0]["column_name"], "camera");
    assert!(!json(&service, "EXPLAIN SELECT * FROM live").await.as_array().unwrap().is_empty());
}

#[tokio::test]
async fn json_is_looked_into_as_in_query_files() {
    let sql = r#"
        SELECT doc ->> 'a' AS a, doc -> 'a' AS json, doc ? 'n' AS has, CAST(doc -> 'n' AS BIGINT) + 1 AS n,
            json_get_str(doc, 'a') AS called, extract_json_string(doc, '$.a') AS found
        FROM (VALUES ('{"a": "x", "n": 2}'), ('{"a": "y"}')) AS docs (doc)
        WHERE doc ->> 'a' = 'x' AND doc ? 'a'
    "#;
    let expected = [serde_json::json!({"a": "x", "json": "\"x\"", "has": true, "n": 3, "called": "x", "found": "x"})];
    assert_eq!(json(&service(), sql).await, serde_json::json!(expected));
}

#[tokio::test]
async fn functions_of_an_embedding_program_can_be_called_and_those_of_streams_cannot() {
    let mut functions = Functions::default();
    let same = |arguments: &[ColumnarValue]| Ok(arguments[0].clone());
    let long = DataType::Int64;
    functions.add_scalar(create_udf("same", vec![long.clone()], long, Volatility::Immutable, Arc::new(same))).unwrap();
    let service = service().with_functions(functions);
    assert_eq!(json(&service, "SELECT same(41) + 1 AS n").await, serde_json::json!([{"n": 42}]));
    let stream = error(&service, "SELECT tumble(interval '10 seconds')").await;
    assert!(matches!(stream, QueryError::Plan { .. }), "{stream:?}");
}

#[tokio::test]
async fn what_would_change_something_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = service();
    people_table(&service, folder.path());
    let copied = folder.path().join("copied.parquet").display().to_string();
    for sql in [
        "INSERT INTO people VALUES ('a', 1, NULL)",
        "CREATE TABLE t (a INT)",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        &format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{copied}'"),
        "DROP TABLE people",
        "DELETE FROM people",
        "UPDATE people SET people = 1",
        &format!("COPY people TO '{copied}'"),
        &format!("COPY (SELECT 1) TO '{copied}'"),
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE INSERT INTO people VALUES ('a', 1, NULL)",
        &format!("EXPLAIN COPY people TO '{copied}'"),
        "SELECT 1 AS a INTO t",
        "BEGIN",
        "PREPARE p AS SELECT 1",
    ] {
        let error = error(&service, sql).await;
        assert!(matches!(error, QueryError::ReadOnly { .. }), "{sql}: {error:?}");
        assert!(error.is_askers_mistake() && error.hint().unwrap().contains("SELECT"), "{sql}");
    }
    assert!(!Path::new(&copied).exists());
    assert_eq!(error(&service, "DROP TABLE people").await.to_string(), "DROP TABLE is refused: queries here only read");
}

#[tokio::test]
async fn no_file_can_be_read_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.parquet");
    write_parquet(&file, &[1]);
    let error = error(&service(), &format!("SELECT * FROM '{}'", file.display())).await;
    assert!(matches!(error, QueryError::Plan { .. }), "{error:?}");
}

#[tokio::test]
async fn mistakes_say_what_is_wrong_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let service = service();
    people_table(&service, folder.path());
    let unknown = error(&service, "SELECT * FROM poeple").await;
    assert_eq!(unknown.hint().as_deref(), Some("did you mean people?"));
    assert!(chain(&unknown).contains("poeple"), "{}", chain(&unknown));
    assert!(matches!(error(&service, "SELEC 1").await, QueryError::Parse { .. }));
    assert!(matches!(error(&service, "").await, QueryError::Statements { found: 0 }));
    assert!(matches!(error(&service, "SELECT 1; SELECT 2").await, QueryError::Statements { found: 2 }));
    assert!(matches!(service.subscribe("nothing"), Err(QueryError::NoView { .. })));
    assert!(matches!(service.job_report("nothing"), Err(QueryError::NoQuery { .. })));
}

#[tokio::test]
async fn without_a_job_the_server_is_not_ready() {
    assert!(!service().readiness().ready);
}
