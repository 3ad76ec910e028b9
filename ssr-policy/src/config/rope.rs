//! Rotary frequencies and how they are scaled for long contexts.

use std::f32::consts::TAU;

/// How rotary frequencies are changed for contexts longer than those of the pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    #[default]
    None,
    /// All frequencies are divided by a factor.
    Linear {
        /// At least 1.
        factor: f64,
    },
    /// Llama 3's: low frequencies are divided by the factor, high ones are kept, and those between
    /// are interpolated.
    Llama3 {
        /// At least 1.
        factor: f64,
        /// Waves longer than the original context over this are divided.
        low_freq_factor: f64,
        /// Waves shorter than the original context over this are kept; larger than
        /// `low_freq_factor`.
        high_freq_factor: f64,
        /// The context of the pre-training, in tokens.
        original_max_position_embeddings: usize,
    },
}

impl RopeScaling {
    /// `theta^(-2i / dim)` for `i` in `0..dim / 2`, scaled; every step rounds to `f32` where
    /// transformers' `modeling_rope_utils` does.
    pub(super) fn frequencies(&self, theta: f64, dim: usize) -> Vec<f32> {
        let plain = (0..dim).step_by(2).map(|i| 1.0 / theta.powf(i as f64 / dim as f64) as f32);
        match *self {
            Self::None => plain.collect(),
            Self::Linear { factor } => plain.map(|f| f / factor as f32).collect(),
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                let context = original_max_position_embeddings as f64;
                let longest_kept = (context / high_freq_factor) as f32;
                let shortest_divided = (context / low_freq_factor) as f32;
                let between = (high_freq_factor - low_freq_factor) as f32;
                let scale = |frequency: f32| {
                    let wave = TAU / frequency;
                    if wave < longest_kept {
                        frequency
                    } else if wave > shortest_divided {
                        frequency / factor as f32
                    } else {
                        let kept = (context as f32 / wave - low_freq_factor as f32) / between;
                        (1.0 - kept) * frequency / factor as f32 + kept * frequency
                    }
                };
                plain.map(scale).collect()
            }
        }
    }
}
