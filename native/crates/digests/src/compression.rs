use crate::error::{Error, Fault, Result};

/// How a layer's tar is packed; the words of `Compression` in core/media-types.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Reads the word that crosses from TypeScript.
    pub fn parse(word: &str) -> Result<Self> {
        match word {
            "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Error::new("TSB_COMPRESSION_UNKNOWN", Fault::Usage, format!("unknown compression `{word}`"))
                .hint("use `none`, `gzip` or `zstd`")),
        }
    }

    /// The level to use when `wanted` was asked for: the default without a wish, the nearest possible otherwise.
    pub fn level(self, wanted: Option<i32>) -> i32 {
        match self {
            Self::None => 0,
            // The fastest that is at most 1 % above the default of docker and Buildah on code, text and images.
            Self::Gzip => wanted.unwrap_or(3).clamp(0, 9),
            Self::Zstd => wanted.unwrap_or(3).clamp(1, 22),
        }
    }

    /// Bytes of the plain stream in one independent gzip member or zstd frame.
    /// Part of the format of our blobs: another size gives other digests. Large enough that the lost window
    /// (32 KiB for gzip, 2 MiB for zstd at its default level) costs little.
    pub fn block_size(self) -> usize {
        match self {
            Self::None | Self::Gzip => 1 << 20,
            Self::Zstd => 4 << 20,
        }
    }
}
