//! headwater-runtime: under construction.
