//! Runs dataflows: operators in tasks, channels between them, watermarks, barriers, checkpoints and recovery.
//!
//! A [`Job`] takes a [`Graph`](headwater_plan::Graph) and lays it out as tasks. A task owns a chain of synchronous
//! operators and the channels before it: it receives, runs the chain to the end, sends. Nothing below a task awaits.
//! The coordinator asks the sources for barriers, and an epoch exists when its manifest does. There is no connector
//! here: sources and sinks come as factories with the graph.

mod alignment;
mod awaited;
mod build;
mod chain;
mod channel;
mod coordinator;
mod error;
mod exchange;
mod job;
mod layout;
mod operator_task;
pub mod operators;
mod pace;
mod report;
mod source_task;
mod source_time;
mod spill;
mod status;
mod tail;

pub use coordinator::{JobEnd, Stop};
pub use error::{JobError, chain as error_chain};
pub use job::{Job, JobSettings, RestartPolicy, SpillSettings};
pub use spill::SpillFolder;
pub use status::{JobPhase, JobStatus, OperatorStatus, SinkStatus, SourceStatus};
