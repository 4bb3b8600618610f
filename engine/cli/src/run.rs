//! `headwater run`: one query file on its own, to its end when its sources end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use headwater_runtime::{Job, JobEnd, JobSettings, JobStatus, SpillFolder, Stop};
use headwater_state::CheckpointStore;
use indicatif::{ProgressBar, ProgressStyle};
use object_store::local::LocalFileSystem;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::RunArgs;
use crate::check::{Rejected, connectors, plan, print_answers};
use crate::settings::default_state_memory;
use crate::shutdown::Shutdown;

/// How often the progress is drawn.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn run(args: RunArgs, shutdown: Shutdown) -> anyhow::Result<ExitCode> {
    let connectors = connectors(args.bootstrap_servers.clone());
    let script = match plan(&args.file, connectors.as_ref(), args.parallelism.max(1))? {
        Ok(script) => script,
        Err(Rejected(message)) => {
            eprintln!("{message}");
            return Ok(ExitCode::FAILURE);
        }
    };
    print_answers(&script);
    let Some(graph) = script.graph else { return Ok(ExitCode::SUCCESS) };
    let name = args.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let checkpoints = args.checkpoints.as_deref().map(checkpoint_store).transpose()?;
    let set = script.settings;
    let state_memory_max = set.state_memory_max.or(args.state_memory_max).unwrap_or_else(default_state_memory);
    let spill = Arc::new(SpillFolder::open(spill_folder(args.spill_dir, &name))?);
    let usual = JobSettings::default();
    let settings = JobSettings {
        parallelism: set.parallelism.unwrap_or(args.parallelism.max(1)),
        flush_interval: set.flush_interval.unwrap_or(usual.flush_interval),
        ..usual
    };
    let settings = settings.bounded(state_memory_max.0, spill);
    let job = Job::start(&name, graph, settings, checkpoints).await?;
    match until_end(&job, &shutdown).await? {
        JobEnd::Finished => {}
        JobEnd::Stopped => eprintln!("stopped; windows that were open are not in the result"),
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder of this process alone.
fn spill_folder(named: Option<PathBuf>, job: &str) -> PathBuf {
    named.unwrap_or_else(std::env::temp_dir).join(format!("headwater-spill-{job}-{}", std::process::id()))
}

fn checkpoint_store(folder: &Path) -> anyhow::Result<CheckpointStore> {
    std::fs::create_dir_all(folder).with_context(|| format!("could not make folder {}", folder.display()))?;
    let store = LocalFileSystem::new_with_prefix(folder)
        .with_context(|| format!("could not use folder {}", folder.display()))?;
    Ok(CheckpointStore::new(Arc::new(store), "checkpoints"))
}

/// Waits for the end, draws how far it is, and drains when told to stop.
async fn until_end(job: &Job, shutdown: &Shutdown) -> anyhow::Result<JobEnd> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = false;
    let ended = job.ended();
    tokio::pin!(ended);
    let end = loop {
        tokio::select! {
            end = &mut ended => break end,
            () = shutdown.token().cancelled(), if !asked => {
                asked = true;
                job.stop(Stop::Drain);
            }
            _ = ticks.tick() => bar.set_message(progress(&job.status())),
        }
    };
    bar.finish_and_clear();
    eprintln!("{}", progress(&job.status()));
    Ok(end?)
}

fn progress(status: &JobStatus) -> String {
    let read: u64 = status.sources.iter().map(|source| source.rows).sum();
    let bad: u64 = status.sources.iter().map(|source| source.bad_records + source.dropped_rows).sum();
    let written: u64 = status.sinks.iter().map(|sink| sink.rows).sum();
    let mut text = format!("{read} rows read, {written} written");
    if status.late_rows > 0 {
        text += &format!(", {} late", status.late_rows);
    }
    if bad > 0 {
        text += &format!(", {bad} dropped");
    }
    text
}
