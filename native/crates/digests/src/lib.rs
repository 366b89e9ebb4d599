//! Hashes and compression.
