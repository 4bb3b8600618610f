//! Operators without a runtime: against batch DataFusion over random rows, and by scripts with their printouts.

mod drive;
mod oracle;
mod plan;
mod rows;
mod scripts;
mod session_oracle;
mod slice_oracle;
mod source_columns;
mod window_function_oracle;
