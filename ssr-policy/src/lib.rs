#![doc = include_str!("../README.md")]
//!
//! ## Features
//!
#![doc = document_features::document_features!()]
#![deny(missing_docs)]
#![deny(unsafe_code)]

mod answer;
mod bound;
mod chat;
mod config;
mod engine;
mod error;
mod files;
mod generator;
mod gguf;
#[cfg(feature = "grammar")]
mod grammar;
mod kernels;
mod kv;
mod lora;
mod model;
mod network;
mod ops;
mod packed;
mod policy;
mod rank;
mod read;
#[cfg(feature = "remote")]
mod remote;
mod score;
mod search;
mod tokenizer;
mod weights;

/// The tensor library, whose types are part of this crate's interface: [`Device`], variables,
/// tensors and their errors.
pub use candle_core;
pub use candle_core::Device;
pub use chat::{
    AssistantTurn, ChatTemplate, CwmFormat, FormatError, HermesFormat, LlamaFormat, RenderOptions,
    Rendered, TemplateInput, Tool, ToolCall, ToolFormat, render, render_with,
};
pub use config::{
    Architecture, EngineConfig, Executor, LayerType, ModelConfig, Precision, RopeScaling,
    WeightType,
};
pub use engine::{Delta, EngineStats};
pub use error::{Error, ModelErrorKind, Result};
pub use files::SaveOptions;
pub use lora::LoraConfig;
pub use model::Model;
pub use policy::{InferencePolicy, LocalPolicy, RankedEdits, TokenStream};
pub use rank::{RankedSequence, Ranks};
#[cfg(feature = "remote")]
pub use remote::{Dialect, Reload, RemotePolicy, RemoteSettings, RemoteUsage};
pub use score::{ScoredSequence, Scores, Target, shared_prefix};
pub use search::{
    BestOfN, Environment, Found, Majority, Ranked, SequenceLogprob, Transition, TreeSearch,
    Verifier, Vote,
};
/// The JSON library, whose values are schemas of tools, messages of templates and bodies of requests.
pub use serde_json;
pub use tokenizer::Tokenizer;
