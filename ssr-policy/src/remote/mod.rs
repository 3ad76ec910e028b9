//! Models behind a server as policies: text, tokens, and weight updates.

mod http;
mod settings;
mod text;
mod tokens;
mod weights;
mod wire;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ssr_core::{Completion, Policy, PolicyError, Request, Sampling};

use crate::answer::check_sampling;
use crate::error::{Error, Result};
use crate::tokenizer::Tokenizer;
use http::{Client, RemoteFailure};

pub use http::RemoteUsage;
pub use settings::{Dialect, RemoteSettings};
pub use weights::Reload;

const NO_CHOICE: &str = "a server of OpenAI's protocol alone cannot choose among texts; set the \
                         dialect of the server (vLLM, SGLang, llama.cpp)";
const NO_RANKING: &str = "edits are ranked by a model in this process only; use `LocalPolicy`";
const NO_SEGMENTS: &str = "the server does not tell where one part of the answer ends and the next \
                           begins; set its dialect (vLLM, SGLang, llama.cpp) and give a tokenizer";

/// A model behind an OpenAI-compatible server as a [`Policy`].
///
/// With a tokenizer, which must be the served model's own, conversations are rendered here and go to
/// the server as token ids. Answers then have the same segments, constraints and trace as those of a
/// [`LocalPolicy`](crate::LocalPolicy), where the server returns ids and log-probabilities. The
/// trace is `None` where they do not determine the distribution that was sampled from: for a
/// temperature other than 0 and 1, for truncations and penalties.
///
/// Without a tokenizer the server's chat endpoint renders and tokenises, and the trace is always
/// `None`.
///
/// Seeds are passed on; whether equal seeds give equal answers is up to the server.
pub struct RemotePolicy {
    client: Client,
    tokenizer: Option<Arc<Tokenizer>>,
    version: AtomicU64,
    /// Locked for reading by requests in flight, for writing by a push of weights.
    exchange: RwLock<()>,
}

impl std::fmt::Debug for RemotePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemotePolicy")
            .field("settings", &self.client.settings)
            .field("tokenizer", &self.tokenizer)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl RemotePolicy {
    /// A policy of weight version 0. Nothing is sent yet.
    ///
    /// # Errors
    /// When a setting cannot work.
    pub fn new(settings: RemoteSettings) -> Result<Self> {
        Ok(Self {
            client: Client::new(settings.checked()?),
            tokenizer: None,
            version: AtomicU64::new(0),
            exchange: RwLock::new(()),
        })
    }

    /// Sends a key with every request. It appears in no message and no debug output.
    ///
    /// # Errors
    /// When it cannot stand in an HTTP header.
    pub fn with_api_key(mut self, key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::input("the API key is empty or has other than ASCII characters"));
        }
        self.client.set_key(key);
        Ok(self)
    }

    /// Sends and receives token ids, by the served model's tokenizer.
    #[must_use]
    pub fn with_tokenizer(mut self, tokenizer: Tokenizer) -> Self {
        self.tokenizer = Some(Arc::new(tokenizer));
        self
    }

    /// The settings.
    pub fn settings(&self) -> &RemoteSettings {
        &self.client.settings
    }

    /// Counts of the requests so far.
    pub fn usage(&self) -> RemoteUsage {
        self.client.counters.read()
    }

    /// How often weights have been pushed.
    pub fn weight_version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Sets the version, when a run resumes.
    pub fn set_weight_version(&self, version: u64) {
        self.version.store(version, Ordering::Release);
    }

    /// Refuses settings that make no distribution or that the server does not know.
    fn check_sampling(&self, sampling: &Sampling) -> Result<(), RemoteFailure> {
        check_sampling(sampling).map_err(RemoteFailure::Request)?;
        let plain = Sampling::default();
        let own = (sampling.top_k, sampling.min_p, sampling.repetition_penalty);
        if self.client.settings.dialect == Dialect::OpenAi
            && own != (plain.top_k, plain.min_p, plain.repetition_penalty)
        {
            let problem = "OpenAI's protocol alone knows neither top-k, min-p nor a repetition \
                           penalty; set the dialect of the server (vLLM, SGLang, llama.cpp)";
            return Err(RemoteFailure::Request(problem.to_owned()));
        }
        Ok(())
    }

    fn complete_one(&self, request: &Request) -> Result<Completion, RemoteFailure> {
        // The version is read under the lock, so it belongs to the weights.
        let _weights = self.exchange.read().unwrap_or_else(PoisonError::into_inner);
        let completion = match &self.tokenizer {
            Some(tokenizer) => self.complete_tokens(tokenizer, request, self.weight_version()),
            None => self.complete_text(request),
        }?;
        self.client.counters.add(completion.usage);
        Ok(completion)
    }
}

impl Policy for RemotePolicy {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        let results: Vec<Mutex<Option<Result<Completion, RemoteFailure>>>> =
            requests.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(index) else { return };
                let result = self.complete_one(request);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            }
        };
        std::thread::scope(|scope| {
            let threads = self.client.settings.max_in_flight.min(requests.len());
            for _ in 1..threads {
                // With fewer threads it takes longer; the calling thread serves the rest.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let mut completions = Vec::with_capacity(requests.len());
        let mut failure = None;
        for (index, result) in results.into_iter().enumerate() {
            match result.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(Ok(completion)) => completions.push(completion),
                Some(Err(RemoteFailure::Request(problem))) if failure.is_none() => {
                    failure = Some(PolicyError::Request { index, problem });
                }
                Some(Err(RemoteFailure::Server(error))) if failure.is_none() => {
                    failure = Some(error)
                }
                // Not begun after a failure, or failed after one.
                _ => {}
            }
        }
        failure.map_or(Ok(completions), Err)
    }
}
