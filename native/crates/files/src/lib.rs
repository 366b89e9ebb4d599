//! Trees of files: index, scan, copy, commit.
