//! A slice that several threads write, each in places of its own.

use std::marker::PhantomData;

/// A slice that several threads write at once, each in places of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: it gives out pieces only through `piece`, whose callers vouch that they do not overlap.
unsafe impl Send for Shared<'_> {}
// SAFETY: the same.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The piece of `len` floats from `start` on.
    ///
    /// # Panics
    /// When it does not lie in the slice.
    ///
    /// # Safety
    /// Nobody else may hold an overlapping piece.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn piece(&self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start <= self.len && len <= self.len - start, "a piece outside of its slice");
        // SAFETY: inside the slice, and the caller vouches that it is nobody else's.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
