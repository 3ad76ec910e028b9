//! Matrix products in `f32` with packed weights.

use std::cell::RefCell;

use rayon::prelude::*;

use super::lanes::{LANES, Lanes};
use super::pages::Pages;
use super::{Isa, Shared, dispatch, threads};

/// Outputs per panel: two vectors.
pub(crate) const PANEL: usize = 2 * LANES;
/// Multiplications that are worth a task of their own.
const TASK: usize = 1 << 16;
/// Tasks per thread, so that a delayed thread leaves work to the others.
const TASKS_PER_THREAD: usize = 4;

/// A vector's floats, aligned to a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

impl Line {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    /// The floats of lines.
    pub(crate) fn floats(lines: &[Self]) -> &[f32] {
        // SAFETY: a line is LANES floats without padding.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LANES) }
    }

    /// The floats of lines.
    pub(crate) fn floats_mut(lines: &mut [Self]) -> &mut [f32] {
        // SAFETY: a line is LANES floats without padding.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LANES) }
    }
}

/// A projection's weight in panels: for [`PANEL`] outputs at a time, the weights of the first input,
/// of the second, and so on. A product streams it once, in order, for all of its rows.
pub(crate) struct Packed {
    panels: Pages<Line>,
    inputs: usize,
    outputs: usize,
}

impl Packed {
    /// Packs weights [outputs, inputs] that share their input, one below the other.
    pub(crate) fn new(weights: &[&[f32]], inputs: usize) -> Self {
        let rows: Vec<&[f32]> = weights.iter().flat_map(|weight| weight.chunks(inputs)).collect();
        let outputs = rows.len();
        let mut panels = Pages::zeroed(outputs.div_ceil(PANEL) * inputs * PANEL / LANES);
        let size = inputs * PANEL / LANES;
        panels.par_chunks_mut(size.max(1)).zip(rows.par_chunks(PANEL)).for_each(|(panel, rows)| {
            pack(Line::floats_mut(panel), rows);
        });
        Self { panels, inputs, outputs }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.panels[..])
    }

    /// The weights of one output, which for a tied head is the embedding of a token.
    pub(crate) fn row(&self, output: usize, into: &mut [f32]) {
        let panel = self.panel(output / PANEL);
        let column = panel[output % PANEL..].iter().step_by(PANEL);
        for (value, weight) in into.iter_mut().zip(column) {
            *value = *weight;
        }
    }

    fn panel(&self, index: usize) -> &[f32] {
        let size = self.inputs * PANEL / LANES;
        Line::floats(&self.panels[index * size..(index + 1) * size])
    }

    /// `x` [rows, inputs] times the transposed weight into `out` [rows, outputs].
    pub(crate) fn times(&self, x: &[f32], out: &mut [f32]) {
        self.times_by(Isa::detect(), x, out);
    }

    fn times_by(&self, isa: Isa, x: &[f32], out: &mut [f32]) {
        let rows = x.len() / self.inputs;
        assert_eq!((x.len(), out.len()), (rows * self.inputs, rows * self.outputs));
        each_panel(rows, self.inputs, self.outputs, out, |index, columns| {
            product(isa, x, self.inputs, self.panel(index), columns);
        });
    }
}

/// `x` [rows, inputs] times a transposed weight [outputs, inputs] that is not packed, with the bits
/// of [`Packed::times`]: panels are packed as they are needed.
pub(crate) fn times_rows(x: &[f32], weight: &[f32], inputs: usize, out: &mut [f32]) {
    let (rows, outputs) = (x.len() / inputs, weight.len() / inputs);
    assert_eq!((x.len(), out.len()), (rows * inputs, rows * outputs));
    each_panel(rows, inputs, outputs, out, |index, columns| {
        with_panel(inputs, |panel| {
            let end = outputs.min((index + 1) * PANEL);
            let weight = &weight[index * PANEL * inputs..end * inputs];
            pack(panel, &weight.chunks(inputs).collect::<Vec<_>>());
            product(Isa::detect(), x, inputs, panel, columns);
        });
    });
}

/// `x` [rows, terms] times `values` [terms, width] into `out` [rows, width].
pub(crate) fn times_columns(x: &[f32], values: &[f32], terms: usize, out: &mut [f32]) {
    let (rows, width) = (x.len() / terms, values.len() / terms);
    assert_eq!((x.len(), values.len(), out.len()), (rows * terms, terms * width, rows * width));
    each_panel(rows, terms, width, out, |index, columns| {
        with_panel(terms, |panel| {
            let (first, count) = (index * PANEL, columns.count);
            if count < PANEL {
                panel.fill(0.0);
            }
            for (to, from) in panel.chunks_mut(PANEL).zip(values.chunks(width)) {
                to[..count].copy_from_slice(&from[first..first + count]);
            }
            product(Isa::detect(), x, terms, panel, columns);
        });
    });
}

/// The transpose of a matrix of `columns` columns.
pub(crate) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns.max(1);
    let mut out = vec![0.0; rows * columns];
    // In pieces of a cache line, so that every line is read and written while it is at hand.
    for first in (0..columns).step_by(LANES) {
        for (index, row) in matrix.chunks(columns).enumerate() {
            for column in first..columns.min(first + LANES) {
                out[column * rows + index] = row[column];
            }
        }
    }
    out
}

/// Calls a task with a buffer for a panel, whose content is anything.
fn with_panel(inputs: usize, task: impl FnOnce(&mut [f32])) {
    thread_local! {
        static PANEL_BUFFER: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    }
    // Taken out, because a task that waits for others may run another one on this thread.
    let mut lines = PANEL_BUFFER.take();
    lines.resize(inputs * PANEL / LANES, Line::ZERO);
    task(Line::floats_mut(&mut lines));
    PANEL_BUFFER.set(lines);
}

/// Writes up to [`PANEL`] rows into the columns of a panel; missing ones become 0.
fn pack(panel: &mut [f32], rows: &[&[f32]]) {
    if rows.len() < PANEL {
        panel.fill(0.0);
    }
    // Some inputs at a time, so that the lines that the rows share stay at hand.
    for (index, panel) in panel.chunks_mut(LANES * PANEL).enumerate() {
        for (column, row) in rows.iter().enumerate() {
            let row = &row[index * LANES..];
            for (to, &value) in panel[column..].iter_mut().step_by(PANEL).zip(row) {
                *to = value;
            }
        }
    }
}

/// The columns of a product's output that belong to one panel.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    out: Shared<'a>,
    first: usize,
    count: usize,
    /// Columns of the whole output.
    outputs: usize,
}

impl Columns<'_> {
    /// Stores the panel's sums of a row.
    ///
    /// # Safety
    /// Nobody else may write the columns of this panel, and the processor knows the instructions of
    /// `V`.
    #[inline(always)]
    pub(super) unsafe fn store<V: Lanes>(&self, row: usize, [low, high]: [V; 2]) {
        // SAFETY: the caller's; `piece` checks the bounds.
        unsafe {
            let to = self.out.piece(row * self.outputs + self.first, self.count).as_mut_ptr();
            low.store_first(to, self.count.min(LANES));
            if self.count > LANES {
                high.store_first(to.add(LANES), self.count - LANES);
            }
        }
    }
}

/// Runs `task(panel, its columns of the output)` for all panels, in parallel where it pays.
pub(super) fn each_panel(
    rows: usize,
    inputs: usize,
    outputs: usize,
    out: &mut [f32],
    task: impl Fn(usize, Columns<'_>) + Sync,
) {
    let out = Shared::new(out);
    let panels = outputs.div_ceil(PANEL);
    let run = |index: usize| {
        let first = index * PANEL;
        task(index, Columns { out, first, count: PANEL.min(outputs - first), outputs });
    };
    let threads = threads();
    let work = rows.saturating_mul(inputs).saturating_mul(PANEL).max(1);
    let least = TASK.div_ceil(work);
    if threads == 1 || panels <= least {
        (0..panels).for_each(run);
    } else {
        let chunk = panels.div_ceil(threads * TASKS_PER_THREAD).max(least);
        (0..panels).into_par_iter().with_min_len(chunk).for_each(run);
    }
}

/// All rows by one panel.
fn product(isa: Isa, x: &[f32], inputs: usize, panel: &[f32], columns: Columns<'_>) {
    // SAFETY: `times_by` and `times_rows` have checked the sizes of `x` and the output; a panel has
    // `inputs * PANEL` floats; `each_panel` gives every panel to one task.
    dispatch!(isa, panel_kernel(x: &[f32], inputs: usize, panel: &[f32], columns: Columns<'_>));
}

#[inline(always)]
unsafe fn panel_kernel<V: Lanes>(x: &[f32], inputs: usize, panel: &[f32], columns: Columns<'_>) {
    let rows = x.len() / inputs;
    let mut row = 0;
    while row < rows {
        let left = rows - row;
        let from = x[row * inputs..].as_ptr();
        // SAFETY: `left` rows follow `from`, and each of the sizes is at most `left`.
        row += unsafe {
            match left.min(V::ROWS) {
                1 => tile::<V, 1>(from, inputs, panel, columns, row),
                2 => tile::<V, 2>(from, inputs, panel, columns, row),
                3 => tile::<V, 3>(from, inputs, panel, columns, row),
                4 | 5 => tile::<V, 4>(from, inputs, panel, columns, row),
                6 | 7 => tile::<V, 6>(from, inputs, panel, columns, row),
                _ => tile::<V, 8>(from, inputs, panel, columns, row),
            }
        };
    }
}

/// `R` rows by one panel; returns `R`.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize>(
    x: *const f32,
    inputs: usize,
    panel: &[f32],
    columns: Columns<'_>,
    row: usize,
) -> usize {
    // SAFETY: the caller vouches for `R` rows at `x` and a panel of `inputs * PANEL` floats.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        let mut weights = panel.as_ptr();
        for input in 0..inputs {
            let (low, high) = (V::load(weights), V::load(weights.add(LANES)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = V::splat(*x.add(r * inputs + input));
                sums[0] = value.mul_add(low, sums[0]);
                sums[1] = value.mul_add(high, sums[1]);
            }
            weights = weights.add(PANEL);
        }
        for (r, sums) in sums.into_iter().enumerate() {
            columns.store(row + r, sums);
        }
    }
    R
}

/// `sums` [rows, width] plus `x` [rows, terms] times `values` [terms, width], where `width` is a
/// multiple of [`LANES`], `x` has a row every `stride` floats and `sums` are dense.
///
/// Every sum goes on in the order of the terms, so that cutting them into several calls changes
/// nothing.
pub(crate) fn accumulate(
    x: &[f32],
    (rows, terms, stride): (usize, usize, usize),
    values: &[f32],
    width: usize,
    sums: &mut [f32],
) {
    if rows == 0 || terms == 0 {
        return;
    }
    assert!(width.is_multiple_of(LANES) && x.len() >= (rows - 1) * stride + terms);
    assert!(values.len() >= terms * width && sums.len() >= rows * width);
    let shape = [rows, terms, stride, width];
    // SAFETY: the sizes are checked.
    dispatch!(
        Isa::detect(),
        accumulate_kernel(x: &[f32], shape: [usize; 4], values: &[f32], sums: &mut [f32])
    );
}

#[inline(always)]
unsafe fn accumulate_kernel<V: Lanes>(
    x: &[f32],
    [rows, terms, stride, width]: [usize; 4],
    values: &[f32],
    sums: &mut [f32],
) {
    let mut row = 0;
    while row < rows {
        let left = (rows - row).min(V::ROWS);
        let (x, sums) = (x[row * stride..].as_ptr(), sums[row * width..].as_mut_ptr());
        // SAFETY: `left` rows follow both; the caller has checked the sizes.
        row += unsafe {
            match left {
                1 => run::<V, 1>(x, terms, stride, values, width, sums),
                2 => run::<V, 2>(x, terms, stride, values, width, sums),
                3 => run::<V, 3>(x, terms, stride, values, width, sums),
                4..=7 => run::<V, 4>(x, terms, stride, values, width, sums),
                _ => run::<V, 8>(x, terms, stride, values, width, sums),
            }
        };
    }
}

/// `R` rows of [`accumulate`]; returns `R`.
#[inline(always)]
unsafe fn run<V: Lanes, const R: usize>(
    x: *const f32,
    terms: usize,
    stride: usize,
    values: &[f32],
    width: usize,
    sums: *mut f32,
) -> usize {
    // SAFETY: the caller vouches for `R` rows and `terms` rows of `values`, whose width is a
    // multiple of LANES.
    unsafe {
        let (values, mut column) = (values.as_ptr(), 0);
        while column < width {
            let (values, sums) = (values.add(column), sums.add(column));
            let vectors = (width - column) / LANES;
            // With few rows, more columns keep the multipliers busy.
            if R <= 4 && V::ROWS >= 8 && vectors >= 4 {
                block::<V, R, 4>(x, terms, stride, values, width, sums);
                column += 4 * LANES;
            } else if vectors >= 2 {
                block::<V, R, 2>(x, terms, stride, values, width, sums);
                column += 2 * LANES;
            } else {
                block::<V, R, 1>(x, terms, stride, values, width, sums);
                column += LANES;
            }
        }
    }
    R
}

#[inline(always)]
unsafe fn block<V: Lanes, const R: usize, const C: usize>(
    x: *const f32,
    terms: usize,
    stride: usize,
    mut values: *const f32,
    width: usize,
    sums: *mut f32,
) {
    // SAFETY: the caller vouches for `R` rows of `C` vectors.
    unsafe {
        let mut acc = [[V::splat(0.0); C]; R];
        for (r, acc) in acc.iter_mut().enumerate() {
            for (c, acc) in acc.iter_mut().enumerate() {
                *acc = V::load(sums.add(r * width + c * LANES));
            }
        }
        for term in 0..terms {
            let mut row = [V::splat(0.0); C];
            for (c, row) in row.iter_mut().enumerate() {
                *row = V::load(values.add(c * LANES));
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                let value = V::splat(*x.add(r * stride + term));
                for (acc, row) in acc.iter_mut().zip(row) {
                    *acc = value.mul_add(row, *acc);
                }
            }
            values = values.add(width);
        }
        for (r, acc) in acc.iter().enumerate() {
            for (c, acc) in acc.iter().enumerate() {
                acc.store(sums.add(r * width + c * LANES));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::Seed;

    pub(super) fn random(len: usize, seed: u64) -> Vec<f32> {
        (0..len as u64).map(|i| Seed::new(seed).index(i).unit() as f32 - 0.5).collect()
    }

    /// The definition: a chain of fused multiply-adds.
    fn chain(x: &[f32], weight: &[f32]) -> f32 {
        x.iter().zip(weight).fold(0.0, |sum, (x, w)| x.mul_add(*w, sum))
    }

    #[test]
    fn every_instruction_set_and_number_of_rows_gives_the_bits_of_the_definition() {
        for (inputs, outputs) in [(1, 1), (7, 31), (64, 32), (33, 100), (256, 65)] {
            let weight = random(inputs * outputs, 1);
            let packed = Packed::new(&[&weight], inputs);
            for rows in [1, 2, 3, 5, 7, 12, 13, 40] {
                let x = random(rows * inputs, 2);
                let expected: Vec<f32> = x
                    .chunks(inputs)
                    .flat_map(|x| weight.chunks(inputs).map(move |weight| chain(x, weight)))
                    .collect();
                for isa in Isa::all() {
                    let mut out = vec![f32::NAN; rows * outputs];
                    packed.times_by(isa, &x, &mut out);
                    assert_eq!(out, expected, "{isa:?}, {rows} rows, {inputs} to {outputs}");
                }
                let mut out = vec![f32::NAN; rows * outputs];
                times_rows(&x, &weight, inputs, &mut out);
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn products_with_columns_are_chains_too() {
        for (rows, terms, width) in [(1, 1, 1), (5, 9, 40), (33, 64, 31), (8, 7, 96)] {
            let (x, values) = (random(rows * terms, 1), random(terms * width, 2));
            let mut out = vec![f32::NAN; rows * width];
            times_columns(&x, &values, terms, &mut out);
            let columns = transposed(&values, width);
            let expected: Vec<f32> = x
                .chunks(terms)
                .flat_map(|x| columns.chunks(terms).map(move |column| chain(x, column)))
                .collect();
            assert_eq!(out, expected);
            assert_eq!(transposed(&columns, terms), values);
        }
    }

    #[test]
    fn weights_that_share_an_input_are_packed_together_and_found_again() {
        let (a, b) = (random(20 * 9, 1), random(33 * 9, 2));
        let packed = Packed::new(&[&a, &b], 9);
        assert_eq!((packed.inputs(), packed.outputs()), (9, 53));
        let rows = a.chunks(9).chain(b.chunks(9)).enumerate();
        for (output, expected) in rows {
            let mut row = [0.0; 9];
            packed.row(output, &mut row);
            assert_eq!(row, expected);
        }
    }

    #[test]
    fn accumulating_in_pieces_changes_nothing() {
        let (rows, terms) = (9, 50);
        for width in [16, 32, 48, 80] {
            let (x, values) = (random(rows * terms, 1), random(terms * width, 2));
            let mut whole = vec![0.0; rows * width];
            accumulate(&x, (rows, terms, terms), &values, width, &mut whole);
            for row in 0..rows {
                let mut alone = vec![0.0; width];
                let (first, rest) = x[row * terms..(row + 1) * terms].split_at(13);
                accumulate(first, (1, 13, 13), &values, width, &mut alone);
                accumulate(rest, (1, 37, 37), &values[13 * width..], width, &mut alone);
                assert_eq!(alone, whole[row * width..(row + 1) * width]);
                for (column, &sum) in alone.iter().enumerate() {
                    let values: Vec<f32> =
                        values[column..].iter().step_by(width).copied().collect();
                    assert_eq!(sum, chain(&x[row * terms..(row + 1) * terms], &values));
                }
            }
        }
    }
}
