//! `check` and `explain`: what a query file says and becomes. Nothing is started or opened.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use headwater_connectors::{ConnectorSet, ConnectorSettings};
use headwater_plan::Connectors;
use headwater_serve::ViewRegistry;
use headwater_serve::views::ViewConnectors;
use headwater_sql::{AnswerContent, PlanSettings, Script};

use crate::args::{CheckArgs, ExplainArgs, GraphFormat};

/// Stands for brokers that are only known when the query runs.
const ANY_BROKERS: &str = "localhost:9092";

/// A query file that could not be planned, as it is shown.
pub(crate) struct Rejected(pub(crate) String);

/// The connectors as a query file alone sees them: paths from where the command was started.
pub(crate) fn connectors(bootstrap_servers: Option<String>) -> Arc<dyn Connectors> {
    let inner = ConnectorSet::new(ConnectorSettings { base_dir: ".".into(), bootstrap_servers, log_id: None });
    Arc::new(ViewConnectors { inner: Arc::new(inner), views: ViewRegistry::new() })
}

/// Reads and plans a file.
pub(crate) fn plan(
    path: &Path,
    connectors: &dyn Connectors,
    parallelism: usize,
) -> anyhow::Result<Result<Script, Rejected>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("could not read query file {}", path.display()))?;
    let planned = headwater_sql::plan(&text, connectors, &PlanSettings { parallelism });
    let shown = path.display().to_string();
    Ok(planned.map_err(|diagnostic| Rejected(diagnostic.render(&shown, &text).trim_end().to_owned())))
}

/// `headwater check`: every file, whatever is wrong with the others.
pub(crate) fn check(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let files = query_files(&args.paths)?;
    let connectors = connectors(Some(ANY_BROKERS.to_owned()));
    let mut wrong = 0;
    for file in &files {
        match plan(file, connectors.as_ref(), 1)? {
            Ok(script) => println!("{}: good, {}", file.display(), summary(&script)),
            Err(Rejected(message)) => {
                wrong += 1;
                eprintln!("{message}\n");
            }
        }
    }
    if wrong > 0 {
        bail!("{wrong} of {} query files cannot run", files.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(script: &Script) -> String {
    let outputs: Vec<&str> = script.outputs.iter().map(|output| output.table.as_str()).collect();
    let nodes = script.graph.as_ref().map_or(0, |graph| graph.nodes.len());
    if outputs.is_empty() { "it runs nothing".to_owned() } else { format!("{nodes} steps to {}", outputs.join(", ")) }
}

/// The files, and those of folders, in order.
fn query_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).with_context(|| format!("could not read folder {}", path.display()))?;
        let mut found = Vec::new();
        for entry in entries {
            found.push(entry.with_context(|| format!("could not read folder {}", path.display()))?.path());
        }
        found.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
        found.sort();
        if found.is_empty() {
            bail!("there is no .sql file in {}", path.display());
        }
        files.append(&mut found);
    }
    Ok(files)
}

/// `headwater explain`: the dataflow of a file.
pub(crate) fn explain(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let connectors = connectors(Some(ANY_BROKERS.to_owned()));
    match plan(&args.file, connectors.as_ref(), args.parallelism.max(1))? {
        Ok(script) => {
            print_answers(&script);
            match script.graph {
                Some(graph) => match args.format {
                    GraphFormat::Text => print!("{}", graph.explain()),
                    GraphFormat::Mermaid => print!("{}", graph.mermaid()),
                },
                None => println!("{} runs nothing: it has no INSERT, SELECT or MATERIALIZED VIEW", args.file.display()),
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Rejected(message)) => {
            eprintln!("{message}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What EXPLAIN, SHOW TABLES and DESCRIBE in the file answer.
pub(crate) fn print_answers(script: &Script) {
    for answer in &script.answers {
        match &answer.content {
            AnswerContent::Plan(plan) => println!("{}", plan.trim_end()),
            AnswerContent::Tables(names) => names.iter().for_each(|name| println!("{name}")),
            AnswerContent::Columns { table, columns } => {
                println!("{table}");
                for (name, kind, nullable) in columns {
                    println!("  {name} {kind}{}", if *nullable { "" } else { " NOT NULL" });
                }
            }
        }
    }
}
