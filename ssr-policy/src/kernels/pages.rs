//! Memory in large pages.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use super::lanes::ByteLine;
use super::product::Line;

/// Weights in memory of their own, in large pages where the system has them: a step of generation
/// reads all weights once, and looking up small pages takes a tenth of it.
pub(super) struct Pages<T> {
    map: MmapMut,
    len: usize,
    lines: PhantomData<T>,
}

/// A cache line for which any bytes are a value.
///
/// # Safety
/// The type has no padding, and no alignment above that of a page.
pub(super) unsafe trait Plain: Copy + Send + Sync {}

// SAFETY: 64 bytes of floats.
unsafe impl Plain for Line {}
// SAFETY: 64 bytes.
unsafe impl Plain for ByteLine {}

impl<T: Plain> Pages<T> {
    /// So many values, all of whose bytes are 0.
    ///
    /// # Panics
    /// When there is no memory, as [`Vec`] does.
    pub(super) fn zeroed(len: usize) -> Self {
        let bytes = len.checked_mul(size_of::<T>()).expect("a size that exists");
        let map = MmapMut::map_anon(bytes.max(1))
            .unwrap_or_else(|error| panic!("{bytes} bytes for weights: {error}"));
        #[cfg(target_os = "linux")]
        if bytes >= 1 << 21 {
            // A hint: without it, or where it is refused, the pages are small.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Self { map, len, lines: PhantomData }
    }
}

impl<T: Plain> Deref for Pages<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the map has the bytes of `len` values, begins at a page, and any bytes are a value.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_aligned_and_writable() {
        for len in [0, 1, 63, 1 << 16] {
            let mut pages = Pages::<Line>::zeroed(len);
            assert_eq!((pages.len(), pages.as_ptr().addr() % 64), (len, 0));
            assert!(Line::floats(&pages).iter().all(|&value| value == 0.0));
            if let Some(last) = pages.last_mut() {
                last.0[15] = 1.0;
                assert_eq!(Line::floats(&pages).iter().sum::<f32>(), 1.0);
            }
        }
    }
}
