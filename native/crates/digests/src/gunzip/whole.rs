use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_SUCCESS,
};

use crate::compression::Compression;

/// Packed bytes of a member that is unpacked whole, at the most: our block, in stored form and with all that is around it.
pub const LARGEST: usize = (1 << 20) + (64 << 10);

/// Unpacks members of up to one of our blocks at once. `libdeflater` has no call that tells where in the input a member ends.
pub struct WholeMembers {
    decompressor: Option<NonNull<libdeflate_decompressor>>,
    plain: Vec<u8>,
    length: usize,
}

// SAFETY: a decompressor is plain memory that belongs to this value alone and to no thread.
unsafe impl Send for WholeMembers {}

impl WholeMembers {
    pub fn new() -> Self {
        Self { decompressor: None, plain: Vec::new(), length: 0 }
    }

    /// Unpacks the member that `packed` begins with, checksum and length verified, and returns its packed length. `None` when
    /// that cannot be done: the member is larger, or cut, or wrong.
    pub fn unpack(&mut self, packed: &[u8]) -> Option<usize> {
        let decompressor = match self.decompressor {
            Some(known) => known,
            // SAFETY: takes nothing and gives memory that is freed when this value is dropped, or null.
            None => *self.decompressor.insert(NonNull::new(unsafe { libdeflate_alloc_decompressor() })?),
        };
        self.plain.resize(Compression::Gzip.block_size(), 0);
        let (mut consumed, mut length) = (0, 0);
        // SAFETY: both slices are valid for their lengths, and the decompressor is alive and used by nobody else.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                decompressor.as_ptr(),
                packed.as_ptr().cast(),
                packed.len(),
                self.plain.as_mut_ptr().cast(),
                self.plain.len(),
                &raw mut consumed,
                &raw mut length,
            )
        };
        if result != libdeflate_result_LIBDEFLATE_SUCCESS {
            return None;
        }
        self.length = length;
        Some(consumed)
    }

    /// What the last call has unpacked.
    pub fn plain(&self) -> &[u8] {
        &self.plain[..self.length]
    }
}

impl Drop for WholeMembers {
    fn drop(&mut self) {
        if let Some(decompressor) = self.decompressor {
            // SAFETY: it was allocated by `libdeflate_alloc_decompressor`, and nothing uses it any more.
            unsafe { libdeflate_free_decompressor(decompressor.as_ptr()) };
        }
    }
}
