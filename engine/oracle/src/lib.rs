//! The oracle: whether a continuous query gives what the same query gives as a batch query.
//!
//! The law of the dialect is that the two agree once the input has ended. [`check`] holds a query to it: batch
//! DataFusion answers it over the rows of its tables ([`batch`](self), with windows and event times spelt out as plain
//! columns), the engine answers it as a job over the same rows, and the two answers are folded and compared. A table
//! that is a changelog is for the batch query what stands at its end, and for the job its changes one by one. The job
//! runs several times: in small batches, at several parallelisms, with rows out of order as far as the watermark lets
//! them be, and with a crash and a stop in the middle from which it goes on at another parallelism.
//!
//! Rows come from a feed in memory and go to a ledger in memory, so that a run touches no file, waits for no clock, and
//! is repeated by its seed. Reading query files and their tables is [`Test`]; making queries up is [`random`].

mod batch;
mod bench;
mod changelog;
mod check;
mod compare;
mod error;
mod feed;
mod input;
mod ledger;
mod order;
pub mod random;
mod rng;
mod stream;
mod test_file;

pub use bench::Bench;
pub use check::{Agreement, CheckSettings, Question, check};
pub use compare::Difference;
pub use error::Failure;
pub use rng::Rng;
pub use test_file::{Test, find_tests};
