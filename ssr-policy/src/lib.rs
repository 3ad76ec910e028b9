#![doc = include_str!("../README.md")]
//!
//! ## Features
//!
#![doc = document_features::document_features!()]
#![deny(missing_docs)]
#![deny(unsafe_code)]

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
mod policy;
#[cfg(feature = "remote")]
mod remote;
mod score;
mod search;
mod tokenizer;
mod weights;

pub use candle_core::Device;
pub use chat::{
    AssistantTurn, ChatTemplate, CwmFormat, FormatError, HermesFormat, LlamaFormat, RenderOptions,
    Rendered, TemplateInput, Tool, ToolCall, ToolFormat, render, render_with,
};
pub use config::{Architecture, LayerType, ModelConfig, RopeScaling, WeightType};
pub use engine::{Delta, EngineConfig, EngineStats, Executor, Precision};
pub use error::{Error, Result};
pub use files::SaveOptions;
pub use lora::LoraConfig;
pub use model::Model;
pub use policy::{InferencePolicy, LocalPolicy, Stream};
#[cfg(feature = "remote")]
pub use remote::{Dialect, Reload, RemotePolicy, RemoteSettings, RemoteUsage};
pub use score::{ScoredSequence, Scores, Target};
pub use search::{
    BestOfN, Environment, Found, Majority, Ranked, SequenceLogprob, Step, TreeSearch, Verifier,
    Vote,
};
pub use tokenizer::Tokenizer;
