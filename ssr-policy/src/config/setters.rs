//! Setters for the fields of a model's shape.

use super::{Architecture, LayerType, ModelConfig, RopeScaling, WeightType};

macro_rules! setters {
    ($($with:ident $field:ident: $type:ty;)*) => {
        impl ModelConfig {
            $(
                #[doc = concat!("Sets [`Self::", stringify!($field), "`].")]
                #[must_use]
                pub fn $with(self, $field: $type) -> Self {
                    Self { $field, ..self }
                }
            )*
        }
    };
}

setters! {
    with_architecture architecture: Architecture;
    with_vocab_size vocab_size: usize;
    with_hidden_size hidden_size: usize;
    with_intermediate_size intermediate_size: usize;
    with_num_hidden_layers num_hidden_layers: usize;
    with_num_attention_heads num_attention_heads: usize;
    with_num_key_value_heads num_key_value_heads: usize;
    with_head_dim head_dim: usize;
    with_max_position_embeddings max_position_embeddings: usize;
    with_rope_theta rope_theta: f64;
    with_rope_scaling rope_scaling: RopeScaling;
    with_rms_norm_eps rms_norm_eps: f64;
    with_tie_word_embeddings tie_word_embeddings: bool;
    with_attention_bias attention_bias: bool;
    with_attention_output_bias attention_output_bias: bool;
    with_mlp_bias mlp_bias: bool;
    with_sliding_window sliding_window: Option<usize>;
    with_layer_types layer_types: Vec<LayerType>;
    with_bos_token_id bos_token_id: Option<u32>;
    with_eos_token_ids eos_token_ids: Vec<u32>;
    with_dtype dtype: WeightType;
}
