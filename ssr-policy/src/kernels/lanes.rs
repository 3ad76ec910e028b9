//! Vectors of floats and integers over the instruction sets of processors.

/// Floats per vector: one AVX-512 register, two of AVX2, four of SSE or NEON.
pub(crate) const LANES: usize = 16;

/// A cache line of bytes: four for each of [`LANES`] outputs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct ByteLine(pub(crate) [u8; 4 * LANES]);

/// A vector of [`LANES`] floats, and vectors of integers beside it. Every implementation rounds
/// alike, once per fused multiply-add, so a kernel that is written over this trait has the same bits
/// on every processor.
///
/// # Safety
/// The methods may only be called where the processor has the features of the implementation, and
/// pointers must be valid for [`LANES`] values (for `count` where one is given).
pub(crate) unsafe trait Lanes: Copy {
    /// [`LANES`] integers of 32 bits.
    type Ints: Copy;
    /// Four unsigned bytes for each of [`LANES`] integers.
    type Bytes: Copy;

    /// Rows of a tile of two vectors: as many as the compiler keeps in registers.
    const ROWS: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * factor + sum`, rounded once.
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self;
    /// [`LANES`] half-precision floats, given by their bits.
    unsafe fn load_f16(from: *const u16) -> Self;
    unsafe fn from_ints(ints: Self::Ints) -> Self;
    unsafe fn splat_int(value: i32) -> Self::Ints;
    unsafe fn load_bytes(from: &ByteLine) -> Self::Bytes;
    /// The low and the high four bits of each byte.
    unsafe fn nibbles(bytes: Self::Bytes) -> (Self::Bytes, Self::Bytes);
    /// Adds to every sum its four bytes times the four signed bytes of an integer of `x`.
    unsafe fn dot(sums: Self::Ints, bytes: Self::Bytes, x: Self::Ints) -> Self::Ints;

    /// The first `count` floats.
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, count: usize) {
        if count >= LANES {
            // SAFETY: the caller vouches for `count` floats.
            unsafe { self.store(to) };
        } else {
            let mut all = [0.0; LANES];
            // SAFETY: `all` has LANES floats, of which the caller vouches for `count` at `to`.
            unsafe {
                self.store(all.as_mut_ptr());
                std::ptr::copy_nonoverlapping(all.as_ptr(), to, count);
            }
        }
    }
}

/// Without intrinsics.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

// SAFETY: needs no feature; the bounds are the caller's.
unsafe impl Lanes for Portable {
    type Ints = [i32; LANES];
    type Bytes = [u8; 4 * LANES];

    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for LANES floats.
        Self(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for LANES floats.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].mul_add(factor.0[i], sum.0[i])))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the caller vouches for LANES half floats.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        Self(bits.map(|bits| half::f16::from_bits(bits).to_f32()))
    }

    #[inline(always)]
    unsafe fn from_ints(ints: [i32; LANES]) -> Self {
        Self(ints.map(|int| int as f32))
    }

    #[inline(always)]
    unsafe fn splat_int(value: i32) -> [i32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load_bytes(from: &ByteLine) -> Self::Bytes {
        from.0
    }

    #[inline(always)]
    unsafe fn nibbles(bytes: Self::Bytes) -> (Self::Bytes, Self::Bytes) {
        (bytes.map(|byte| byte & 15), bytes.map(|byte| byte >> 4))
    }

    #[inline(always)]
    unsafe fn dot(sums: [i32; LANES], bytes: Self::Bytes, x: [i32; LANES]) -> [i32; LANES] {
        std::array::from_fn(|lane| {
            let x = x[lane].to_ne_bytes();
            let term = |i: usize| i32::from(bytes[4 * lane + i]) * i32::from(x[i] as i8);
            sums[lane] + term(0) + term(1) + term(2) + term(3)
        })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{ByteLine, Lanes};

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    // SAFETY: `Isa::detect` hands this out where AVX2, FMA and F16C exist.
    unsafe impl Lanes for Avx2 {
        type Ints = (__m256i, __m256i);
        type Bytes = (__m256i, __m256i);

        const ROWS: usize = 3;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as for the trait.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
            // SAFETY: as for the trait.
            unsafe {
                Self(
                    _mm256_fmadd_ps(self.0, factor.0, sum.0),
                    _mm256_fmadd_ps(self.1, factor.1, sum.1),
                )
            }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self {
            // SAFETY: as for the trait.
            unsafe {
                Self(
                    _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                    _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
                )
            }
        }

        #[inline(always)]
        unsafe fn from_ints((low, high): Self::Ints) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)) }
        }

        #[inline(always)]
        unsafe fn splat_int(value: i32) -> Self::Ints {
            // SAFETY: as for the trait.
            unsafe { (_mm256_set1_epi32(value), _mm256_set1_epi32(value)) }
        }

        #[inline(always)]
        unsafe fn load_bytes(from: &ByteLine) -> Self::Bytes {
            let from: *const __m256i = std::ptr::from_ref(from).cast();
            // SAFETY: a line has 64 bytes.
            unsafe { (_mm256_load_si256(from), _mm256_load_si256(from.add(1))) }
        }

        #[inline(always)]
        unsafe fn nibbles((first, second): Self::Bytes) -> (Self::Bytes, Self::Bytes) {
            // SAFETY: as for the trait.
            unsafe {
                let mask = _mm256_set1_epi8(15);
                let low = |bytes| _mm256_and_si256(bytes, mask);
                let high = |bytes| _mm256_and_si256(_mm256_srli_epi32::<4>(bytes), mask);
                ((low(first), low(second)), (high(first), high(second)))
            }
        }

        #[inline(always)]
        unsafe fn dot(sums: Self::Ints, bytes: Self::Bytes, x: Self::Ints) -> Self::Ints {
            /// In words, because sums of products of bytes may not fit into one.
            #[inline(always)]
            unsafe fn half(sums: __m256i, bytes: __m256i, x: __m256i) -> __m256i {
                // SAFETY: as for the trait.
                unsafe {
                    let even = _mm256_and_si256(bytes, _mm256_set1_epi16(255));
                    let odd = _mm256_srli_epi16::<8>(bytes);
                    let even_x = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(x));
                    let odd_x = _mm256_srai_epi16::<8>(x);
                    let even = _mm256_madd_epi16(even, even_x);
                    let odd = _mm256_madd_epi16(odd, odd_x);
                    _mm256_add_epi32(sums, _mm256_add_epi32(even, odd))
                }
            }
            // SAFETY: as for the trait.
            unsafe { (half(sums.0, bytes.0, x.0), half(sums.1, bytes.1, x.1)) }
        }
    }

    /// AVX-512 F; for integers, VNNI too.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    // SAFETY: `Isa::detect` hands this out where AVX-512 F exists, and `Isa::detect_integers` where
    // VNNI does.
    unsafe impl Lanes for Avx512 {
        type Ints = __m512i;
        type Bytes = __m512i;

        const ROWS: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm512_set1_ps(value)) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm512_loadu_ps(from)) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as for the trait.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, sum.0)) }
        }

        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
        }

        #[inline(always)]
        unsafe fn from_ints(ints: __m512i) -> Self {
            // SAFETY: as for the trait.
            unsafe { Self(_mm512_cvtepi32_ps(ints)) }
        }

        #[inline(always)]
        unsafe fn splat_int(value: i32) -> __m512i {
            // SAFETY: as for the trait.
            unsafe { _mm512_set1_epi32(value) }
        }

        #[inline(always)]
        unsafe fn load_bytes(from: &ByteLine) -> __m512i {
            // SAFETY: a line has 64 bytes.
            unsafe { _mm512_load_si512(std::ptr::from_ref(from).cast()) }
        }

        #[inline(always)]
        unsafe fn nibbles(bytes: __m512i) -> (__m512i, __m512i) {
            // SAFETY: as for the trait.
            unsafe {
                let mask = _mm512_set1_epi32(0x0f0f_0f0f);
                let high = _mm512_and_si512(_mm512_srli_epi32::<4>(bytes), mask);
                (_mm512_and_si512(bytes, mask), high)
            }
        }

        #[inline(always)]
        unsafe fn dot(sums: __m512i, bytes: __m512i, x: __m512i) -> __m512i {
            // SAFETY: as for the trait.
            unsafe { _mm512_dpbusd_epi32(sums, bytes, x) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};
