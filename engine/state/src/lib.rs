//! Checkpoints: what is in one, when it exists, what may be deleted, and where it is kept.
//!
//! # On the object store
//! ```text
//! <prefix>/<job>/epochs/00000000000000000012.json    the manifest: the epoch exists once this file does
//! <prefix>/<job>/chunks/12/<node>-<instance>-<n>.arrow    pieces of state written with epoch 12 (Arrow IPC files)
//! ```
//! A chunk is written once and may be named by many later manifests; it is deleted when the last of them is. A
//! manifest is one atomic put that fails if the file is there: of two servers that run the same job the slower one
//! learns it there and stops.
//!
//! Decisions ([`tracker`], [`garbage`], [`manifest`]) are pure functions over observed facts; only [`store`] does I/O.

pub mod garbage;
pub mod manifest;
pub mod store;
pub mod tracker;

pub use manifest::{ChunkRef, InstanceState, Manifest, NodeState};
pub use store::{CheckpointStore, StoreError};
pub use tracker::{EpochTracker, InstanceAck, InstanceId};
