//! headwater-connectors: where rows come from and go to, and how they are written there.
//!
//! [`ConnectorSet`] answers the planner: it makes a source and a sink of what `CREATE TABLE … WITH (connector = …)`
//! declares. A connector is a module; how rows look inside a message or a file is `formats`.
//!
//! Only the module [`kafka`] knows librdkafka, only `filesystem` knows object stores, and only `redis` its client. Nothing here runs tasks,
//! takes checkpoints or knows SQL.

pub mod kafka;

mod blackhole;
mod columns;
mod edge;
mod file_lookup;
mod filesystem;
mod formats;
mod grouping;
mod impulse;
mod nexmark;
mod redis;
mod set;
mod single_file;
mod staging;
mod stdout;

#[cfg(test)]
mod source_contract;

pub use set::{ConnectorSet, ConnectorSettings};
