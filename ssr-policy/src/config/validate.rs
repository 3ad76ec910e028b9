//! Checks that a configuration can be built.

use super::{Architecture, LayerType, ModelConfig, RopeScaling, config_error};
use crate::error::Result;

/// The largest model that is accepted, in parameters (16 TiB of f32).
const MAX_PARAMETERS: u64 = 1 << 42;
/// Positions are exact in the f32 angles up to 2²⁴.
const MAX_POSITIONS: usize = 1 << 24;

impl ModelConfig {
    /// Checks that a model of this shape can be built.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) with the first field that is out of range or asks for
    /// something that is not implemented.
    pub fn validate(&self) -> Result<()> {
        self.validate_sizes()?;
        self.validate_biases()?;
        self.validate_windows()?;
        self.validate_rope()?;
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            let problem = format!("is {}; it must lie between 0 and 1", self.rms_norm_eps);
            return config_error("rms_norm_eps", problem);
        }
        Ok(())
    }

    fn validate_sizes(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 22),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("max_position_embeddings", self.max_position_embeddings, MAX_POSITIONS),
        ];
        for (field, value, max) in sizes {
            if value == 0 || value > max {
                return config_error(field, format!("is {value}; it must lie in 1..={max}"));
            }
        }
        if self.head_dim % 2 == 1 {
            return config_error("head_dim", format!("is {}; it must be even", self.head_dim));
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            let problem = format!(
                "is {}, which does not divide the {} attention heads",
                self.num_key_value_heads, self.num_attention_heads
            );
            return config_error("num_key_value_heads", problem);
        }
        if self.parameters() > MAX_PARAMETERS {
            let problem = format!("gives {} parameters; no such model exists", self.parameters());
            return config_error("num_hidden_layers", problem);
        }
        Ok(())
    }

    /// What `config.json` of an architecture cannot express would be lost when the model is saved.
    fn validate_biases(&self) -> Result<()> {
        let architecture = self.architecture;
        let (qkv, out) = match architecture {
            Architecture::Llama | Architecture::Qwen3 => (self.attention_bias, self.attention_bias),
            Architecture::Qwen2 => (true, false),
            Architecture::Cwm => (false, false),
        };
        let mlp = matches!(architecture, Architecture::Llama | Architecture::Cwm);
        let biases = [
            ("attention_bias", self.attention_bias, qkv),
            ("attention_output_bias", self.attention_output_bias, out),
            ("mlp_bias", self.mlp_bias, mlp && self.mlp_bias),
        ];
        match biases.iter().find(|(_, is, must)| is != must) {
            Some((field, _, must)) => {
                let name = architecture.name();
                config_error(field, format!("must be {must} in a model of type {name}"))
            }
            None => Ok(()),
        }
    }

    fn validate_windows(&self) -> Result<()> {
        let (types, layers) = (self.layer_types.len(), self.num_hidden_layers);
        if types != 0 && types != layers {
            let problem = format!("has {types} entries for {layers} layers");
            return config_error("layer_types", problem);
        }
        let windowed = self.layer_types.contains(&LayerType::Sliding);
        if windowed && self.architecture == Architecture::Llama {
            return config_error("layer_types", "must not have windows in a model of type llama");
        }
        match self.sliding_window {
            Some(0) => config_error("sliding_window", "is 0; a query sees at least its own token"),
            None if windowed => {
                config_error("sliding_window", "is missing, but layer_types has sliding layers")
            }
            _ => Ok(()),
        }
    }

    fn validate_rope(&self) -> Result<()> {
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return config_error("rope_theta", format!("is {}; it must exceed 1", self.rope_theta));
        }
        // Also refuses what is not a number.
        let scales = |factor: f64| (1.0..=1e6).contains(&factor);
        match self.rope_scaling {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear { factor } | RopeScaling::Llama3 { factor, .. }
                if !scales(factor) =>
            {
                config_error("rope_scaling", format!("has factor {factor}; it must be 1 or more"))
            }
            RopeScaling::Linear { .. } => Ok(()),
            RopeScaling::Llama3 {
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
                ..
            } => {
                if !(low > 0.0 && high > low && high.is_finite()) {
                    let problem = format!(
                        "has low_freq_factor {low} and high_freq_factor {high}; the first must be \
                         positive and below the second"
                    );
                    return config_error("rope_scaling", problem);
                }
                if original == 0 || original > MAX_POSITIONS {
                    let problem = format!("has original_max_position_embeddings {original}");
                    return config_error("rope_scaling", problem);
                }
                Ok(())
            }
        }
    }
}
