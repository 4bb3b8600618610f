//! Manifests and sources that cross a wall, and ones that do not.

use super::*;

fn findings(path: &str, text: &str) -> Vec<(usize, String)> {
    check(&TextFile::new(path, text)).into_iter().map(|finding| (finding.line, finding.symbol)).collect()
}

#[test]
fn an_arrow_against_the_direction_is_found() {
    let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nheadwater-core.workspace = true\nheadwater-runtime.workspace = true\n";
    assert_eq!(findings("engine/connectors/Cargo.toml", manifest), [(6, "headwater-runtime".to_owned())]);
    assert_eq!(findings("engine/serve/Cargo.toml", manifest), []);
    assert_eq!(findings("edge/agent/Cargo.toml", manifest).len(), 2);
}

#[test]
fn walls_hold_for_tests_too_but_only_between_our_crates() {
    let manifest = "[dev-dependencies]\ntokio = { version = \"1\" }\nheadwater-connectors.workspace = true\n";
    assert_eq!(findings("engine/runtime/Cargo.toml", manifest), [(3, "headwater-connectors".to_owned())]);
    assert_eq!(findings("engine/sql/Cargo.toml", manifest), [(3, "headwater-connectors".to_owned())]);
}

#[test]
fn sql_and_plan_stay_without_io() {
    for folder in ["engine/sql", "engine/plan"] {
        for name in ["tokio", "tokio-util", "rdkafka", "object_store"] {
            let manifest = format!("[dependencies]\n{name}.workspace = true\n");
            assert_eq!(findings(&format!("{folder}/Cargo.toml"), &manifest), [(2, name.to_owned())]);
        }
        assert_eq!(findings(&format!("{folder}/Cargo.toml"), "[dependencies]\narrow.workspace = true\n"), []);
    }
}

#[test]
fn kafka_and_candle_have_one_home() {
    assert_eq!(findings("engine/cli/Cargo.toml", "[dependencies]\nrdkafka = \"0.39\"\n").len(), 1);
    assert_eq!(findings("engine/connectors/Cargo.toml", "[dependencies]\nrdkafka = \"0.39\"\n"), []);
    assert_eq!(findings("edge/agent/Cargo.toml", "[dependencies]\ncandle-core = \"0.11\"\n").len(), 1);
    assert_eq!(findings("edge/detector/Cargo.toml", "[dependencies]\ncandle-core = \"0.11\"\n"), []);
}

#[test]
fn every_way_to_name_a_dependency_is_read() {
    for manifest in [
        "[dependencies.rdkafka]\nversion = \"1\"\n",
        "[target.'cfg(unix)'.dependencies]\nrdkafka = \"1\"\n",
        "[dependencies]\nkafka = { package = \"rdkafka\", version = \"1\" }\n",
        "[build-dependencies]\n\"rdkafka\" = \"1\"\n",
        "[dependencies]\nrdkafka-sys.workspace = true # the C library\n",
    ] {
        assert_eq!(findings("engine/sql/Cargo.toml", manifest).len(), 1, "{manifest}");
    }
    assert_eq!(findings("engine/sql/Cargo.toml", "[dependencies]\n# rdkafka = \"1\"\n[features]\nrdkafka = []\n"), []);
}

#[test]
fn a_crate_nobody_drew_is_found() {
    assert_eq!(findings("engine/extras/Cargo.toml", "[dependencies]\n").len(), 1);
    assert_eq!(findings("Cargo.toml", "[workspace.dependencies]\nrdkafka = \"1\"\n"), []);
}

#[test]
fn rdkafka_stays_in_its_module() {
    let text = "//! a\nuse rdkafka::consumer;\n";
    assert_eq!(findings("engine/connectors/src/filesystem.rs", text), [(2, "rdkafka".to_owned())]);
    assert_eq!(findings("edge/agent/src/main.rs", text), [(2, "rdkafka".to_owned())]);
    assert_eq!(findings("engine/connectors/src/kafka.rs", text), []);
    assert_eq!(findings("engine/connectors/src/kafka/source.rs", text), []);
    assert_eq!(findings("edge/agent/src/uplink/producer.rs", text), []);
    assert_eq!(
        findings("edge/agent/src/camera.rs", "//! a\n// rdkafka is elsewhere\nconst A: &str = \"rdkafka\";\n"),
        []
    );
    assert_eq!(findings("edge/agent/src/run.rs", "//! a\n#[cfg(test)]\nmod tests {\n    use rdkafka::x;\n}\n"), []);
}
