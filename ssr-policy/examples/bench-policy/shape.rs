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
            Self::Small => ModelConfig {
                hidden_size: 256,
                intermediate_size: 768,
                num_hidden_layers: 5,
                num_attention_heads: 4,
                num_key_value_heads: 2,
                head_dim: 64,
                max_position_embeddings: 4096,
                tie_word_embeddings: true,
                ..tiny
            },
            Self::Half => ModelConfig {
                vocab_size: 151_936,
                hidden_size: 896,
                intermediate_size: 4864,
                num_hidden_layers: 24,
                num_attention_heads: 14,
                num_key_value_heads: 2,
                head_dim: 64,
                max_position_embeddings: 4096,
                tie_word_embeddings: true,
                ..tiny
            },
        }
    }

    /// Bytes that a decoding step has to read, in `f32`.
    pub fn bytes(self) -> f64 {
        self.config().num_parameters() as f64 * 4.0
    }
}
