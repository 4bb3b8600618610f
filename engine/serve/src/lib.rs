//! headwater-serve: the server. Runs the query files, keeps their results queryable, and offers them by gRPC, REST,
//! metrics and a page.
//!
//! Everything is a thin adapter over one [`QueryService`]. Nothing here knows Kafka, nor how a table is stored beyond
//! where its files are.

pub mod catalog;
pub mod error;
pub mod grpc;
pub mod rest;
pub mod rows;
pub mod server;
pub mod service;
pub mod views;

pub use error::{QueryError, ServeError};
pub use rest::FrameInjector;
pub use server::{Server, ServerSettings, history_of};
pub use service::{QueryService, ServiceSettings};
pub use views::ViewRegistry;
