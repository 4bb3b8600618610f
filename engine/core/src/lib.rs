//! What everything in the engine speaks: event time, watermarks, messages, stream schemas, key ranges, and the
//! contracts [`Operator`], [`Source`], [`Sink`], [`Lookup`] and [`AsyncFunction`].
//!
//! Nothing here runs anything: there is no task, no clock, no file and no network in this crate. An operator can be
//! driven by [`script`] alone, which is how all of them are tested.

pub mod changelog;
pub mod error;
pub mod function;
pub mod key;
pub mod lookup;
pub mod message;
pub mod operator;
pub mod schema;
pub mod script;
pub mod sink;
pub mod source;
pub mod spill;
pub mod time;
pub mod watermark;

pub use error::{ConnectorError, OperatorError};
pub use function::AsyncFunction;
pub use key::{KeyRange, hash_columns};
pub use lookup::{Lookup, LookupFactory};
pub use message::{Barrier, Epoch, Message};
pub use operator::{ChunkRows, Operator, Output, RestoredChunk, Snapshot, StateChunk};
pub use schema::{EVENT_TIME, NO_TIME, StreamSchema, WEIGHT};
pub use sink::{Committer, Sink, SinkContext, SinkFactory, Staged};
pub use source::{Positions, Source, SourceContext, SourceEvent, SourceFactory};
pub use spill::{SpillStore, SpilledRows};
pub use time::EventTime;
pub use watermark::{Watermark, WatermarkMerge};
