//! Whatever is written in a file, planning it ends, and an error can be shown.

use headwater_sql::{PlanSettings, plan};
use proptest::prelude::*;

use crate::fake::Fake;
use crate::query_files;

fn plan_and_show(text: &str) {
    if let Err(error) = plan(text, &Fake, &PlanSettings { parallelism: 2 }) {
        assert!(!error.message.contains("the planner broke"), "{text}");
        let shown = error.render("fuzz.sql", text);
        assert!(shown.starts_with("error: "), "{shown}");
    }
}

/// The words and signs of all query files of these tests.
fn words() -> Vec<String> {
    let texts = query_files("plans").into_iter().chain(query_files("errors")).map(|(_, text)| text);
    let mut words: Vec<String> = Vec::new();
    for text in texts {
        let mut word = String::new();
        for c in text.chars() {
            if c.is_alphanumeric() || c == '_' {
                word.push(c);
            } else {
                words.push(std::mem::take(&mut word));
                words.push(c.to_string());
            }
        }
    }
    words.retain(|word| !word.trim().is_empty());
    words.sort();
    words.dedup();
    words
}

/// Parts of queries, whatever stands around them.
const PARTS: [&str; 14] = [
    "EMIT CHANGES",
    "EMIT CHANGES EVERY interval '1 second'",
    "EMIT ON WINDOW CLOSE",
    "FOR SYSTEM_TIME AS OF",
    "FOR SYSTEM_TIME AS OF t.at",
    "TUMBLE(TABLE t, DESCRIPTOR(at), interval '1 minute')",
    "TABLE(HOP(TABLE t, DESCRIPTOR(at), interval '1 second', interval '1 minute'))",
    "SESSION(TABLE t PARTITION BY counter, DESCRIPTOR(at), interval '1 minute')",
    "CUMULATE(DATA => TABLE t, TIMECOL => DESCRIPTOR(at), STEP => interval '1 second', SIZE => interval '1 minute')",
    "GROUP BY window_start, window_end",
    "JOIN t AS r",
    "ON t.counter = r.counter",
    "NOT IN (SELECT counter FROM t)",
    "EXCEPT ALL SELECT * FROM t",
];

/// A query file with some of its words left out, doubled, swapped or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let files: Vec<String> =
        query_files("plans").into_iter().chain(query_files("errors")).map(|(_, text)| text).collect();
    let edit = (any::<prop::sample::Index>(), 0..5u8, prop::sample::select(words()));
    (prop::sample::select(files), prop::collection::vec(edit, 1..6)).prop_map(|(text, edits)| {
        let mut parts: Vec<String> = text.split_inclusive([' ', '\n', '(', ')', ',', ';']).map(str::to_owned).collect();
        for (at, kind, word) in edits {
            let at = at.index(parts.len());
            match kind {
                0 if parts.len() > 1 => drop(parts.remove(at)),
                1 => parts.insert(at, parts[at].clone()),
                2 if at + 1 < parts.len() => parts.swap(at, at + 1),
                3 => parts[at] = format!("{word} "),
                _ => parts.insert(at, format!("{word} ")),
            }
        }
        parts.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_end(text in mutated()) {
        plan_and_show(&text);
    }

    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        plan_and_show(&text);
    }

    #[test]
    fn any_query_of_parts_ends(parts in prop::collection::vec(prop::sample::select(PARTS.to_vec()), 1..8)) {
        let query = parts.join(" ");
        let table = "CREATE TABLE t WITH (connector = 'clock');";
        plan_and_show(&format!("{table} SELECT * FROM t {query};"));
        plan_and_show(&format!("{table} SELECT window_start, window_end, count(*) AS n FROM {query};"));
        plan_and_show(&format!("{table} EXPLAIN (FORMAT mermaid) SELECT * FROM t WHERE counter {query};"));
    }

    #[test]
    fn any_expression_of_words_ends(words in prop::collection::vec(prop::sample::select(words()), 1..30)) {
        plan_and_show(&format!("CREATE TABLE t WITH (connector = 'clock'); SELECT {} FROM t;", words.join(" ")));
    }
}

#[test]
fn long_and_deep_statements_end() {
    let table = "CREATE TABLE t WITH (connector = 'clock'); SELECT ";
    for (open, middle, close, count) in [
        ("(", "1", ")", 5_000),
        ("1 + ", "1", "", 9_000),
        ("NOT ", "true", "", 9_000),
        ("- ", "1", "", 9_000),
        ("CASE WHEN true THEN ", "1", " END", 3_000),
        ("abs(", "1", ")", 5_000),
        ("'a' || ", "'b'", "", 9_000),
        ("counter = 1 OR ", "true", "", 4_000),
        ("(SELECT 1 FROM HOP(TABLE t, DESCRIPTOR(at), ", "interval '1 second'", "))", 500),
        ("counter NOT IN (SELECT ", "counter", " FROM t)", 500),
        ("1,", "1", "", 9_000),
    ] {
        plan_and_show(&format!("{table}{}{middle}{} FROM t;", open.repeat(count), close.repeat(count)));
    }
    plan_and_show(&format!("{table}{}1 FROM t;", "1 + ".repeat(400)));
    plan_and_show(&format!("{table}{}1 FROM t;", "1 + ".repeat(30_000)));
    plan_and_show(&format!("{table}1 FROM t{};", " UNION ALL SELECT 1 FROM t".repeat(300)));
    plan_and_show(&format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(2_000), ")".repeat(2_000)));
    plan_and_show(&"CREATE TABLE t (a STRUCT<".repeat(1_000));
    plan_and_show(&format!("{table}1 FROM t{};", " JOIN t FOR SYSTEM_TIME AS OF at ON true".repeat(200)));
    plan_and_show(&format!("{table}1 FROM SESSION(TABLE t PARTITION BY {}, DESCRIPTOR(at), 1);", "(".repeat(900)));
    plan_and_show(&format!("{table}1 FROM t {};", "EMIT CHANGES EVERY ".repeat(900)));
    plan_and_show(&format!("{table}1 FROM t EMIT CHANGES EVERY {};", "(".repeat(5_000)));
    plan_and_show(&format!("CREATE TABLE t (a INT{}) WITH (connector = 'log', topic = 't');", "[]".repeat(5_000)));
}
