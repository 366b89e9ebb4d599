//! The tar format (POSIX pax, ustar, v7 and GNU) as a stream: no path is opened here.

mod field;
mod pax;
mod reader;
mod sparse;
mod writer;

#[cfg(test)]
mod tests;

pub use field::BLOCK;
pub use reader::{Entry, Kind, Problem, TarReader};
pub use writer::{Header, TarWriter};
