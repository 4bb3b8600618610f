//! headwater-connectors: under construction.
