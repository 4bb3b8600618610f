//! The import arrows of ARCHITECTURE.md: which crate may depend on which, and who may know Kafka, candle and tokio.
//!
//! Reads the manifests line by line, and the sources of the two crates that may use rdkafka, because there only one
//! module may. That a crate is used at all is the compiler's business.

use super::rust_text::{self, identifier_offsets, line_of};
use super::{Finding, TextFile};

/// The folder of every crate, and the crates of ours that it may depend on. `tests` may see everything.
const ARROWS: [(&str, &[&str]); 18] = [
    ("proto", &[]),
    ("engine/core", &[]),
    ("engine/plan", &["core"]),
    ("engine/sql", &["core", "plan"]),
    ("engine/state", &["core"]),
    ("engine/runtime", &["core", "plan", "state"]),
    ("engine/connectors", &["core", "plan", "proto"]),
    ("engine/oracle", &["core", "plan", "sql", "state", "runtime"]),
    ("engine/serve", &["core", "plan", "sql", "state", "runtime", "connectors", "proto"]),
    ("engine/cli", EVERYTHING),
    ("edge/spool", &[]),
    ("edge/detector", &[]),
    ("edge/camera", &[]),
    ("edge/track", &[]),
    ("edge/sensors", &[]),
    ("edge/carbon", &[]),
    ("edge/agent", &["spool", "detector", "camera", "track", "sensors", "carbon", "proto"]),
    ("tests", EVERYTHING),
];

/// Crates of ours that the binary and the tests put together.
const EVERYTHING: &[&str] = &[
    "core",
    "plan",
    "sql",
    "state",
    "runtime",
    "connectors",
    "oracle",
    "serve",
    "proto",
    "agent",
    "spool",
    "detector",
    "camera",
    "track",
    "sensors",
    "carbon",
];

/// Crates of others (a trailing `*` stands for any ending) and the only folders that may depend on them.
const ONLY_IN: [(&str, &[&str]); 2] =
    [("rdkafka*", &["engine/connectors", "edge/agent", "tests"]), ("candle*", &["edge/detector"])];

/// Crates of others that these folders never depend on.
const NEVER_IN: [(&str, &[&str]); 5] = [
    ("tokio*", &["engine/sql", "engine/plan", "edge/spool", "edge/detector"]),
    ("object_store", &["engine/sql", "engine/plan", "proto"]),
    ("tonic*", &["engine/core", "engine/plan", "engine/sql", "engine/state", "engine/runtime", "engine/connectors"]),
    ("axum", &["engine/core", "engine/plan", "engine/sql", "engine/state", "engine/runtime", "engine/connectors"]),
    ("datafusion*", &["proto", "edge/spool", "edge/detector", "edge/camera", "edge/agent"]),
];

/// Where in a crate the name `rdkafka` may stand in code: files and folders whose path below `src/` starts so.
const KAFKA_MODULES: [(&str, &str); 2] = [("engine/connectors/src/", "kafka"), ("edge/agent/src/", "uplink")];

pub fn check(file: &TextFile) -> Vec<Finding> {
    if let Some(folder) = file.path.strip_suffix("/Cargo.toml") {
        return manifest(file, folder);
    }
    kafka_outside_its_module(file)
}

/// One dependency of a manifest, where it stands and whether only tests see it.
struct Dependency {
    name: String,
    line: usize,
    tests_only: bool,
}

fn manifest(file: &TextFile, folder: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((_, ours)) = ARROWS.iter().find(|(known, _)| *known == folder) else {
        return vec![Finding::new(file, 1, "arrow", "", "a crate without a place among the import arrows")];
    };
    for dependency in dependencies(&file.text) {
        let wrong = match dependency.name.strip_prefix("headwater-") {
            Some(name) => (!ours.contains(&name)).then(|| format!("`{folder}` must not depend on `headwater-{name}`")),
            // Tests may run an executor or read a file; the walls between our own crates hold for them too.
            None if dependency.tests_only => None,
            None => foreign(folder, &dependency.name),
        };
        if let Some(message) = wrong {
            findings.push(Finding::new(file, dependency.line, "arrow", &dependency.name, message));
        }
    }
    findings
}

fn foreign(folder: &str, name: &str) -> Option<String> {
    let only = ONLY_IN.iter().find(|(pattern, folders)| matches(pattern, name) && !folders.contains(&folder));
    if let Some((_, folders)) = only {
        return Some(format!("`{name}` belongs to {} alone", folders.join(", ")));
    }
    let never = NEVER_IN.iter().any(|(pattern, folders)| matches(pattern, name) && folders.contains(&folder));
    never.then(|| format!("`{folder}` must not depend on `{name}`"))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// The dependencies of a manifest, from `[dependencies]`, `[dependencies.x]`, `[target.….dependencies]` and the
/// tables for builds and tests; a renamed one (`package = "…"`) under its real name.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut table = String::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').to_owned();
            if let Some((kind, name)) = table.rsplit_once('.')
                && kind.ends_with("dependencies")
            {
                found.push(Dependency {
                    name: unquoted(name),
                    line: index + 1,
                    tests_only: kind.ends_with("dev-dependencies"),
                });
            }
            continue;
        }
        if !table.ends_with("dependencies") {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.split('.').next().unwrap_or(key);
        let name = renamed(value).unwrap_or_else(|| unquoted(key));
        found.push(Dependency { name, line: index + 1, tests_only: table.ends_with("dev-dependencies") });
    }
    found
}

fn renamed(value: &str) -> Option<String> {
    let (_, after) = value.split_once("package")?;
    let (_, after) = after.split_once('"')?;
    after.split('"').next().map(str::to_owned)
}

fn unquoted(name: &str) -> String {
    name.trim().trim_matches(['"', '\'']).to_owned()
}

fn kafka_outside_its_module(file: &TextFile) -> Vec<Finding> {
    let module = KAFKA_MODULES.iter().find_map(|(source, module)| Some((file.path.strip_prefix(source)?, module)));
    let Some((below, module)) = module else { return Vec::new() };
    if !file.is_rust() || file.is_test_code() || below.starts_with(module) {
        return Vec::new();
    }
    let code = rust_text::split(&file.text).code;
    let code = &code[..rust_text::test_module_offset(&code)];
    identifier_offsets(code, "rdkafka")
        .map(|offset| {
            Finding::new(file, line_of(code, offset), "arrow", "rdkafka", format!("rdkafka is used outside `{module}`"))
        })
        .collect()
}

#[cfg(test)]
mod tests;
