//! New weights for a server.

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use ssr_core::{PolicyError, Seed};

use super::http::RemoteFailure;
use super::settings::Dialect;
use super::{RemotePolicy, wire};
use crate::model::Model;

/// One request that makes a server load new weights.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Reload {
    /// The path, with its query, such as `/collective_rpc`.
    pub path: String,
    /// The body.
    pub body: Value,
}

impl Reload {
    /// A `POST` of a body to a path of the server.
    pub fn new(path: impl Into<String>, body: Value) -> Self {
        Self { path: path.into(), body }
    }
}

impl Dialect {
    /// The requests that make a server of this dialect load the weights in a folder, given by its path
    /// on the server; empty where the server cannot.
    ///
    /// - vLLM, started with `VLLM_SERVER_DEV_MODE=1` on this very folder: `/collective_rpc` with
    ///   `reload_weights`, then `/reset_prefix_cache`.
    /// - SGLang: `/update_weights_from_disk`, which also flushes its cache.
    #[must_use]
    pub fn reload(self, folder: &Path, version: u64) -> Vec<Reload> {
        match self {
            Self::Vllm => vec![
                Reload::new("/collective_rpc", json!({"method": "reload_weights"})),
                Reload::new("/reset_prefix_cache", json!({})),
            ],
            Self::SgLang => vec![Reload::new(
                "/update_weights_from_disk",
                json!({
                    "model_path": folder,
                    "flush_cache": true,
                    "weight_version": version.to_string(),
                }),
            )],
            Self::OpenAi | Self::LlamaCpp => Vec::new(),
        }
    }
}

impl RemotePolicy {
    /// Writes the weights to a folder that the server reads too, makes the server load them by the
    /// requests of its dialect, and increments the version. It waits for requests in flight and holds
    /// back new ones until the server has answered.
    ///
    /// # Errors
    /// When the folder cannot be written, the server cannot load weights while it runs, or refuses
    /// them. The server may then have either version: push again before the next request.
    pub fn push(&self, model: &Model, folder: &Path) -> Result<u64, PolicyError> {
        let calls = self.client.settings.dialect.reload(folder, self.weight_version() + 1);
        self.push_with(model, folder, &calls)
    }

    /// [`Self::push`] with other requests, sent one after another.
    ///
    /// # Errors
    /// Those of [`Self::push`], and when there is no request.
    pub fn push_with(
        &self,
        model: &Model,
        folder: &Path,
        calls: &[Reload],
    ) -> Result<u64, PolicyError> {
        const DOING: &str = "pushing weights to a server";
        if calls.is_empty() {
            let problem = "the server cannot take new weights while it runs; set the dialect of \
                           one that can (vLLM, SGLang), or restart it on the folder";
            return Err(PolicyError::infrastructure(DOING, problem));
        }
        let _alone = self.exchange.write().unwrap_or_else(PoisonError::into_inner);
        model.save(folder).map_err(|error| PolicyError::infrastructure(DOING, error))?;
        let seed = Seed::new(self.weight_version()).derive("push");
        for Reload { path, body } in calls {
            let answer = self.client.post(DOING, path, body, seed).and_then(|bytes| {
                check(&bytes).map_err(|problem| self.client.nonsense(DOING, path, problem))
            });
            answer.map_err(|failure| match failure {
                RemoteFailure::Request(problem) => PolicyError::infrastructure(DOING, problem),
                RemoteFailure::Server(error) => error,
            })?;
        }
        let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
        tracing::debug!(version, "weights pushed to the server");
        Ok(version)
    }
}

/// SGLang says in the answer whether it took them; vLLM answers with the status alone.
fn check(bytes: &[u8]) -> Result<(), String> {
    match wire::parse(bytes) {
        Ok(body) if body["success"] == json!(false) => {
            let said: String = body["message"].to_string().chars().take(400).collect();
            Err(format!("the server did not take the weights: {said}"))
        }
        _ => Ok(()),
    }
}
