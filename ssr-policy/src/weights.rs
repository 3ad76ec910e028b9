//! Random initial weights.

use candle_core::{Device, Var};
use ssr_core::Seed;

use crate::config::ModelConfig;
use crate::error::Result;

/// Standard deviation of freshly initialised weights, as in Hugging Face.
const INITIAL_DEVIATION: f64 = 0.02;

/// Random variables: norms are 1, biases 0, everything else uniform with the deviation of Hugging Face's
/// initialisation, smaller for the projections that are added to the residual stream, whose number
/// grows with depth. Uniform numbers need no library function, so every platform gets equal bits.
pub(crate) fn random_vars(config: &ModelConfig, seed: Seed) -> Result<Vec<(String, Var)>> {
    let depth = (2.0 * config.num_hidden_layers as f64).sqrt();
    let var = |(name, shape): (String, Vec<usize>)| {
        let len = shape.iter().product();
        let residual = name.contains("o_proj") || name.contains("down_proj");
        let deviation = if residual { INITIAL_DEVIATION / depth } else { INITIAL_DEVIATION };
        let values = if name.ends_with(".bias") {
            vec![0.0; len]
        } else if shape.len() == 1 {
            vec![1.0; len]
        } else {
            uniform(seed.derive(&name), deviation, len)
        };
        Ok((name, Var::from_vec(values, shape, &Device::Cpu)?))
    };
    config.tensors().into_iter().map(var).collect()
}

/// Uniform numbers around 0 with a standard deviation.
pub(crate) fn uniform(seed: Seed, deviation: f64, len: usize) -> Vec<f32> {
    let width = (deviation * 3f64.sqrt()) as f32;
    let mut rng = seed.rng();
    let unit = |bits: u32| (bits >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..len).map(|_| unit(rng.next_u32()) * width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_weights_have_the_deviation_and_depend_on_the_seed_only() {
        let values = uniform(Seed::new(3), 0.02, 100_000);
        let variance = values.iter().map(|v| f64::from(v * v)).sum::<f64>() / 100_000.0;
        assert!((variance.sqrt() - 0.02).abs() < 2e-4, "{}", variance.sqrt());
        assert_eq!(values, uniform(Seed::new(3), 0.02, 100_000));
        assert_ne!(values, uniform(Seed::new(4), 0.02, 100_000));
    }
}
