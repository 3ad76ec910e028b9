//! Matrix products with weights of 8 or 4 bits.

use rayon::prelude::*;

use super::lanes::{ByteLine, LANES, Lanes};
use super::pages::Pages;
use super::product::{Columns, PANEL, each_panel};
use super::rounded::{QUAD, Rounded};
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
    /// What is added to a weight so that it is not negative.
    fn offset(self) -> i32 {
        match self {
            Self::Eight => 128,
            Self::Four => 8,
        }
    }

    /// Lines that hold [`QUAD`] inputs of [`PANEL`] outputs.
    fn lines(self) -> usize {
        match self {
            Self::Eight => 2,
            Self::Four => 1,
        }
    }

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
    /// [panel][quad of inputs][PANEL][QUAD] integers, each plus [`Bits::offset`]; with four bits, a
    /// byte holds the columns `c` (low) and `c + LANES` (high).
    lines: Pages<ByteLine>,
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
        let quads = inputs / QUAD;
        let mut lines = Pages::<ByteLine>::zeroed(panels * quads * bits.lines());
        let size = quads * bits.lines();
        lines.par_chunks_mut(size).enumerate().for_each(|(panel, lines)| {
            let rows = values[panel * PANEL * inputs..].chunks(inputs).take(PANEL);
            for (column, row) in rows.enumerate() {
                let half = column / LANES;
                for (quad, values) in row.chunks_exact(QUAD).enumerate() {
                    let at = column % LANES * QUAD;
                    let (line, shift) = match bits {
                        Bits::Eight => (2 * quad + half, 0),
                        Bits::Four => (quad, 4 * half),
                    };
                    for (byte, &value) in lines[line].0[at..].iter_mut().zip(values) {
                        *byte |= ((i32::from(value) + bits.offset()) as u8) << shift;
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
        Self { bits, lines, scales: packed_scales, inputs, outputs }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.lines[..]) + size_of_val(&self.scales[..])
    }

    /// The weights of one output.
    pub(crate) fn row(&self, output: usize, into: &mut [f32]) {
        let panel = self.panel(output / PANEL);
        let column = output % PANEL;
        let (half, at) = (column / LANES, column % LANES * QUAD);
        for (input, to) in into.iter_mut().enumerate().take(self.inputs) {
            let (quad, at) = (input / QUAD, at + input % QUAD);
            let value = match self.bits {
                Bits::Eight => panel.lines[2 * quad + half].0[at],
                Bits::Four => panel.lines[quad].0[at] >> (4 * half) & 15,
            };
            let scale = panel.scales[input / GROUP * PANEL + column];
            let value = i32::from(value) - self.bits.offset();
            *to = value as f32 * half::f16::from_bits(scale).to_f32();
        }
    }

    /// `x` [rows, inputs], rounded to eight bits, times the transposed weight into `out` [rows,
    /// outputs]. Within a group integers are multiplied, which is exact; every group's sum is then
    /// scaled and added.
    pub(crate) fn times(&self, x: &[f32], out: &mut [f32]) {
        self.times_by(Isa::detect_integers(), x, out);
    }

    fn times_by(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        let rows = x.len() / self.inputs;
        assert_eq!((x.len(), out.len()), (rows * self.inputs, rows * self.outputs));
        let x = &Rounded::new(x, self.inputs, self.bits.offset());
        // An integer product takes about a quarter of the time of one in floats.
        each_panel(rows, self.inputs.div_ceil(4), self.outputs, out, |index, columns| {
            let panel = self.panel(index);
            // SAFETY: the sizes are checked above and by `panel`; every panel has one task.
            match self.bits {
                Bits::Eight => dispatch!(
                    "avx512f,avx512vnni",
                    isa,
                    eight(x: &Rounded, panel: Panel<'_>, columns: Columns<'_>)
                ),
                Bits::Four => dispatch!(
                    "avx512f,avx512vnni",
                    isa,
                    four(x: &Rounded, panel: Panel<'_>, columns: Columns<'_>)
                ),
            }
        });
    }

    fn panel(&self, index: usize) -> Panel<'_> {
        let lines = self.inputs / QUAD * self.bits.lines();
        let scales = self.inputs / GROUP * PANEL;
        Panel {
            lines: &self.lines[index * lines..(index + 1) * lines],
            scales: &self.scales[index * scales..(index + 1) * scales],
        }
    }
}

#[derive(Clone, Copy)]
struct Panel<'a> {
    lines: &'a [ByteLine],
    scales: &'a [u16],
}

#[inline(always)]
unsafe fn eight<V: Lanes>(x: &Rounded, panel: Panel<'_>, columns: Columns<'_>) {
    // SAFETY: the caller's.
    unsafe { rows::<V, false>(x, panel, columns) }
}

#[inline(always)]
unsafe fn four<V: Lanes>(x: &Rounded, panel: Panel<'_>, columns: Columns<'_>) {
    // SAFETY: the caller's.
    unsafe { rows::<V, true>(x, panel, columns) }
}

#[inline(always)]
unsafe fn rows<V: Lanes, const FOUR: bool>(x: &Rounded, panel: Panel<'_>, columns: Columns<'_>) {
    let mut row = 0;
    while row < x.rows() {
        // SAFETY: `x` has that many rows from `row` on.
        row += unsafe {
            // Two sums for each output: half as many rows fit into the registers.
            match (x.rows() - row).min(V::ROWS / 2) {
                1 => tile::<V, FOUR, 1>(x, panel, columns, row),
                2 => tile::<V, FOUR, 2>(x, panel, columns, row),
                3 => tile::<V, FOUR, 3>(x, panel, columns, row),
                _ => tile::<V, FOUR, 4>(x, panel, columns, row),
            }
        };
    }
}

/// `R` rows by one panel; returns `R`.
#[inline(always)]
unsafe fn tile<V: Lanes, const FOUR: bool, const R: usize>(
    x: &Rounded,
    panel: Panel<'_>,
    columns: Columns<'_>,
    row: usize,
) -> usize {
    // SAFETY: the caller vouches for `R` rows; a panel holds one or two lines for a quad of inputs
    // and PANEL scales for a group, and so does `x` one integer and one scale.
    unsafe {
        let mut totals = [[V::splat(0.0); 2]; R];
        let mut lines = panel.lines.as_ptr();
        let mut scales = panel.scales.as_ptr();
        let (quads, groups): ([_; R], [_; R]) =
            (std::array::from_fn(|r| x.quads(row + r)), std::array::from_fn(|r| x.groups(row + r)));
        for group in 0..panel.scales.len() / PANEL {
            let mut sums = [[V::splat_int(0); 2]; R];
            for (sums, groups) in sums.iter_mut().zip(groups) {
                *sums = [V::splat_int((*groups.add(group)).start); 2];
            }
            for quad in group * (GROUP / QUAD)..(group + 1) * (GROUP / QUAD) {
                let (low, high) = if FOUR {
                    let both = V::nibbles(V::load_bytes(&*lines));
                    lines = lines.add(1);
                    both
                } else {
                    let pair = (V::load_bytes(&*lines), V::load_bytes(&*lines.add(1)));
                    lines = lines.add(2);
                    pair
                };
                for (sums, quads) in sums.iter_mut().zip(quads) {
                    let x = V::splat_int(*quads.add(quad));
                    sums[0] = V::dot(sums[0], low, x);
                    sums[1] = V::dot(sums[1], high, x);
                }
            }
            let weight_scales = [V::load_f16(scales), V::load_f16(scales.add(LANES))];
            scales = scales.add(PANEL);
            for ((totals, sums), groups) in totals.iter_mut().zip(sums).zip(groups) {
                let scale = V::splat((*groups.add(group)).scale);
                for ((total, sum), weight_scale) in totals.iter_mut().zip(sums).zip(weight_scales) {
                    let scale = scale.mul_add(weight_scale, V::splat(0.0));
                    *total = V::from_ints(sum).mul_add(scale, *total);
                }
            }
        }
        for (r, totals) in totals.into_iter().enumerate() {
            columns.store(row + r, totals);
        }
    }
    R
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::Seed;

    /// The definition: per group a product of integers, scaled and added with one rounding.
    fn expected(x: &[f32], values: &[i8], scales: &[u16]) -> f32 {
        let groups = x.chunks(GROUP).zip(values.chunks(GROUP)).zip(scales);
        groups.fold(0.0, |total, ((x, values), &scale)| {
            let largest = x.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            let rounded = x.iter().map(|x| (x * (127.0 / largest)).round_ties_even() as i32);
            let sum: i32 = rounded.zip(values).map(|(x, &value)| x * i32::from(value)).sum();
            let scale = largest / 127.0 * half::f16::from_bits(scale).to_f32();
            (sum as f32).mul_add(scale, total)
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
                    let x: Vec<f32> = (0..rows * inputs)
                        .map(|i| seed.index(i as u64).unit() as f32 - 0.5)
                        .collect();
                    let expected: Vec<f32> = x
                        .chunks(inputs)
                        .flat_map(|x| {
                            let weights = values.chunks(inputs).zip(scales.chunks(groups));
                            weights.map(move |(values, scales)| expected(x, values, scales))
                        })
                        .collect();
                    for isa in Isa::all_integers() {
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
