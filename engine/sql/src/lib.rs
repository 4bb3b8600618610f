//! headwater-sql: under construction.
