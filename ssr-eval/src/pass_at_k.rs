//! The unbiased estimator pass@k, for one problem and as a mean over problems.

/// The unbiased estimate of the probability that at least one of `k` samples is right, given that
/// `c` of `n` samples were: `1 − C(n−c, k) / C(n, k)` (Chen et al., arXiv 2107.03374, eq. 1).
///
/// It is computed as a product of at most `min(c, k)` factors below one, so that nothing overflows.
/// Every input has a value:
/// - `c > n` is read as `c = n`;
/// - `k > n` has no unbiased estimate. The value is that of `k = n`, a lower bound: 1 when any
///   sample was right, else 0. [`mean_pass_at_k`] returns `None` instead;
/// - `n = 0` or `k = 0` gives 0.
///
/// ```
/// assert_eq!(ssr_eval::pass_at_k(5, 1, 1), 0.2);
/// assert_eq!(ssr_eval::pass_at_k(5, 4, 2), 1.0);
/// ```
#[must_use]
pub fn pass_at_k(n: usize, c: usize, k: usize) -> f64 {
    let (c, k) = (c.min(n), k.min(n));
    if n - c < k {
        return 1.0;
    }
    // C(n−c, k) / C(n, k) is symmetric in c and k: take the shorter product.
    let (short, long) = (c.min(k), c.max(k));
    // `1 - all_wrong` cancels digits when the result is small, and the sum rounds at every step
    // when it is large: compute both and return the accurate one.
    let (mut right, mut all_wrong) = (0.0, 1.0);
    for i in 0..short {
        let hit = long as f64 / (n - i) as f64;
        right += (1.0 - right) * hit;
        all_wrong *= 1.0 - hit;
        if all_wrong < f64::EPSILON / 4.0 {
            return 1.0;
        }
    }
    if all_wrong > 0.5 { right } else { 1.0 - all_wrong }
}

/// The mean of [`pass_at_k`] over problems, each given as `(n, c)`: samples and right samples.
///
/// `None` without problems, with `k = 0`, or when a problem has fewer than `k` samples. The
/// benchmarks report no number in these cases.
///
/// ```
/// use ssr_eval::mean_pass_at_k;
///
/// assert_eq!(mean_pass_at_k([(4, 2), (4, 0)], 1), Some(0.25));
/// assert_eq!(mean_pass_at_k([(4, 2), (1, 1)], 2), None);
/// ```
#[must_use]
pub fn mean_pass_at_k(problems: impl IntoIterator<Item = (usize, usize)>, k: usize) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u64);
    for (n, c) in problems {
        if k == 0 || n < k {
            return None;
        }
        sum += pass_at_k(n, c, k);
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_are_as_documented() {
        assert_eq!(pass_at_k(0, 0, 1), 0.0);
        assert_eq!(pass_at_k(3, 0, 0), 0.0);
        assert_eq!(pass_at_k(3, 0, 5), 0.0);
        assert_eq!(pass_at_k(3, 1, 5), 1.0);
        assert_eq!(pass_at_k(3, 9, 1), 1.0);
        assert_eq!(mean_pass_at_k([], 1), None);
        assert_eq!(mean_pass_at_k([(1, 1)], 0), None);
    }

    proptest! {
        #[test]
        fn it_is_a_probability_and_grows_with_c_and_k(n in 0usize..500, c in 0usize..500, k in 0usize..500) {
            let p = pass_at_k(n, c, k);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!(pass_at_k(n, c + 1, k) >= p - 1e-12);
            prop_assert!(pass_at_k(n, c, k + 1) >= p - 1e-12);
        }

        #[test]
        fn pass_at_1_is_the_share_of_right_samples(n in 1usize..1000, share in 0.0..=1.0) {
            let c = (n as f64 * share) as usize;
            prop_assert!((pass_at_k(n, c, 1) - c as f64 / n as f64).abs() < 1e-12);
        }
    }
}
