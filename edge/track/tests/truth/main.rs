//! The tracker and the counter against scenes of which the truth is known: drawn ones, and footage that was followed by
//! eye. `cargo test -p headwater-track --test truth -- --nocapture` prints the tables.

mod drawing;
mod drawn;
mod footage;
mod metrics;
mod random;
