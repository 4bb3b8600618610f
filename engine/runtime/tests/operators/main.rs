//! Operators without a runtime: against batch DataFusion over random rows, and by scripts with their printouts.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod assign_windows_oracle;
mod drive;
mod held_oracle;
mod late_rows_oracle;
mod oracle;
mod plan;
mod rows;
mod scripts;
mod session_oracle;
mod slice_oracle;
mod source_columns;
mod upsert_model;
mod window_function_oracle;
