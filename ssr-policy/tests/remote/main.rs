//! The remote policy, against a scripted server and against llama.cpp.
#![cfg(feature = "remote")]

mod client;
mod gguf;
mod llama_cpp;
mod server;
