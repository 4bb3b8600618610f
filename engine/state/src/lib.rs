//! headwater-state: under construction.
