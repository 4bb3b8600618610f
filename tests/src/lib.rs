//! The checks of the repository itself, as plain functions over file texts.
//!
//! Not the place for tests of one crate (they stand beside its code), nor for the end-to-end checks against real
//! components (`tests/e2e`, run by `.ci/run`).

pub mod tidy;
