//! What a device does about commands: a pure decision over the settings that it runs with.
//!
//! A command is followed whole or not at all. What it changes holds until the next command that changes it, also over a
//! restart ([`remote`]): the settings file says how a device begins, commands say how it goes on. Who may command is the
//! broker's business; reading the topic is `uplink`'s.

pub(crate) mod remote;

use headwater_proto::batch::control::{Change, Command};

use crate::config::{CameraConfig, Config};
use crate::error::chain;
use remote::RemoteChanges;

/// What becomes of the settings by a command, and the changes that are to be remembered.
///
/// # Errors
/// Why the command is not followed, for its sender.
pub(crate) fn follow(
    config: &Config,
    remembered: &RemoteChanges,
    command: &Command,
    now_ms: i64,
) -> Result<(Config, RemoteChanges), String> {
    if let Some(expires_ms) = command.expires_ms.filter(|expires_ms| *expires_ms < now_ms) {
        return Err(format!("it came {} s after it had expired", (now_ms - expires_ms).div_euclid(1000)));
    }
    let changes = meant(config, command)?;
    let changed = changed(config, &changes);
    changed.validate().map_err(|error| chain(&error))?;
    let mut remembered = remembered.clone();
    remembered.add(changes);
    Ok((changed, remembered))
}

/// The settings with changes made to them; changes of cameras that are not there are left out.
pub(crate) fn changed(config: &Config, changes: &RemoteChanges) -> Config {
    let mut config = config.clone();
    for camera in &mut config.cameras {
        if let Some(change) = changes.of(&camera.id) {
            change_camera(camera, change);
        }
    }
    config
}

/// What a command asks of which cameras.
fn meant(config: &Config, command: &Command) -> Result<RemoteChanges, String> {
    let Some(camera_id) = &command.camera_id else {
        return Ok(config.cameras.iter().map(|camera| (camera.id.clone(), command.set.clone())).collect());
    };
    if config.cameras.iter().all(|camera| camera.id != *camera_id) {
        let known: Vec<&str> = config.cameras.iter().map(|camera| camera.id.as_str()).collect();
        return Err(format!("there is no camera {camera_id} here, only {}", known.join(", ")));
    }
    Ok(RemoteChanges::from_iter([(camera_id.clone(), command.set.clone())]))
}

fn change_camera(camera: &mut CameraConfig, change: &Change) {
    let Change { fps, tiers, zones, lines, paused } = change.clone();
    camera.fps = fps.or(camera.fps);
    camera.tiers = tiers.unwrap_or(std::mem::take(&mut camera.tiers));
    camera.zones = zones.unwrap_or(std::mem::take(&mut camera.zones));
    camera.lines = lines.unwrap_or(std::mem::take(&mut camera.lines));
    camera.paused = paused.unwrap_or(camera.paused);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use headwater_proto::batch::control::Line;

    use super::*;

    fn config() -> Config {
        let mut config = Config::new("north", "broker:9092", Path::new("/nowhere"));
        config.cameras = ["door", "yard"].map(|id| CameraConfig::synthetic(id, None)).into();
        config
    }

    fn command(camera_id: Option<&str>, set: Change) -> Command {
        let camera_id = camera_id.map(str::to_owned);
        Command { id: "c".into(), device_id: "north".into(), camera_id, expires_ms: Some(100), set }
    }

    fn slower(fps: f64) -> Change {
        Change { fps: Some(fps), ..Change::default() }
    }

    #[test]
    fn a_command_changes_what_it_names_and_nothing_else() {
        let paused = Change { paused: Some(true), tiers: Some(vec![256]), ..Change::default() };
        let none = RemoteChanges::default();
        let (changed, remembered) = follow(&config(), &none, &command(Some("yard"), paused), 100).unwrap();
        assert_eq!((changed.cameras[1].paused, &changed.cameras[1].tiers), (true, &vec![256]));
        assert_eq!(changed.cameras[0], config().cameras[0]);

        let (changed, remembered) = follow(&changed, &remembered, &command(None, slower(2.0)), 0).unwrap();
        assert_eq!(changed.cameras.iter().map(|camera| camera.fps).collect::<Vec<_>>(), [Some(2.0); 2]);
        assert!(changed.cameras[1].paused);
        // What is remembered makes the same of the settings file after a restart.
        assert_eq!(super::changed(&config(), &remembered), changed);
    }

    #[test]
    fn a_command_that_cannot_be_followed_says_why() {
        let none = RemoteChanges::default();
        let refused = |command: &Command, now_ms| follow(&config(), &none, command, now_ms).unwrap_err();
        assert_eq!(refused(&command(Some("gate"), slower(1.0)), 0), "there is no camera gate here, only door, yard");
        assert_eq!(refused(&command(None, slower(1.0)), 2_100), "it came 2 s after it had expired");
        let wrong = refused(&command(Some("door"), slower(-1.0)), 0);
        assert!(wrong.contains("cameras[0].fps"), "{wrong}");
        let line = Line { name: "l".into(), from: [0.5, 0.5], to: [0.5, 0.5], classes: vec![] };
        let wrong = refused(&command(None, Change { lines: Some(vec![line]), ..Change::default() }), 0);
        assert!(wrong.contains("cameras[0].lines"), "{wrong}");
    }
}
