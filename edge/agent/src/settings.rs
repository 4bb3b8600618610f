//! The settings that an agent runs with: those of its file, and over them what commands have changed.
//!
//! Whoever looks at cameras watches them; whoever changes them goes through here, one after the other. What may change is
//! decided in [`crate::config`] and [`crate::control`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headwater_proto::batch::control::Command;
use headwater_proto::batch::status::Acknowledgement;
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::control::remote::{RemoteChanges, RemoteError};
use crate::control::{changed, follow};
use crate::error::{AgentError, chain};

/// The settings of a running agent.
pub(crate) struct LiveSettings {
    sources: Mutex<Sources>,
    current: watch::Sender<Arc<Config>>,
}

/// What the settings are made of.
struct Sources {
    file: Config,
    remote: RemoteChanges,
    remote_path: PathBuf,
    acknowledgement: Option<Acknowledgement>,
}

impl LiveSettings {
    /// Lays what commands have changed before over a configuration; reads their file.
    ///
    /// # Errors
    /// A file of commands that cannot be read, or that does not fit the configuration any more.
    pub(crate) fn open(file: Config) -> Result<Self, AgentError> {
        let remote_path = file.data_dir.join(&file.device_id).join("remote.json");
        let remote = match file.control.enabled {
            true => RemoteChanges::load(&remote_path).map_err(|source| AgentError::Remote { source })?,
            false => RemoteChanges::default(),
        };
        let current = changed(&file, &remote);
        current.validate()?;
        let sources = Sources { file, remote, remote_path, acknowledgement: None };
        Ok(Self { sources: Mutex::new(sources), current: watch::Sender::new(Arc::new(current)) })
    }

    /// What holds now.
    pub(crate) fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.borrow())
    }

    /// What holds, for those who go on with it.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Config>> {
        self.current.subscribe()
    }

    /// What became of the last command.
    pub(crate) fn acknowledgement(&self) -> Option<Acknowledgement> {
        self.lock().acknowledgement.clone()
    }

    /// Goes on with another configuration; what commands have changed stays changed.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with what cannot be used, or needs a start of the agent; nothing changes then.
    pub(crate) fn reload(&self, file: Config) -> Result<(), ConfigError> {
        let mut sources = self.lock();
        file.validate()?;
        file.may_follow(&sources.file)?;
        let current = changed(&file, &sources.remote);
        current.validate()?;
        sources.file = file;
        self.current.send_replace(Arc::new(current));
        Ok(())
    }

    /// Follows a command, or what came in its place, and remembers it. Blocks on the disk.
    pub(crate) fn command(&self, command: Result<Command, String>, now_ms: i64) {
        let mut sources = self.lock();
        let command_id = command.as_ref().map_or(String::new(), |command| command.id.clone());
        let done = command.and_then(|command| {
            let (current, remote) = follow(&self.current(), &sources.remote, &command, now_ms)?;
            remote.save(&sources.remote_path).map_err(|error: RemoteError| chain(&error))?;
            sources.remote = remote;
            self.current.send_replace(Arc::new(current));
            Ok(())
        });
        match &done {
            Ok(()) => tracing::info!(command = command_id, "command followed"),
            Err(reason) => tracing::warn!(command = command_id, reason, "command not followed"),
        }
        let (accepted, reason) = (done.is_ok(), done.err().unwrap_or_default());
        sources.acknowledgement = Some(Acknowledgement { command_id, accepted, reason });
    }

    fn lock(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use headwater_proto::batch::control::Change;

    use super::*;
    use crate::config::CameraConfig;

    fn config(data: &Path) -> Config {
        let mut config = Config::new("north", "broker:9092", data);
        config.cameras = vec![CameraConfig::synthetic("door", None)];
        config.control.enabled = true;
        std::fs::create_dir_all(data.join("north")).unwrap();
        config
    }

    fn command(id: &str, fps: f64) -> Result<Command, String> {
        let set = Change { fps: Some(fps), ..Change::default() };
        Ok(Command { id: id.into(), device_id: "north".into(), set, ..Command::default() })
    }

    #[test]
    fn a_command_outlives_a_restart_and_a_reload() {
        let data = tempfile::tempdir().unwrap();
        let settings = LiveSettings::open(config(data.path())).unwrap();
        settings.command(command("slow", 2.0), 0);
        assert!(settings.acknowledgement().unwrap().accepted);
        let mut other = config(data.path());
        other.cameras[0].threshold = 0.7;
        settings.reload(other).unwrap();
        let camera = settings.current().cameras[0].clone();
        assert_eq!((camera.fps, camera.threshold), (Some(2.0), 0.7));
        let again = LiveSettings::open(config(data.path())).unwrap();
        assert_eq!(again.current().cameras[0].fps, Some(2.0));

        let mut deaf = config(data.path());
        deaf.control.enabled = false;
        assert_eq!(LiveSettings::open(deaf).unwrap().current().cameras[0].fps, None);
    }

    #[test]
    fn what_is_not_followed_changes_nothing_and_is_told() {
        let data = tempfile::tempdir().unwrap();
        let settings = LiveSettings::open(config(data.path())).unwrap();
        let before = settings.current();
        settings.command(command("wrong", 0.0), 0);
        let told = settings.acknowledgement().unwrap();
        assert_eq!((told.command_id.as_str(), told.accepted), ("wrong", false));
        settings.command(Err("no JSON".into()), 0);
        assert_eq!(settings.acknowledgement().unwrap().reason, "no JSON");
        let mut other = config(data.path());
        other.device_id = "south".into();
        assert!(settings.reload(other).unwrap_err().to_string().contains("device_id"));
        assert_eq!(settings.current(), before);
    }
}
