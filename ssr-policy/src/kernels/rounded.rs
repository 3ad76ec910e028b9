//! Inputs rounded to 8 bits for products with quantised weights.

use rayon::prelude::*;

use super::quant::GROUP;
use super::{threads, widened};

/// Inputs whose bytes make an integer of 32 bits.
pub(super) const QUAD: usize = 4;

/// Rows of inputs as integers of eight bits with a scale for [`GROUP`] of them, as llama.cpp rounds
/// them, but with a scale of full precision.
pub(super) struct Rounded {
    /// [rows][inputs / QUAD] four signed bytes in the order of memory.
    quads: Vec<i32>,
    /// [rows][inputs / GROUP]
    groups: Vec<Group>,
    inputs: usize,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Group {
    /// What an integer stands for; NaN if an input is.
    pub(super) scale: f32,
    /// Where sums of products begin, so that the weights' offset adds nothing.
    pub(super) start: i32,
}

impl Rounded {
    /// Rounds `x` [rows, inputs] for weights that are stored plus `offset`.
    pub(super) fn new(x: &[f32], inputs: usize, offset: i32) -> Self {
        let mut quads = vec![0; x.len() / QUAD];
        let mut groups = vec![Group::default(); x.len() / GROUP];
        let rows = x.par_chunks(inputs);
        let quads_of = quads.par_chunks_mut(inputs / QUAD);
        let rows = rows.zip(quads_of).zip(groups.par_chunks_mut(inputs / GROUP));
        // A row is little work.
        let least = if threads() == 1 { usize::MAX } else { 4 };
        rows.with_min_len(least).for_each(|((x, quads), groups)| round(x, offset, quads, groups));
        Self { quads, groups, inputs }
    }

    pub(super) fn rows(&self) -> usize {
        self.quads.len() / (self.inputs / QUAD)
    }

    /// The integers of a row.
    pub(super) fn quads(&self, row: usize) -> *const i32 {
        let size = self.inputs / QUAD;
        self.quads[row * size..(row + 1) * size].as_ptr()
    }

    /// The groups of a row.
    pub(super) fn groups(&self, row: usize) -> *const Group {
        let size = self.inputs / GROUP;
        self.groups[row * size..(row + 1) * size].as_ptr()
    }
}

widened! {
    fn round(x: &[f32], offset: i32, quads: &mut [i32], groups: &mut [Group]) {
        let quads = quads.chunks_exact_mut(GROUP / QUAD);
        for ((x, quads), group) in x.chunks_exact(GROUP).zip(quads).zip(groups) {
            // By their bits, NaN is larger than any number.
            let largest = x.iter().fold(0, |largest: u32, x| largest.max(x.abs().to_bits()));
            let largest = f32::from_bits(largest);
            let factor = 127.0 / largest;
            let mut bytes = [0i8; GROUP];
            for (byte, x) in bytes.iter_mut().zip(x) {
                *byte = (x * factor).round_ties_even() as i8;
            }
            let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
            *group = Group { scale: largest / 127.0, start: -offset * sum };
            for (quad, bytes) in quads.iter_mut().zip(bytes.as_chunks::<QUAD>().0) {
                *quad = i32::from_ne_bytes(bytes.map(|byte| byte as u8));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(x: [f32; GROUP]) -> (Vec<i8>, Group) {
        let rounded = Rounded::new(&x, GROUP, 128);
        let bytes = rounded.quads.iter().flat_map(|quad| quad.to_ne_bytes());
        (bytes.map(|byte| byte as i8).collect(), rounded.groups[0])
    }

    #[test]
    fn inputs_are_multiples_of_the_scale() {
        let (bytes, group) = rounded(std::array::from_fn(|i| i as f32 - 10.0));
        assert_eq!(group.scale, 21.0 / 127.0);
        assert_eq!((bytes[0], bytes[10], bytes[31]), (-60, 0, 127));
        let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
        assert_eq!(group.start, -128 * sum);
    }

    #[test]
    fn zeros_stay_zeros_and_what_is_no_number_stays_none() {
        let (bytes, group) = rounded([0.0; GROUP]);
        assert_eq!((bytes, group.scale, group.start), (vec![0; GROUP], 0.0, 0));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (_, group) = rounded(std::array::from_fn(|i| if i == 7 { bad } else { 1.0 }));
            assert!(!group.scale.is_finite());
        }
    }
}
