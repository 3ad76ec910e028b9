//! Exponentials and reductions with the same bits on every processor.

use crate::kernels::widened;

/// Number of partial sums of a reduction: element `i` always goes to sum `i % LANES`, which the
/// compiler turns into vector adds and which does not depend on how long the row is.
const LANES: usize = 16;

/// eˣ to within 2 units in the last place, without branches, so that loops over it vectorise.
///
/// Cephes' polynomial. The result does not depend on the platform's mathematics library. Inputs
/// below −87.3 give the smallest normal number instead of 0.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    y * f32::from_bits((exponent.wrapping_add(127) << 23) as u32)
}

/// Sum of `f(i)` over a slice, in a fixed order.
#[inline(always)]
fn sum_by(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(chunks.remainder()) {
        *sum += f(value);
    }
    total(&sums)
}

/// Folds the partial sums pairwise.
#[inline(always)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

widened! {
    pub(super) fn sum(values: &[f32]) -> f32 {
        sum_by(values, |value| value)
    }
}

widened! {
    pub(super) fn sum_of_squares(values: &[f32]) -> f32 {
        sum_by(values, |value| value * value)
    }
}

widened! {
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0f32; LANES];
        let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        for (a, b) in (&mut a).zip(&mut b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        for ((sum, a), b) in sums.iter_mut().zip(a.remainder()).zip(b.remainder()) {
            *sum += a * b;
        }
        total(&sums)
    }
}

widened! {
    /// The largest value, −∞ of none.
    pub(super) fn max(values: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let mut chunks = values.chunks_exact(LANES);
        for chunk in &mut chunks {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane = lane.max(value);
            }
        }
        let rest = chunks.remainder().iter();
        lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, &value| max.max(value))
    }
}

widened! {
    /// Replaces every value by `exp(value - shift)` and returns their sum.
    pub(super) fn exp_in_place(values: &mut [f32], shift: f32) -> f32 {
        for value in values.iter_mut() {
            *value = exp(*value - shift);
        }
        sum(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for step in -87_000..88_000 {
            let x = step as f32 / 1000.0;
            let (got, want) = (exp(x), f64::from(x).exp());
            let relative = (f64::from(got) - want).abs() / want;
            assert!(relative < 2.4e-7, "exp({x}) = {got}, not {want}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(f32::NAN).is_nan());
    }

    #[test]
    fn trailing_zeros_do_not_change_a_sum() {
        let values: Vec<f32> = (0..77).map(|i| (i as f32 * 0.37).sin()).collect();
        let padded = [values.clone(), vec![0.0; 51]].concat();
        assert_eq!(sum(&values).to_bits(), sum(&padded).to_bits());
        assert_eq!(max(&values), values.iter().copied().fold(f32::MIN, f32::max));
    }
}
