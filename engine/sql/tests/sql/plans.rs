//! Files that plan: the dataflow, and what the script says of outputs and answers.

use std::fmt::Write as _;

use headwater_sql::{AnswerContent, PlanSettings, Script, plan, sql_name};

use crate::fake::Fake;
use crate::{assert_beside, query_files};

#[test]
fn every_file_plans_as_it_did() {
    let files = query_files("plans");
    assert!(files.len() >= 20, "{} files", files.len());
    for (name, text) in files {
        let shown = [1, 2].map(|parallelism| {
            let script = plan(&text, &Fake, &PlanSettings { parallelism });
            script.map(|script| show(&script)).unwrap_or_else(|error| panic!("{}", error.render(&name, &text)))
        });
        let [single, parallel] = shown;
        let text = if single == parallel { single } else { format!("{single}\n-- by two instances\n{parallel}") };
        assert_beside("plans", &name, &text);
    }
}

fn show(script: &Script) -> String {
    let mut text = String::new();
    for output in &script.outputs {
        let columns = output.columns.fields().iter();
        let columns: Vec<_> = columns
            .map(|f| {
                let null = if f.is_nullable() { "" } else { " NOT NULL" };
                format!("{} {}{null}", f.name(), sql_name(f.data_type()))
            })
            .collect();
        let _ = writeln!(text, "{:?} {} ({})", output.kind, output.table, columns.join(", "));
    }
    for answer in &script.answers {
        match &answer.content {
            AnswerContent::Plan(plan) => {
                let _ = write!(text, "-- answer {}\n{plan}", answer.statement);
            }
            AnswerContent::Tables(names) => {
                let _ = writeln!(text, "-- answer {}: {}", answer.statement, names.join(", "));
            }
            AnswerContent::Columns { table, columns } => {
                let _ = writeln!(text, "-- answer {}: {table} {columns:?}", answer.statement);
            }
        }
    }
    if let Some(graph) = &script.graph {
        graph.validate().unwrap();
        let _ = write!(text, "--\n{}", graph.explain());
    }
    text
}
