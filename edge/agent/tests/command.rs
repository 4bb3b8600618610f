//! The binary as a person or a script meets it: exit codes, messages, JSON against the reference of ONNX Runtime.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn footage(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../footage").join(name)
}

fn edge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater-edge"));
    command.env_remove("BOOTSTRAP_SERVERS").env_remove("RUST_LOG").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn numbers(value: &Value) -> [f64; 4] {
    let array = value.as_array().unwrap();
    [0, 1, 2, 3].map(|index| array[index].as_f64().unwrap())
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> f64 {
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low])).max(0.0);
    let area = |c: [f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}

/// Persons of a result as box and score.
fn persons(frame: &Value) -> Vec<([f64; 4], f64)> {
    let detections = frame["detections"].as_array().unwrap().iter();
    let persons = detections.filter(|detection| detection["class"] == "person");
    let of = |detection: &Value, key: &str| detection[key].as_f64().unwrap();
    persons
        .map(|detection| (["x1", "y1", "x2", "y2"].map(|key| of(detection, key)), of(detection, "confidence")))
        .collect()
}

#[test]
fn the_clip_gives_what_the_reference_gives() {
    let clip = footage("vtest-a.mp4");
    let expected: Value = serde_json::from_slice(&std::fs::read(footage("vtest-a.expected.json")).unwrap()).unwrap();
    let output = edge(&["detect", clip.to_str().unwrap(), "--every", "40", "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let frames: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<u64> = frames.iter().map(|frame| frame["frame"].as_u64().unwrap()).collect();
    assert_eq!(seen, (0..10).map(|step| step * 40).collect::<Vec<_>>());
    let (mut total, mut matched) = (0, 0);
    for frame in &frames {
        let reference = expected.as_array().unwrap().iter().find(|entry| entry["frame"] == frame["frame"]).unwrap();
        for person in reference["416"].as_array().unwrap() {
            total += 1;
            let (place, score) = (numbers(&person["box"]), person["score"].as_f64().unwrap());
            let is_match = |found: &([f64; 4], f64)| overlap(found.0, place) >= 0.85 && (found.1 - score).abs() <= 0.05;
            matched += usize::from(persons(frame).iter().any(is_match));
        }
    }
    assert!(total >= 20 && matched as f64 >= 0.95 * total as f64, "{matched} of {total} boxes match");
}

#[test]
fn a_picture_gives_one_line_and_a_saved_picture() {
    let folder = tempfile::tempdir().unwrap();
    let save = folder.path().join("seen");
    let picture = footage("astronaut.png");
    let output = edge(&["detect", picture.to_str().unwrap(), "--format", "json", "--save", save.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let line: Value = serde_json::from_str(text(&output.stdout).trim_end()).unwrap();
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["detections", "frame"]);
    let found = persons(&line);
    assert_eq!(found.len(), 1);
    assert!(overlap(found[0].0, [14.0, 14.0, 364.0, 508.0]) > 0.85);
    let drawn = image::open(save.join("frame-000000.png")).unwrap().into_rgb8();
    assert_eq!(drawn.dimensions(), (512, 512));
    let (left, middle) = (found[0].0[0] as u32, ((found[0].0[1] + found[0].0[3]) / 2.0) as u32);
    assert_eq!(drawn.get_pixel(left, middle).0, [0, 230, 70]);
}

#[test]
fn nobody_is_a_result_too() {
    let picture = footage("leuvenA.jpg");
    let output = edge(&["detect", picture.to_str().unwrap(), "--format", "json"]);
    let line: Value = serde_json::from_str(text(&output.stdout).trim_end()).unwrap();
    assert!(persons(&line).is_empty());
    let table = edge(&["detect", footage("camera.png").to_str().unwrap()]);
    assert!(text(&table.stdout).lines().nth(1).unwrap().contains("person"), "{}", text(&table.stdout));
}

#[test]
fn wrong_usage_is_2_and_failure_is_1_and_both_name_the_thing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("edge.toml");
    std::fs::write(&config, "device_id = 'a'\n[[cameras]]\nid = 'c'\nsource = 'file'\npath = '/nowhere.mp4'\n")
        .unwrap();
    let picture = footage("astronaut.png");
    for (arguments, code, words) in [
        (vec!["run"], 2, "--config"),
        (vec!["check", "--config", "/nowhere.toml"], 2, "/nowhere.toml"),
        (vec!["check", "--config", config.to_str().unwrap()], 2, "cameras[0].path"),
        (vec!["--config", config.to_str().unwrap()], 2, "cameras[0].path"),
        (vec!["detect", "/nowhere.png"], 1, "/nowhere.png"),
        (vec!["detect", picture.to_str().unwrap(), "--size", "400"], 2, "400"),
        (vec!["detect", picture.to_str().unwrap(), "--format", "xml"], 2, "xml"),
    ] {
        let output = edge(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn good_settings_are_said_to_be_good_and_the_environment_stands_over_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("edge.toml");
    std::fs::write(&config, "device_id = 'a'\nbootstrap_servers = 'file:1'\n").unwrap();
    let check = |environment: &str, flags: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater-edge"));
        command.env("BOOTSTRAP_SERVERS", environment).args(["check", "--config", config.to_str().unwrap()]).args(flags);
        text(&command.output().unwrap().stdout)
    };
    assert!(check("environment:2", &[]).contains("brokers environment:2"));
    assert!(check("environment:2", &["--bootstrap-servers", "flag:3"]).contains("brokers flag:3"));
}
