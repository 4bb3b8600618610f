//! The law of the dialect, over the whole engine: a continuous query over a finite input gives, once the input has
//! ended, the rows that the same query gives as a batch query. Every folder of `tests/queries` is a test of its own
//! feature, or of a mistake that was found once; the oracle runs it in every way that it knows.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_oracle::{CheckSettings, Failure, Test, find_tests};
use headwater_plan::Connectors;
use headwater_sql::{PlanSettings, Script};

fn connectors(base_dir: PathBuf) -> Arc<dyn Connectors> {
    let bootstrap_servers = Some("localhost:9092".to_owned());
    Arc::new(ConnectorSet::new(ConnectorSettings { base_dir, bootstrap_servers, log_id: None }))
}

/// Checks every test below a folder of the repository; gives their names.
fn check_all(folder: &str, rounds: usize) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let tests = find_tests(&[folder]).unwrap();
    let mut wrong = Vec::new();
    for test in &tests {
        if let Err(failure) = check(test, rounds) {
            wrong.push(format!("{}: {}", test.name, shown(test, &failure)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} tests failed\n{}", wrong.len(), tests.len(), wrong.join("\n\n"));
    tests.into_iter().map(|test| test.name).collect()
}

fn check(test: &Test, rounds: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = CheckSettings { seed: 1, rounds };
    let agreement = runtime.block_on(test.check(&test.sql()?, connectors(test.folder().to_owned()), &settings))?;
    assert!(agreement.rows() > 0, "{} has no rows, and so says nothing", test.name);
    Ok(())
}

fn shown(test: &Test, failure: &Failure) -> String {
    match failure {
        Failure::Refused(diagnostic) => diagnostic.render(&test.file.display().to_string(), &test.sql().unwrap()),
        Failure::Differs { difference, .. } => format!("{failure}\n{difference}"),
        other => other.to_string(),
    }
}

#[test]
fn kept_tests_agree_with_batch() {
    let names = check_all("tests/queries", 3);
    for feature in ["tumble", "hop", "session", "top_n"] {
        assert!(names.iter().any(|name| name == feature), "there is no test of {feature}");
    }
}

/// Every query of the Nexmark benchmark that SQL can say.
#[test]
fn nexmark_agrees_with_batch() {
    let names = check_all("queries/nexmark", 1);
    assert_eq!(names.len(), 23);
}

/// Plans a file, or fails with its message.
fn plan(text: &str, path: &Path) -> Script {
    // Materialized views are the server's; here they only have to be planned.
    let text = text.replace("CREATE MATERIALIZED VIEW", "CREATE VIEW");
    let text = ["1 hour", "10 minutes"]
        .iter()
        .fold(text, |text, retention| text.replace(&format!(" WITH (retention = interval '{retention}') AS"), " AS"));
    match headwater_sql::plan(&text, connectors(".".into()).as_ref(), &PlanSettings { parallelism: 2 }) {
        Ok(script) => script,
        Err(diagnostic) => panic!("{}", diagnostic.render(&path.display().to_string(), &text)),
    }
}

/// The examples of the documentation: each stands alone, or reads the tables that one of them declares for the others.
#[test]
fn documented_queries_can_be_planned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let blocks: Vec<&str> =
        text.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(blocks.len() >= 14, "{} examples", blocks.len());
    let tables = blocks.iter().find(|block| block.contains("CREATE TABLE rates")).unwrap();
    for block in &blocks {
        let alone =
            block.contains("CREATE TABLE edge_frames") || block.contains("CREATE TABLE readings") || block == tables;
        let file = if alone { (*block).to_owned() } else { format!("{tables}{block}") };
        let script = plan(&file, &path);
        let says = block.contains("SELECT");
        assert_eq!(script.graph.is_some() || !script.answers.is_empty(), says, "it runs nothing:\n{block}");
    }
}

/// Every bundled query file can be planned as it stands.
#[test]
fn bundled_queries_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../queries");
    let mut planned = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            plan(&std::fs::read_to_string(&path).unwrap(), &path);
            planned += 1;
        }
    }
    assert!(planned >= 5);
}
