//! headwater-agent: what runs on a box with a camera. It takes frames, detects people and things on the device, and sends
//! Arrow batches to Kafka, whether the broker is there or not.
//!
//! ```text
//! camera ─▶ board ─▶ detection ─▶ intake ─▶ outbox ─▶ uplink ─▶ Kafka
//! thread    newest    detect ▸     batches   spool     one task    │
//! a camera  wins      track ▸      numbers   on disk               │ edge-control
//!                     count ◀─ carbon ◀──── settings ◀─────────────┘
//! ```
//!
//! [`Agent::start`] runs a device with a [`Config`]; [`command`] is the command line, which `headwater-edge` is made of
//! and `headwater edge` reuses. It knows nothing of SQL or of the engine: they share the contract in `headwater-proto`.

mod agent;
mod batcher;
mod camera;
mod carbon;
mod clock;
pub mod command;
pub mod config;
mod control;
mod detection;
mod effort;
mod error;
mod heartbeat;
mod intake;
mod live;
mod metered;
mod metrics;
mod outbox;
mod settings;
mod state;
mod uplink;

pub use agent::{Agent, AgentHandle, AgentReport, StatusWatch};
pub use config::Config;
pub use error::{AgentError, chain};
pub use headwater_camera::CameraState;
pub use live::{AgentStatus, CameraSnapshot};
pub use uplink::UplinkError;
