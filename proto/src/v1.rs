//! The generated types, client and server of `headwater.v1` (`headwater/v1/*.proto`). Nothing here is written by hand.

#![allow(clippy::pedantic, clippy::large_enum_variant, clippy::doc_lazy_continuation, unreachable_pub, missing_docs)]

/// The encoded `FileDescriptorSet` of `headwater.v1` with all that it imports: what reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/headwater.v1.bin"));

include!(concat!(env!("OUT_DIR"), "/headwater.v1.rs"));
