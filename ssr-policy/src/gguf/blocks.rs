//! Blocks of integers with scales, as ggml quantises weights, back to numbers.
//!
//! The layouts are those of `ggml-common.h`. The operations on `f32` are done in the order of
//! `dequantize_row_*` there, so that every value is equal to the last bit.

use half::f16;

/// A type of block.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Its number in ggml.
    pub(super) code: u32,
    /// Its name in ggml.
    pub(super) name: &'static str,
    /// How many elements a block holds.
    pub(super) elements: usize,
    /// How many bytes it takes.
    pub(super) bytes: usize,
    /// Writes the elements of one block.
    widen: fn(&[u8], &mut [f32]),
}

impl PartialEq for Blocks {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for Blocks {}

impl Blocks {
    const fn new(
        code: u32,
        name: &'static str,
        (elements, bytes): (usize, usize),
        widen: fn(&[u8], &mut [f32]),
    ) -> Self {
        Self { code, name, elements, bytes, widen }
    }

    /// The elements of whole blocks.
    pub(super) fn widen(&self, bytes: &[u8]) -> Vec<f32> {
        let mut values = vec![0.0; bytes.len() / self.bytes * self.elements];
        let blocks = bytes.chunks_exact(self.bytes);
        for (block, values) in blocks.zip(values.chunks_exact_mut(self.elements)) {
            (self.widen)(block, values);
        }
        values
    }
}

/// Every type of block that is read.
pub(super) static ALL: [Blocks; 12] = [
    Blocks::new(2, "Q4_0", (32, 18), q4_0),
    Blocks::new(3, "Q4_1", (32, 20), q4_1),
    Blocks::new(6, "Q5_0", (32, 22), q5_0),
    Blocks::new(7, "Q5_1", (32, 24), q5_1),
    Blocks::new(8, "Q8_0", (32, 34), q8_0),
    Blocks::new(10, "Q2_K", (256, 84), q2_k),
    Blocks::new(11, "Q3_K", (256, 110), q3_k),
    Blocks::new(12, "Q4_K", (256, 144), q4_k),
    Blocks::new(13, "Q5_K", (256, 176), q5_k),
    Blocks::new(14, "Q6_K", (256, 210), q6_k),
    Blocks::new(20, "IQ4_NL", (32, 18), iq4_nl),
    Blocks::new(23, "IQ4_XS", (256, 136), iq4_xs),
];

/// A scale in half precision.
fn half(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The low halves of all bytes, then the high ones.
fn nibbles(bytes: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
    let (low, high) = values.split_at_mut(bytes.len());
    for ((&byte, low), high) in bytes.iter().zip(low).zip(high) {
        *low = value(byte & 15);
        *high = value(byte >> 4);
    }
}

fn q4_0(block: &[u8], values: &mut [f32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], values, |q| f32::from(q as i8 - 8) * scale);
}

fn q4_1(block: &[u8], values: &mut [f32]) {
    let (scale, min) = (half(block, 0), half(block, 2));
    nibbles(&block[4..], values, |q| f32::from(q) * scale + min);
}

/// Integers of 5 bits: `high` has the fifth ones.
fn fives(high: &[u8], low: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
    for (at, out) in values.iter_mut().enumerate() {
        let nibble = if at < 16 { low[at] & 15 } else { low[at - 16] >> 4 };
        *out = value(nibble | (high[at / 8] >> (at % 8) & 1) << 4);
    }
}

fn q5_0(block: &[u8], values: &mut [f32]) {
    let scale = half(block, 0);
    fives(&block[2..6], &block[6..], values, |q| f32::from(q as i8 - 16) * scale);
}

fn q5_1(block: &[u8], values: &mut [f32]) {
    let (scale, min) = (half(block, 0), half(block, 2));
    fives(&block[4..8], &block[8..], values, |q| f32::from(q) * scale + min);
}

fn q8_0(block: &[u8], values: &mut [f32]) {
    let scale = half(block, 0);
    for (&q, out) in block[2..].iter().zip(values) {
        *out = f32::from(q as i8) * scale;
    }
}

/// The 2 bits of an element: of every 128, the lowest 32 come first in 32 bytes.
fn pair(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 128 * 32 + at % 32] >> (at % 128 / 32 * 2) & 3
}

fn q2_k(block: &[u8], values: &mut [f32]) {
    let (scales, quants) = (&block[..16], &block[16..80]);
    let (scale, min) = (half(block, 80), half(block, 82));
    for (group, values) in values.chunks_exact_mut(16).enumerate() {
        let step = scale * f32::from(scales[group] & 15);
        let min = min * f32::from(scales[group] >> 4);
        for (at, out) in values.iter_mut().enumerate() {
            *out = step * f32::from(pair(quants, group * 16 + at)) - min;
        }
    }
}

fn q3_k(block: &[u8], values: &mut [f32]) {
    let (mask, quants, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let scale = half(block, 108);
    for (group, values) in values.chunks_exact_mut(16).enumerate() {
        let low = if group < 8 { scales[group] & 15 } else { scales[group - 8] >> 4 };
        let high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
        let step = scale * f32::from((low | high << 4) as i8 - 32);
        for (at, out) in values.iter_mut().enumerate() {
            let at = group * 16 + at;
            // The third bit counts where it is absent.
            let absent = !(mask[at % 32] >> (at / 32)) & 1;
            *out = step * f32::from(pair(quants, at) as i8 - (absent << 2) as i8);
        }
    }
}

/// The scale and the minimum of a group of 32, 6 bits each of 12 bytes.
fn scale_and_min(scales: &[u8], group: usize) -> (f32, f32) {
    let (scale, min) = match group {
        0..4 => (scales[group] & 63, scales[group + 4] & 63),
        _ => {
            let (both, first, second) = (scales[group + 4], scales[group - 4], scales[group]);
            (both & 15 | first >> 2 & 48, both >> 4 | second >> 2 & 48)
        }
    };
    (f32::from(scale), f32::from(min))
}

/// The nibble of an element: of every 64, the low halves of 32 bytes come first.
fn nibble(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 64 * 32 + at % 32] >> (at % 64 / 32 * 4) & 15
}

fn q4_k(block: &[u8], values: &mut [f32]) {
    with_minima(block, values, |at| nibble(&block[16..], at));
}

fn q5_k(block: &[u8], values: &mut [f32]) {
    let (high, low) = (&block[16..48], &block[48..]);
    with_minima(block, values, |at| nibble(low, at) | (high[at % 32] >> (at / 32) & 1) << 4);
}

/// Groups of 32 with a scale and a minimum each, which stand at the beginning of the block.
fn with_minima(block: &[u8], values: &mut [f32], quant: impl Fn(usize) -> u8) {
    let (scale, min, scales) = (half(block, 0), half(block, 2), &block[4..16]);
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let (step, least) = scale_and_min(scales, group);
        let (step, least) = (scale * step, min * least);
        for (at, out) in values.iter_mut().enumerate() {
            *out = step * f32::from(quant(group * 32 + at)) - least;
        }
    }
}

fn q6_k(block: &[u8], values: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let scale = half(block, 208);
    for (group, values) in values.chunks_exact_mut(16).enumerate() {
        let step = scale * f32::from(scales[group] as i8);
        for (at, out) in values.iter_mut().enumerate() {
            let at = group * 16 + at;
            let nibble = low[at / 128 * 64 + at % 64] >> (at % 128 / 64 * 4) & 15;
            *out = step * f32::from((nibble | pair(high, at) << 4) as i8 - 32);
        }
    }
}

/// What the 16 integers of the non-linear types stand for.
const LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

fn level(q: u8) -> f32 {
    f32::from(LEVELS[usize::from(q & 15)])
}

fn iq4_nl(block: &[u8], values: &mut [f32]) {
    let scale = half(block, 0);
    nibbles(&block[2..], values, |q| scale * level(q));
}

fn iq4_xs(block: &[u8], values: &mut [f32]) {
    let (scale, quants) = (half(block, 0), &block[8..]);
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let low = block[4 + group / 2] >> (group % 2 * 4) & 15;
        let high = block[2 + group / 4] >> (group % 4 * 2) & 3;
        let step = scale * f32::from((low | high << 4) as i8 - 32);
        nibbles(&quants[group * 16..][..16], values, |q| step * level(q));
    }
}
