use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a server understands beyond OpenAI's protocol.
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

/// Where a model is served and how patiently it is asked.
///
/// ```
/// use ssr_policy::{Dialect, RemotePolicy, RemoteSettings};
///
/// # fn main() -> Result<(), ssr_policy::Error> {
/// let settings = RemoteSettings {
///     dialect: Dialect::Vllm,
///     max_in_flight: 64,
///     ..RemoteSettings::new("http://127.0.0.1:8000", "Qwen/Qwen3-8B")
/// };
/// let policy = RemotePolicy::new(settings)?.with_api_key("secret")?;
/// assert!(!format!("{policy:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteSettings {
    /// The root of the server, such as `http://127.0.0.1:8000`; a final `/v1` is dropped.
    pub base_url: String,
    /// The name under which the server knows the model.
    pub model: String,
    /// What the server understands. Default: OpenAI's protocol alone.
    #[serde(default)]
    pub dialect: Dialect,
    /// Seconds until a connection must stand. Default: 10.
    #[serde(default = "defaults::connect_timeout")]
    pub connect_timeout: f64,
    /// Seconds until an answer must be complete, each try by itself. Default: 600.
    #[serde(default = "defaults::timeout")]
    pub timeout: f64,
    /// How often a request is repeated after a status of 429 or 5xx, a timeout or a lost
    /// connection. Default: 5.
    #[serde(default = "defaults::retries")]
    pub retries: u32,
    /// Seconds before the first repetition; doubled for each further one, then varied by a factor
    /// of 0.5 to 1. Default: 0.5.
    #[serde(default = "defaults::first_delay")]
    pub first_delay: f64,
    /// The longest wait in seconds, also for a server's `Retry-After`. Default: 60.
    #[serde(default = "defaults::max_delay")]
    pub max_delay: f64,
    /// How many HTTP requests are under way together, over all threads. Default: 32.
    #[serde(default = "defaults::max_in_flight")]
    pub max_in_flight: usize,
    /// The largest response that is read, in bytes. Default: 64 MiB.
    #[serde(default = "defaults::max_response_bytes")]
    pub max_response_bytes: u64,
    /// The context window of the served model in tokens, with which answers end by length instead
    /// of being refused by the server; `None` where it is not known. Default: `None`.
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

    /// Refuses what cannot work and brings the URL into one form.
    pub(super) fn checked(mut self) -> Result<Self> {
        let wrong = |problem: String| Err(Error::Input { problem });
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
