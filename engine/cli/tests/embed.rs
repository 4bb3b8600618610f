//! The example of an embedding program does what its documentation says.

#[allow(dead_code)] // its main is not called
#[path = "../examples/embed.rs"]
mod embed;

#[tokio::test]
async fn the_example_runs_its_query() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows: Vec<String> = embed::sizes(folder.path()).await.unwrap().lines().map(str::to_owned).collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            r#"{"at":"2026-03-01T08:00:00","room":"hall","size":8.0}"#,
            r#"{"at":"2026-03-01T08:00:00","room":"kitchen","size":9.0}"#,
            r#"{"at":"2026-03-01T08:00:10","room":"hall","size":25.0}"#,
        ]
    );
}
