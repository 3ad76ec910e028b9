use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use ssr_core::{PolicyError, Seed};

use super::http::Failure;
use super::settings::Dialect;
use super::{RemotePolicy, wire};
use crate::model::Model;

/// One request that makes a server take new weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Reload {
    /// The path, with its query, such as `/collective_rpc`.
    pub path: String,
    /// The body.
    pub body: Value,
}

impl Dialect {
    /// How the server of this dialect is told to read the weights in a folder, as it sees it; empty
    /// where it cannot.
    ///
    /// - vLLM, started with `VLLM_SERVER_DEV_MODE=1` on this very folder: `/collective_rpc` with
    ///   `reload_weights`, then `/reset_prefix_cache`.
    /// - SGLang: `/update_weights_from_disk`, which also flushes its cache.
    pub fn reload(self, folder: &Path, version: u64) -> Vec<Reload> {
        let call = |path: &str, body| Reload { path: path.to_owned(), body };
        match self {
            Self::Vllm => vec![
                call("/collective_rpc", json!({"method": "reload_weights"})),
                call("/reset_prefix_cache", json!({})),
            ],
            Self::SgLang => vec![call(
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
    /// Writes the weights to a folder that the server reads too, makes the server take them as its
    /// dialect says, and counts the version up. Answers that are under way are awaited first, and
    /// none begins meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be written, the server cannot take weights while it runs, or refuses
    /// them. The server may then have either version: push again before asking it.
    pub fn push(&self, model: &Model, folder: &Path) -> Result<u64, PolicyError> {
        let calls = self.client.settings.dialect.reload(folder, self.weight_version() + 1);
        self.push_with(model, folder, &calls)
    }

    /// [`Self::push`] with requests of one's own, sent one after another.
    ///
    /// # Errors
    /// As there, and when there is no request.
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
                Failure::Request(problem) => PolicyError::infrastructure(DOING, problem),
                Failure::Server(error) => error,
            })?;
        }
        Ok(self.version.fetch_add(1, Ordering::AcqRel) + 1)
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
