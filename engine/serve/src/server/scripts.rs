//! The query files: read, planned, and checked against each other. Nothing runs here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_plan::Connectors;
use headwater_sql::{Functions, PlanSettings, Script, TableInfo, TableKind};

use crate::catalog::{HistoryFormat, HistoryTable};
use crate::error::ServeError;

/// The name of the server's own queries.
const SYSTEM: &str = "system";
const SYSTEM_SQL: &str = include_str!("../system.sql");

/// A query file as it stands on disk.
#[derive(Debug)]
pub(super) struct QueryFile {
    /// The job's name: the file's without `.sql`.
    name: String,
    /// Shown in messages.
    shown: String,
    text: String,
}

/// A query file as it was planned.
#[derive(Debug)]
pub(super) struct PlannedScript {
    pub name: String,
    shown: String,
    pub script: Script,
}

/// The server's own queries and every `*.sql` of the folder, by name.
pub(super) async fn read(folder: &Path) -> Result<Vec<QueryFile>, ServeError> {
    let failed = |source| ServeError::QueriesDir { path: folder.to_owned(), source };
    let mut entries = tokio::fs::read_dir(folder).await.map_err(failed)?;
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(entry) = entries.next_entry().await.map_err(failed)? {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    paths.sort();
    let own = QueryFile {
        name: SYSTEM.to_owned(),
        shown: "the server's own queries".to_owned(),
        text: SYSTEM_SQL.to_owned(),
    };
    let mut files = vec![own];
    for path in paths {
        let text = tokio::fs::read_to_string(&path)
            .await
            .map_err(|source| ServeError::QueryFile { path: path.clone(), source })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.push(QueryFile { name, shown: path.display().to_string(), text });
    }
    Ok(files)
}

/// Plans every file with these functions, and checks that no two declare the same job or view.
pub(super) async fn plan(
    files: Vec<QueryFile>,
    connectors: Arc<dyn Connectors>,
    functions: &Functions,
    parallelism: usize,
) -> Result<Vec<PlannedScript>, ServeError> {
    let settings = PlanSettings { parallelism };
    let functions = Arc::new(functions.clone());
    let mut planned: Vec<PlannedScript> = Vec::new();
    for file in files {
        let (connectors, functions) = (Arc::clone(&connectors), Arc::clone(&functions));
        // Planning is work, and not for a thread that others wait on.
        let planning = tokio::task::spawn_blocking(move || {
            let script = headwater_sql::plan_with(&file.text, connectors.as_ref(), &functions, &settings);
            (script.map_err(|diagnostic| diagnostic.render(&file.shown, &file.text)), file)
        });
        let (script, file) =
            planning.await.map_err(|source| ServeError::Server { service: "planning", source: Box::new(source) })?;
        let script = script.map_err(|rendered| ServeError::Query { rendered: rendered.trim_end().to_owned() })?;
        let next = PlannedScript { name: file.name, shown: file.shown, script };
        for earlier in &planned {
            check_apart(earlier, &next)?;
        }
        planned.push(next);
    }
    Ok(planned)
}

fn check_apart(earlier: &PlannedScript, next: &PlannedScript) -> Result<(), ServeError> {
    let conflict = |what, name: &str| ServeError::Conflict {
        what,
        name: name.to_owned(),
        first: earlier.shown.clone(),
        second: next.shown.clone(),
    };
    if earlier.name == next.name {
        return Err(conflict("query", &next.name));
    }
    let views = |planned: &PlannedScript| -> Vec<String> {
        let kept = planned.script.tables.iter().filter(|table| table.kind == TableKind::MaterializedView);
        kept.map(|table| table.name.clone()).collect()
    };
    let earlier_views = views(earlier);
    match views(next).iter().find(|view| earlier_views.contains(view)) {
        Some(view) => Err(conflict("materialized view", view)),
        None => Ok(()),
    }
}

/// The tables of files that the scripts write or read, by name; relative paths are below `base`.
pub(super) fn history(scripts: &[PlannedScript], base: &Path) -> Result<Vec<(String, HistoryTable)>, ServeError> {
    let mut tables: BTreeMap<String, (HistoryTable, &PlannedScript)> = BTreeMap::new();
    for planned in scripts {
        for (name, table) in history_of(&planned.script, base) {
            match tables.get(&name) {
                // Several files may declare one table: one writes it, others read it or write it too.
                Some((known, first)) if known.path != table.path || known.columns != table.columns => {
                    return Err(ServeError::Conflict {
                        what: "table",
                        name,
                        first: first.shown.clone(),
                        second: planned.shown.clone(),
                    });
                }
                Some(_) => {}
                None => {
                    tables.insert(name, (table, planned));
                }
            }
        }
    }
    Ok(tables.into_iter().map(|(name, (table, _))| (name, table)).collect())
}

/// The tables of files of one script, by name; relative paths are below `base`.
pub fn history_of(script: &Script, base: &Path) -> Vec<(String, HistoryTable)> {
    let of = |table: &TableInfo| {
        let option = |key: &str| table.options.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let format = match option("format") {
            None | Some("parquet") => HistoryFormat::Parquet,
            Some("json") => HistoryFormat::Json,
            Some(_) => return None,
        };
        let path = option("path")?;
        let path = path.strip_prefix("file://").unwrap_or(path);
        let is_folder = table.connector.as_deref() == Some("filesystem") && !path.contains("://");
        let known = is_folder && !table.columns.fields().is_empty();
        let history = HistoryTable { path: base.join(path), format, columns: Arc::clone(&table.columns) };
        known.then(|| (table.name.clone(), history))
    };
    script.tables.iter().filter_map(of).collect()
}
