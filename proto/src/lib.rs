//! headwater-proto: what crosses a process boundary, and nothing else.
//!
//! [`batch`] is what travels over Kafka between the edge and the engine: topics, Arrow schemas, headers.
//! [`v1`] is the server's gRPC interface, `headwater.v1`.
//! It depends on no other crate of this repository, so that both sides can depend on it.

pub mod batch;
pub mod v1;
