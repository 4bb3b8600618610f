//! The example is valid, every wrong value is named, nothing unknown is swallowed.

use headwater_carbon::signal::SourceSettings;

use super::*;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("edge.toml")
}

fn parsed(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn problems_of(text: &str) -> Vec<String> {
    match parsed(text).validate() {
        Err(ConfigError::Invalid { problems }) => problems.into_iter().map(|problem| problem.key).collect(),
        Ok(()) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_example_says_the_defaults() {
    let config = parsed(&std::fs::read_to_string(example()).unwrap());
    assert_eq!(config.batch, BatchConfig::default());
    assert_eq!(config.spool, SpoolConfig::default());
    assert_eq!(config.sensors, SensorSettings::default());
    assert_eq!(config.status, StatusConfig::default());
    assert_eq!(config.uplink, UplinkConfig::default());
    let (said, unsaid) = (&config.cameras[0], CameraConfig::synthetic("c", None));
    assert_eq!(said.tiers, unsaid.tiers);
    assert_eq!((said.motion, said.health), (unsaid.motion, unsaid.health));
    assert_eq!((said.nms_iou, said.track, said.paused), (unsaid.nms_iou, unsaid.track, unsaid.paused));
    assert_eq!((said.tracking, said.counting), (unsaid.tracking, unsaid.counting));
    assert_eq!((said.thumbnail, said.reconnect), (unsaid.thumbnail, unsaid.reconnect));
    let mut config = config;
    // The example's paths are seen from the repository's root; tests run elsewhere.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for camera in &mut config.cameras {
        camera.path = camera.path.as_ref().map(|path| root.join(path));
    }
    config.validate().unwrap();
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let error = toml::from_str::<Config>("device_id = 'a'\n[batch]\nrowz = 3").unwrap_err().to_string();
    assert!(error.contains("rowz") && error.contains("rows"), "{error}");
}

#[test]
fn every_wrong_value_is_named_at_once() {
    let keys = problems_of(
        r#"
        device_id = "a b"
        bootstrap_servers = "broker"
        weights = "/nowhere/weights.safetensors"
        detector_threads = 0
        [batch]
        rows = 0
        linger_ms = 0
        [spool]
        max_bytes = 10
        max_age_s = 0
        sync_interval_ms = 1
        [carbon]
        interval_ms = 0
        [carbon.control]
        [energy]
        busy_watts = -1.0
        [[cameras]]
        id = "door"
        source = "file"
        [[cameras]]
        id = "door"
        source = "file"
        path = "/nowhere/clip.mp4"
        fps = 0.0
        tiers = [400]
        threshold = 2.0
        nms_iou = 1.5
        track = false
        tracking = { lost_ms = 0 }
        zones = [{ name = "a", polygon = [[0.0, 0.0], [1.0, 1.0]] }]
        lines = [{ name = "b", from = [0.1, 0.1], to = [0.1, 0.1], classes = ["persona"] }]
        classes = ["persona"]
        username = "ann"
        masks = [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.5]]]
        motion = { sensitivity = 2.0, max_idle_ms = 0 }
        thumbnail = { cells = 200 }
        [[cameras]]
        id = "gate"
        source = "rtsp"
        url = "http://ann:secret@gate/"
        pace = "every-frame"
        password_file = "/nowhere/password"
        reconnect = { jitter = 1.5, delay_ms_min = 9000, delay_ms_max = 10, silence_ms = 0 }
        [[cameras]]
        id = "usb"
        source = "v4l2"
        "#,
    );
    let expected = [
        "device_id",
        "bootstrap_servers",
        "weights",
        "detector_threads",
        "batch.rows",
        "batch.linger_ms",
        "spool.max_bytes",
        "spool.max_age_s",
        "spool.sync_interval_ms",
        "energy.busy_watts",
        "carbon.interval_ms",
        "carbon.control",
        "cameras[0].path",
        "cameras[1].id",
        "cameras[1].path",
        "cameras[1].username",
        "cameras[1].fps",
        "cameras[1].tiers",
        "cameras[1].threshold",
        "cameras[1].classes",
        "cameras[1].nms_iou",
        "cameras[1].tracking",
        "cameras[1].track",
        "cameras[1].zones",
        "cameras[1].lines",
        "cameras[1].lines",
        "cameras[1].masks",
        "cameras[1].motion.sensitivity",
        "cameras[1].motion.max_idle_ms",
        "cameras[1].thumbnail.cells",
        "cameras[2].password_file",
        "cameras[2].url",
        "cameras[2].pace",
        "cameras[2].reconnect.silence_ms",
        "cameras[2].reconnect.delay_ms_max",
        "cameras[2].reconnect.jitter",
        "cameras[3].path",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn the_spool_is_told_in_words() {
    let spool = |text: &str| toml::from_str::<Config>(&format!("device_id = 'a'\n[spool]\n{text}")).map(|it| it.spool);
    let config = spool("when_full = 'stop-cameras'\nsync = 'interval'\nmax_age_s = 60").unwrap();
    assert_eq!((config.when_full, config.sync), (WhenFull::StopCameras, SpoolSync::Interval));
    assert_eq!((config.max_age_s, config.sync_interval_ms), (Some(60), 1000));
    let error = spool("sync = 'sometimes'").unwrap_err().to_string();
    assert!(error.contains("`always`, `interval`, `never`"), "{error}");
}

#[test]
fn overrides_stand_over_the_file() {
    let mut config = parsed("device_id = 'file'\nbootstrap_servers = 'file:1'");
    config.apply(Overrides { bootstrap_servers: Some("flag:2".into()), ..Overrides::default() });
    assert_eq!((config.device_id.as_str(), config.bootstrap_servers.as_str()), ("file", "flag:2"));
}

#[test]
fn the_fingerprint_follows_the_settings() {
    let config = parsed("device_id = 'a'");
    assert_eq!(config.fingerprint(), parsed("device_id = 'a'").fingerprint());
    assert_ne!(config.fingerprint(), parsed("device_id = 'a'\n[batch]\nrows = 7").fingerprint());
}

#[test]
fn a_trace_is_read_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.csv");
    let mut config = parsed("device_id = 'a'");
    config.carbon.source = Some(SourceSettings::Trace { path: trace.clone() });
    std::fs::write(&trace, "timestamp,g_per_kwh\nnoon,3\n").unwrap();
    let error = config.validate().unwrap_err().to_string();
    assert!(error.contains("carbon.source") && error.contains("line 2"), "{error}");
    std::fs::write(&trace, "timestamp,g_per_kwh\n2026-01-01T12:00:00,3\n").unwrap();
    config.validate().unwrap();
}

#[test]
fn a_password_is_in_no_description_and_no_problem() {
    let text = "device_id = 'a'\n[[cameras]]\nid = 'door'\nsource = 'rtsp'\nurl = 'rtsp://ann:secret@door:8554/1'";
    let config = parsed(text);
    assert_eq!(config.cameras[0].describe(), "rtsp://door:8554/1");
    assert!(!format!("{config:?}").contains("secret"));
    config.validate().unwrap();
    let error = parsed(&text.replace("rtsp://", "rtspx://")).validate().unwrap_err().to_string();
    assert!(error.contains("cameras[0].url") && !error.contains("secret"), "{error}");
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.toml");
    let camera = "device_id = 'a'\n[[cameras]]\nid = 'door'\nsource = 'rtsp'\n";
    for line in
        ["password = 'hunter2", "password = ['hunter2']", "password = { text = 'hunter2' }", "paswort = 'hunter2'"]
    {
        std::fs::write(&path, format!("{camera}{line}\n")).unwrap();
        let error = crate::error::chain(&Config::load(&path, Overrides::default()).unwrap_err());
        assert!(error.starts_with("line 5 of the configuration "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    std::fs::write(&path, "device_id = 'a'\n[uplink.client_configs]\n'sasl.password' = 20481024\n").unwrap();
    let error = crate::error::chain(&Config::load(&path, Overrides::default()).unwrap_err());
    assert!(error.starts_with("line 3 of the configuration ") && !error.contains("20481024"), "{error}");
}

#[test]
fn messages_may_not_grow_too_old_while_they_wait_for_cleaner_electricity() {
    let with_wait = |hours: &str| {
        format!(
            "device_id = 'a'\n[spool]\nmax_age_s = 3600\n[carbon]\ndefer_upload_hours_max = {hours}\n[carbon.source]\nkind = 'constant'\ng_per_kwh = 100.0\n"
        )
    };
    let keys =
        |hours| problems_of(&with_wait(hours)).into_iter().filter(|key| key.starts_with("carbon")).collect::<Vec<_>>();
    assert_eq!(keys("0.5"), [""; 0]);
    assert_eq!(keys("1.0"), ["carbon.defer_upload_hours_max"]);
}
