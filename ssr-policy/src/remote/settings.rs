//! Settings of a remote policy: address, dialect, timeouts, retries and limits.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The protocol that a server speaks beyond that of OpenAI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Dialect {
    /// Nothing: plain `/v1/chat/completions`, or `/v1/completions` where a tokenizer is given.
    #[default]
    OpenAi,
    /// [vLLM](https://docs.vllm.ai): `/v1/completions` with `return_token_ids`, choices scored by
    /// `prompt_logprobs` or constrained by `structured_outputs`. Log-probabilities are those of
    /// `--logprobs-mode raw_logprobs`, the default.
    Vllm,
    /// [SGLang](https://docs.sglang.io): `/generate` with `input_ids`, choices scored by
    /// `token_ids_logprob` or constrained by a regular expression.
    SgLang,
    /// [llama.cpp](https://github.com/ggml-org/llama.cpp)'s `llama-server`: `/completion` with token
    /// ids, choices scored by `n_probs` or constrained by a grammar.
    LlamaCpp,
}

/// The address of a server, its dialect, and the timeouts, retries and limits of requests to it.
///
/// ```
/// use ssr_policy::{Dialect, RemotePolicy, RemoteSettings};
///
/// # fn main() -> Result<(), ssr_policy::Error> {
/// let settings = RemoteSettings::new("http://127.0.0.1:8000", "Qwen/Qwen3-8B")
///     .with_dialect(Dialect::Vllm)
///     .with_max_in_flight(64);
/// let policy = RemotePolicy::new(settings)?.with_api_key("secret")?;
/// assert!(!format!("{policy:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RemoteSettings {
    /// The root of the server, such as `http://127.0.0.1:8000`; a final `/v1` is dropped.
    pub base_url: String,
    /// The name under which the server knows the model.
    pub model: String,
    /// The protocol of the server. Default: that of OpenAI alone.
    #[serde(default)]
    pub dialect: Dialect,
    /// Timeout of connecting, in seconds. Default: 10.
    #[serde(default = "defaults::connect_timeout")]
    pub connect_timeout: f64,
    /// Timeout of one attempt, from its start to the complete response, in seconds. Default: 600.
    #[serde(default = "defaults::timeout")]
    pub timeout: f64,
    /// The most retries of a request after a status of 429 or 5xx, a timeout or a lost connection.
    /// Default: 5.
    #[serde(default = "defaults::retries")]
    pub retries: u32,
    /// Seconds before the first retry; doubled for each further one, then multiplied by a random
    /// factor of 0.5 to 1. Default: 0.5.
    #[serde(default = "defaults::first_delay")]
    pub first_delay: f64,
    /// The longest wait in seconds, also for a server's `Retry-After`. Default: 60.
    #[serde(default = "defaults::max_delay")]
    pub max_delay: f64,
    /// The most HTTP requests in flight, over all threads. Default: 32.
    #[serde(default = "defaults::max_in_flight")]
    pub max_in_flight: usize,
    /// The largest response that is read, in bytes. Default: 64 MiB.
    #[serde(default = "defaults::max_response_bytes")]
    pub max_response_bytes: u64,
    /// The context window of the served model in tokens. An answer that reaches it ends by length;
    /// without it the server refuses the request. Default: `None`, not known.
    #[serde(default)]
    pub context_window: Option<usize>,
}

mod defaults {
    pub(super) fn connect_timeout() -> f64 {
        10.0
    }
    pub(super) fn timeout() -> f64 {
        600.0
    }
    pub(super) fn retries() -> u32 {
        5
    }
    pub(super) fn first_delay() -> f64 {
        0.5
    }
    pub(super) fn max_delay() -> f64 {
        60.0
    }
    pub(super) fn max_in_flight() -> usize {
        32
    }
    pub(super) fn max_response_bytes() -> u64 {
        64 << 20
    }
}

impl RemoteSettings {
    /// The defaults for a server and a model.
    #[must_use]
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            dialect: Dialect::OpenAi,
            connect_timeout: defaults::connect_timeout(),
            timeout: defaults::timeout(),
            retries: defaults::retries(),
            first_delay: defaults::first_delay(),
            max_delay: defaults::max_delay(),
            max_in_flight: defaults::max_in_flight(),
            max_response_bytes: defaults::max_response_bytes(),
            context_window: None,
        }
    }

    /// Sets [`Self::dialect`].
    #[must_use]
    pub fn with_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// Sets [`Self::connect_timeout`].
    #[must_use]
    pub fn with_connect_timeout(self, connect_timeout: f64) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Sets [`Self::timeout`].
    #[must_use]
    pub fn with_timeout(self, timeout: f64) -> Self {
        Self { timeout, ..self }
    }

    /// Sets [`Self::retries`].
    #[must_use]
    pub fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Sets [`Self::first_delay`].
    #[must_use]
    pub fn with_first_delay(self, first_delay: f64) -> Self {
        Self { first_delay, ..self }
    }

    /// Sets [`Self::max_delay`].
    #[must_use]
    pub fn with_max_delay(self, max_delay: f64) -> Self {
        Self { max_delay, ..self }
    }

    /// Sets [`Self::max_in_flight`].
    #[must_use]
    pub fn with_max_in_flight(self, max_in_flight: usize) -> Self {
        Self { max_in_flight, ..self }
    }

    /// Sets [`Self::max_response_bytes`].
    #[must_use]
    pub fn with_max_response_bytes(self, max_response_bytes: u64) -> Self {
        Self { max_response_bytes, ..self }
    }

    /// Sets [`Self::context_window`].
    #[must_use]
    pub fn with_context_window(self, context_window: impl Into<Option<usize>>) -> Self {
        Self { context_window: context_window.into(), ..self }
    }

    /// Refuses what cannot work and brings the URL into one form.
    pub(super) fn checked(mut self) -> Result<Self> {
        let wrong = |problem: String| Err(Error::input(problem));
        let url = self.base_url.trim_end_matches('/');
        let url = url.strip_suffix("/v1").unwrap_or(url);
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        match host {
            Some(host) if host.contains('@') => {
                // The URL appears in messages.
                return wrong("the base URL holds a password; use `with_api_key`".to_owned());
            }
            Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => {}
            _ => {
                return wrong(format!("the base URL is {url:?}; it must be like http://host:8000"));
            }
        }
        self.base_url = url.to_owned();
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("timeout", self.timeout),
            ("first_delay", self.first_delay),
            ("max_delay", self.max_delay),
        ];
        for (name, seconds) in times {
            let zero_works = name.ends_with("delay");
            if !((0.0..=1e6).contains(&seconds) && (seconds > 0.0 || zero_works)) {
                return wrong(format!("{name} is {seconds}; it must be a number of seconds"));
            }
        }
        if self.max_in_flight == 0 || self.max_response_bytes == 0 {
            return wrong("max_in_flight and max_response_bytes must be positive".to_owned());
        }
        Ok(self)
    }
}
