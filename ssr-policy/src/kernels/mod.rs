//! Matrix kernels whose bits depend on nothing but their operands.
//!
//! In `f32`, every output is one chain of fused multiply-adds in the order of the input index,
//! whatever the number of rows, the number of threads or the instruction set. So generation, which
//! multiplies a few rows by packed weights, and training, which multiplies many rows by the
//! variables, agree to the last bit without any padding. Quantised weights are multiplied as
//! integers, which depends on none of these either, and training knows nothing of them.

#![allow(unsafe_code)]

mod lanes;
mod pages;
mod product;
mod quant;
mod rounded;
mod shared;

pub(crate) use lanes::LANES;
pub(crate) use product::{Line, PANEL, Packed, accumulate, times_columns, times_rows, transposed};
pub(crate) use quant::{Bits, Quantized};
pub(crate) use shared::Shared;

use std::cell::Cell;
use std::sync::OnceLock;

thread_local! {
    static SERIAL: Cell<bool> = const { Cell::new(false) };
}

/// Runs a task whose kernels stay on this thread.
pub(crate) fn serially<T>(task: impl FnOnce() -> T) -> T {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            SERIAL.set(self.0);
        }
    }
    let _reset = Reset(SERIAL.replace(true));
    task()
}

/// Threads that a kernel may use.
pub(crate) fn threads() -> usize {
    if SERIAL.get() { 1 } else { rayon::current_num_threads() }
}

/// The instruction sets with kernels of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The widest that this processor has.
    pub(crate) fn detect() -> Self {
        static ISA: OnceLock<Isa> = OnceLock::new();
        *ISA.get_or_init(|| Self::all()[0])
    }

    /// The widest that this processor has for products of integers.
    pub(crate) fn detect_integers() -> Self {
        static ISA: OnceLock<Isa> = OnceLock::new();
        *ISA.get_or_init(|| Self::all_integers()[0])
    }

    /// All that this processor has for products of integers, the widest first.
    pub(crate) fn all_integers() -> Vec<Self> {
        let mut all = Self::all();
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("avx512vnni") {
            all.retain(|isa| *isa != Self::Avx512);
        }
        all
    }

    /// All that this processor has, the widest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
            {
                all.push(Self::Avx2);
            }
        }
        all.push(Self::Portable);
        all
    }
}

/// Calls a kernel generic over its vector type, compiled for an instruction set; those that multiply
/// integers take theirs from [`Isa::detect_integers`] and need more of AVX-512.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident $args:tt) => {
        $crate::kernels::dispatch!("avx512f", $isa, $kernel $args)
    };
    ($avx512:literal, $isa:expr, $kernel:ident ( $($arg:ident : $type:ty),* $(,)? )) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $avx512)]
        unsafe fn avx512($($arg: $type),*) {
            // SAFETY: the caller's.
            unsafe { $kernel::<$crate::kernels::lanes::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,f16c")]
        unsafe fn avx2($($arg: $type),*) {
            // SAFETY: the caller's.
            unsafe { $kernel::<$crate::kernels::lanes::Avx2>($($arg),*) }
        }
        // SAFETY: `Isa` values of an instruction set are made by `Isa::all` where it exists; the
        // rest is the caller's.
        unsafe {
            match $isa {
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Isa::Avx512 => avx512($($arg),*),
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Isa::Avx2 => avx2($($arg),*),
                $crate::kernels::Isa::Portable => {
                    $kernel::<$crate::kernels::lanes::Portable>($($arg),*)
                }
            }
        }
    }};
}
pub(crate) use dispatch;

/// Defines a function over slices whose loops are compiled for every instruction set. The compiler
/// may not contract or reorder floating-point operations, so all of them give the same bits.
macro_rules! widened {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code)]
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn portable($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn avx512($($arg: $type),*) $(-> $ret)? {
                portable($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),*) $(-> $ret)? {
                portable($($arg),*)
            }
            match $crate::kernels::Isa::detect() {
                // SAFETY: `Isa` values are made where the instruction set exists.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::Isa::Avx2 => unsafe { avx2($($arg),*) },
                $crate::kernels::Isa::Portable => portable($($arg),*),
            }
        }
    };
}
pub(crate) use widened;
