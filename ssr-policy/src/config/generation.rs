//! Settings of generation: the limits of an engine, the precision of its weights, its executor.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a [`LocalPolicy`](crate::LocalPolicy) generates. Only the precision and the executor change
/// answers.
///
/// ```
/// use ssr_policy::{EngineConfig, Precision};
///
/// let config = EngineConfig::default().with_max_sequences(8).with_precision(Precision::Q8);
/// assert!(config.prefix_cache);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EngineConfig {
    /// The most sequences in the batch; further ones wait (vLLM's `max_num_seqs`). Read also by its
    /// old name `max_rows`. Default: 64.
    #[serde(alias = "max_rows")]
    pub max_sequences: usize,
    /// The most prompt tokens in one step, so that long prompts do not hold up the sequences that
    /// are decoding. Default: 512.
    pub prefill_tokens: usize,
    /// The most bytes of keys and values. Above it, cached blocks that no sequence uses are evicted
    /// first; then the most recently admitted sequences are preempted and recomputed. A single
    /// sequence may exceed it on the CPU. Default: 2 GiB.
    pub kv_bytes: usize,
    /// Whether sequences reuse the blocks of earlier ones that begin with the same tokens.
    /// Default: true.
    pub prefix_cache: bool,
    /// The precision of the weights of the projections. Default: `f32`, the only one whose
    /// log-probabilities equal those of training to the last bit.
    pub precision: Precision,
    /// What computes the forward passes. Default: [`Executor::Auto`].
    pub executor: Executor,
}

/// What computes forward passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Executor {
    /// The kernels for a model on the CPU, tensors for one on a GPU.
    #[default]
    Auto,
    /// This crate's kernels: CPU only, and exact. What is generated has the very log-probabilities
    /// that training computes, whatever the batch.
    Kernels,
    /// candle's operations, on any device. They round as the device's libraries do.
    Tensors,
}

/// The precision of weights in generation. Activations are `f32` unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// 32 bits, as in training.
    #[default]
    F32,
    /// Bfloat16, activations and cache included; only with [`Executor::Tensors`].
    Bf16,
    /// GGUF's `Q8_0`: 8 bits, and a 16-bit scale for 32 weights. What projections multiply by the
    /// weights is rounded to 8 bits as well, with a scale for 32 inputs, as in llama.cpp.
    Q8,
    /// GGUF's `Q4_0`: 4 bits, otherwise like [`Precision::Q8`].
    Q4,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_sequences: 64,
            prefill_tokens: 512,
            kv_bytes: 2 << 30,
            prefix_cache: true,
            precision: Precision::F32,
            executor: Executor::Auto,
        }
    }
}

impl EngineConfig {
    /// Sets [`Self::max_sequences`].
    #[must_use]
    pub fn with_max_sequences(self, max_sequences: usize) -> Self {
        Self { max_sequences, ..self }
    }

    /// Sets [`Self::prefill_tokens`].
    #[must_use]
    pub fn with_prefill_tokens(self, prefill_tokens: usize) -> Self {
        Self { prefill_tokens, ..self }
    }

    /// Sets [`Self::kv_bytes`].
    #[must_use]
    pub fn with_kv_bytes(self, kv_bytes: usize) -> Self {
        Self { kv_bytes, ..self }
    }

    /// Sets [`Self::prefix_cache`].
    #[must_use]
    pub fn with_prefix_cache(self, prefix_cache: bool) -> Self {
        Self { prefix_cache, ..self }
    }

    /// Sets [`Self::precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets [`Self::executor`].
    #[must_use]
    pub fn with_executor(self, executor: Executor) -> Self {
        Self { executor, ..self }
    }

    /// # Errors
    /// [`Error::Input`] when no request could ever be served.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.max_sequences == 0 || self.prefill_tokens == 0 {
            return Err(Error::input("max_sequences and prefill_tokens must be at least 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_the_old_name_and_written_by_the_new_one() {
        let old: EngineConfig = serde_json::from_str(r#"{"max_rows": 3}"#).unwrap();
        assert_eq!(old, EngineConfig::default().with_max_sequences(3));
        let written = serde_json::to_string(&old).unwrap();
        assert!(written.contains(r#""max_sequences":3"#), "{written}");
        assert_eq!(serde_json::from_str::<EngineConfig>(&written).unwrap(), old);
    }
}
