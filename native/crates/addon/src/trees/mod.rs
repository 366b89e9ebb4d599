//! What is asked of tree indexes.

mod diff;
mod list;
mod select;
