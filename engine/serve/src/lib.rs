//! headwater-serve: under construction.
