use rayon::prelude::*;

use super::lanes::{LANES, Lanes};
use super::product::{Columns, PANEL, each_panel};
use super::{Isa, dispatch};

/// Inputs that share a scale, as in GGUF's `Q8_0` and `Q4_0`.
pub(crate) const GROUP: usize = 32;

/// How many bits a quantised weight has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    /// `Q8_0`: −128..=127.
    Eight,
    /// `Q4_0`: −8..=7.
    Four,
}

impl Bits {
    /// Bytes of a block of [`GROUP`] weights in a GGUF file.
    fn block_bytes(self) -> usize {
        match self {
            Self::Eight => 2 + GROUP,
            Self::Four => 2 + GROUP / 2,
        }
    }
}

/// A projection's weight as small integers in panels like those of [`super::Packed`], with one
/// half-precision scale for [`GROUP`] inputs of an output.
pub(crate) struct Quantized {
    bits: Bits,
    /// [panel][input][PANEL] integers; with four bits, a byte holds the columns `c` (low) and
    /// `c + LANES` (high), each plus 8.
    values: Vec<i8>,
    /// [panel][group][PANEL] half-precision floats.
    scales: Vec<u16>,
    inputs: usize,
    outputs: usize,
}

impl Quantized {
    /// Packs weights [outputs, inputs] that share their input, one below the other, given as the
    /// blocks of a GGUF file: a scale and then the integers of [`GROUP`] weights. `None` when the
    /// sizes do not fit.
    pub(crate) fn from_blocks(bits: Bits, weights: &[&[u8]], inputs: usize) -> Option<Self> {
        let row = inputs / GROUP * bits.block_bytes();
        let whole = |weight: &&[u8]| weight.len().is_multiple_of(row);
        if !inputs.is_multiple_of(GROUP) || inputs == 0 || !weights.iter().all(whole) {
            return None;
        }
        let size: usize = weights.iter().map(|weight| weight.len()).sum();
        let mut values = Vec::with_capacity(size / bits.block_bytes() * GROUP);
        let mut scales = Vec::with_capacity(size / bits.block_bytes());
        for block in weights.iter().flat_map(|weight| weight.chunks_exact(bits.block_bytes())) {
            let (scale, integers) = block.split_at(2);
            scales.push(u16::from_le_bytes([scale[0], scale[1]]));
            match bits {
                Bits::Eight => values.extend(integers.iter().map(|&byte| byte as i8)),
                Bits::Four => {
                    values.extend(integers.iter().map(|byte| (byte & 15) as i8 - 8));
                    values.extend(integers.iter().map(|byte| (byte >> 4) as i8 - 8));
                }
            }
        }
        Some(Self::new(bits, &values, &scales, inputs))
    }

    /// Packs rows of integers [outputs, inputs] with their scales [outputs, inputs / GROUP], given
    /// as the bits of half-precision floats. `inputs` is a multiple of [`GROUP`].
    fn new(bits: Bits, values: &[i8], scales: &[u16], inputs: usize) -> Self {
        let groups = inputs / GROUP;
        let outputs = values.len() / inputs;
        assert!(inputs.is_multiple_of(GROUP) && scales.len() == outputs * groups);
        let panels = outputs.div_ceil(PANEL);
        let line = match bits {
            Bits::Eight => PANEL,
            Bits::Four => LANES,
        };
        let mut packed = vec![0i8; panels * inputs * line];
        packed.par_chunks_mut(inputs * line).enumerate().for_each(|(panel, packed)| {
            let rows = values[panel * PANEL * inputs..].chunks(inputs).take(PANEL);
            for (column, row) in rows.enumerate() {
                for (input, &value) in row.iter().enumerate() {
                    match bits {
                        Bits::Eight => packed[input * line + column] = value,
                        Bits::Four => {
                            let nibble = (value + 8) as u8 & 15;
                            let byte = &mut packed[input * line + column % LANES];
                            let shift = if column < LANES { 0 } else { 4 };
                            *byte = (*byte as u8 | nibble << shift) as i8;
                        }
                    }
                }
            }
        });
        let mut packed_scales = vec![0u16; panels * groups * PANEL];
        for (output, row) in scales.chunks(groups).enumerate() {
            for (group, &scale) in row.iter().enumerate() {
                let at = (output / PANEL * groups + group) * PANEL + output % PANEL;
                packed_scales[at] = scale;
            }
        }
        Self { bits, values: packed, scales: packed_scales, inputs, outputs }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.len() + 2 * self.scales.len()
    }

    /// The weights of one output.
    pub(crate) fn row(&self, output: usize, into: &mut [f32]) {
        let panel = self.panel(output / PANEL);
        let column = output % PANEL;
        for (input, to) in into.iter_mut().enumerate().take(self.inputs) {
            let value = match self.bits {
                Bits::Eight => panel.values[input * PANEL + column],
                Bits::Four => {
                    let byte = panel.values[input * LANES + column % LANES] as u8;
                    let nibble = if column < LANES { byte & 15 } else { byte >> 4 };
                    nibble as i8 - 8
                }
            };
            let scale = panel.scales[input / GROUP * PANEL + column];
            *to = f32::from(value) * half::f16::from_bits(scale).to_f32();
        }
    }

    /// `x` [rows, inputs] times the transposed weight into `out` [rows, outputs]. Within a group the
    /// integers are multiplied; every group's sum is then scaled and added.
    pub(crate) fn times(&self, x: &[f32], out: &mut [f32]) {
        self.times_by(Isa::detect(), x, out);
    }

    fn times_by(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        let rows = x.len() / self.inputs;
        assert_eq!((x.len(), out.len()), (rows * self.inputs, rows * self.outputs));
        each_panel(rows, self.inputs, self.outputs, out, |index, columns| {
            let panel = self.panel(index);
            let inputs = self.inputs;
            // SAFETY: the sizes are checked above and by `panel`; every panel has one task.
            match self.bits {
                Bits::Eight => dispatch!(
                    isa,
                    eight(x: &[f32], inputs: usize, panel: Panel<'_>, columns: Columns<'_>)
                ),
                Bits::Four => dispatch!(
                    isa,
                    four(x: &[f32], inputs: usize, panel: Panel<'_>, columns: Columns<'_>)
                ),
            }
        });
    }

    fn panel(&self, index: usize) -> Panel<'_> {
        let values = self.inputs * if self.bits == Bits::Eight { PANEL } else { LANES };
        let scales = self.inputs / GROUP * PANEL;
        Panel {
            values: &self.values[index * values..(index + 1) * values],
            scales: &self.scales[index * scales..(index + 1) * scales],
        }
    }
}

#[derive(Clone, Copy)]
struct Panel<'a> {
    values: &'a [i8],
    scales: &'a [u16],
}

#[inline(always)]
unsafe fn eight<V: Lanes>(x: &[f32], inputs: usize, panel: Panel<'_>, columns: Columns<'_>) {
    // SAFETY: the caller's.
    unsafe { rows::<V, false>(x, inputs, panel, columns) }
}

#[inline(always)]
unsafe fn four<V: Lanes>(x: &[f32], inputs: usize, panel: Panel<'_>, columns: Columns<'_>) {
    // SAFETY: the caller's.
    unsafe { rows::<V, true>(x, inputs, panel, columns) }
}

#[inline(always)]
unsafe fn rows<V: Lanes, const FOUR: bool>(
    x: &[f32],
    inputs: usize,
    panel: Panel<'_>,
    columns: Columns<'_>,
) {
    let rows = x.len() / inputs;
    let mut row = 0;
    while row < rows {
        let from = x[row * inputs..].as_ptr();
        // SAFETY: that many rows follow `from`.
        row += unsafe {
            // Two sums for each output: half as many rows fit into the registers.
            match (rows - row).min(V::ROWS / 2) {
                0 | 1 => tile::<V, FOUR, 1>(from, inputs, panel, columns, row),
                2 => tile::<V, FOUR, 2>(from, inputs, panel, columns, row),
                3 => tile::<V, FOUR, 3>(from, inputs, panel, columns, row),
                4 | 5 => tile::<V, FOUR, 4>(from, inputs, panel, columns, row),
                _ => tile::<V, FOUR, 6>(from, inputs, panel, columns, row),
            }
        };
    }
}

#[inline(always)]
unsafe fn tile<V: Lanes, const FOUR: bool, const R: usize>(
    x: *const f32,
    inputs: usize,
    panel: Panel<'_>,
    columns: Columns<'_>,
    row: usize,
) -> usize {
    // SAFETY: the caller vouches for `R` rows at `x`; a panel holds `inputs` lines of integers and
    // `inputs / GROUP` lines of scales.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        let mut values = panel.values.as_ptr();
        let mut scales = panel.scales.as_ptr();
        for group in 0..inputs / GROUP {
            let mut group_sums = [[V::splat(0.0); 2]; R];
            for input in group * GROUP..(group + 1) * GROUP {
                let (low, high) = if FOUR {
                    let (low, high) = nibbles(values);
                    values = values.add(LANES);
                    (V::load_i8(low.as_ptr()), V::load_i8(high.as_ptr()))
                } else {
                    let pair = (V::load_i8(values), V::load_i8(values.add(LANES)));
                    values = values.add(PANEL);
                    pair
                };
                for (r, sums) in group_sums.iter_mut().enumerate() {
                    let value = V::splat(*x.add(r * inputs + input));
                    sums[0] = value.mul_add(low, sums[0]);
                    sums[1] = value.mul_add(high, sums[1]);
                }
            }
            let (low, high) = (V::load_f16(scales), V::load_f16(scales.add(LANES)));
            scales = scales.add(PANEL);
            for (sums, group) in sums.iter_mut().zip(group_sums) {
                sums[0] = group[0].mul_add(low, sums[0]);
                sums[1] = group[1].mul_add(high, sums[1]);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let to = columns.row(row + r);
            let count = columns.count();
            sums[0].store_first(to, count.min(LANES));
            if count > LANES {
                sums[1].store_first(to.add(LANES), count - LANES);
            }
        }
    }
    R
}

/// The low and the high halves of [`LANES`] bytes, less 8.
#[inline(always)]
unsafe fn nibbles(from: *const i8) -> ([i8; LANES], [i8; LANES]) {
    // SAFETY: the caller vouches for LANES bytes.
    let bytes = unsafe { from.cast::<[u8; LANES]>().read_unaligned() };
    (bytes.map(|byte| (byte & 15) as i8 - 8), bytes.map(|byte| (byte >> 4) as i8 - 8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::Seed;

    /// The definition: per group a chain of fused multiply-adds over the integers, then over the
    /// scaled groups.
    fn expected(x: &[f32], values: &[i8], scales: &[u16]) -> f32 {
        let groups = x.chunks(GROUP).zip(values.chunks(GROUP)).zip(scales);
        groups.fold(0.0, |sum, ((x, values), &scale)| {
            let group =
                x.iter().zip(values).fold(0f32, |sum, (x, &q)| x.mul_add(f32::from(q), sum));
            group.mul_add(half::f16::from_bits(scale).to_f32(), sum)
        })
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_definition() {
        for (bits, span) in [(Bits::Eight, 255), (Bits::Four, 16)] {
            for (inputs, outputs) in [(32, 1), (64, 33), (96, 80)] {
                let groups = inputs / GROUP;
                let seed = Seed::new(3);
                let values: Vec<i8> = (0..inputs * outputs)
                    .map(|i| seed.index(i as u64).below(span) as i16 - span as i16 / 2)
                    .map(|v| v.clamp(-128, 127) as i8)
                    .map(|v| if bits == Bits::Four { v.clamp(-8, 7) } else { v })
                    .collect();
                let scales: Vec<u16> = (0..outputs * groups)
                    .map(|i| half::f16::from_f64(seed.index(i as u64).unit() * 0.1).to_bits())
                    .collect();
                let packed = Quantized::new(bits, &values, &scales, inputs);
                for rows in [1, 2, 5, 6, 13] {
                    let x: Vec<f32> =
                        (0..rows * inputs).map(|i| seed.index(i as u64).unit() as f32).collect();
                    let expected: Vec<f32> = x
                        .chunks(inputs)
                        .flat_map(|x| {
                            let weights = values.chunks(inputs).zip(scales.chunks(groups));
                            weights.map(move |(values, scales)| expected(x, values, scales))
                        })
                        .collect();
                    for isa in Isa::all() {
                        let mut out = vec![f32::NAN; rows * outputs];
                        packed.times_by(isa, &x, &mut out);
                        assert_eq!(out, expected, "{isa:?} {bits:?} {rows} {inputs} {outputs}");
                    }
                }
                let mut row = vec![0.0; inputs];
                packed.row(outputs - 1, &mut row);
                let last = &values[(outputs - 1) * inputs..];
                for (i, (got, &value)) in row.iter().zip(last).enumerate() {
                    let scale = scales[(outputs - 1) * groups + i / GROUP];
                    assert_eq!(*got, f32::from(value) * half::f16::from_bits(scale).to_f32());
                }
            }
        }
    }
}
