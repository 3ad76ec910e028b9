//! The shapes of the models that are measured.

use ssr_policy::{Architecture, ModelConfig};

/// Shapes that are measured, with random weights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// 5 million parameters.
    Small,
    /// That of Qwen2.5-0.5B.
    Half,
}

impl Shape {
    pub fn parse(name: &str) -> Result<Self, String> {
        [Self::Small, Self::Half]
            .into_iter()
            .find(|shape| shape.name() == name)
            .ok_or_else(|| format!("there is no shape {name:?}; there are 5m and 0.5b"))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "5m",
            Self::Half => "0.5b",
        }
    }

    /// Tokens of an answer: enough to take a second or so.
    pub fn answer(self) -> usize {
        match self {
            Self::Small => 96,
            Self::Half => 16,
        }
    }

    pub fn config(self) -> ModelConfig {
        let tiny = ModelConfig::tiny_of(Architecture::Qwen2, 4096);
        match self {
            Self::Small => tiny
                .with_hidden_size(256)
                .with_intermediate_size(768)
                .with_num_hidden_layers(5)
                .with_num_attention_heads(4)
                .with_num_key_value_heads(2)
                .with_head_dim(64)
                .with_max_position_embeddings(4096)
                .with_tie_word_embeddings(true),
            Self::Half => tiny
                .with_vocab_size(151_936)
                .with_hidden_size(896)
                .with_intermediate_size(4864)
                .with_num_hidden_layers(24)
                .with_num_attention_heads(14)
                .with_num_key_value_heads(2)
                .with_head_dim(64)
                .with_max_position_embeddings(4096)
                .with_tie_word_embeddings(true),
        }
    }

    /// Bytes that a decoding step has to read, in `f32`.
    pub fn bytes(self) -> f64 {
        self.config().num_parameters() as f64 * 4.0
    }
}
