//! The memory bandwidth of the machine.

use std::time::Instant;

use rayon::prelude::*;

/// Bytes that all cores together read from memory in a second, the best of some runs.
pub fn read() -> f64 {
    let values = vec![1u64; 1 << 26];
    let run = || {
        let start = Instant::now();
        let sum: u64 = values
            .par_chunks(1 << 16)
            .map(|chunk| {
                // Many sums, so that the additions don't wait for each other.
                let mut sums = [0u64; 16];
                for values in chunk.as_chunks::<16>().0 {
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                sums.iter().sum::<u64>()
            })
            .sum();
        assert_eq!(sum, 1 << 26);
        start.elapsed().as_secs_f64()
    };
    let best = (0..7).map(|_| run()).fold(f64::INFINITY, f64::min);
    size_of_val(&values[..]) as f64 / best
}
