//! JSON requests to one server, retried where that may help.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use ssr_core::{PolicyError, Seed};

use super::settings::RemoteSettings;
use crate::error::Error;

/// How much of a refusal is quoted.
const QUOTE: usize = 400;

/// Counts of the requests of a [`RemotePolicy`](crate::RemotePolicy) so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RemoteUsage {
    /// HTTP requests, retries included.
    pub requests: u64,
    /// Retries alone.
    pub retries: u64,
    /// Requests that failed after all retries.
    pub failures: u64,
    /// Tokens of the prompts of completed answers.
    pub prompt_tokens: u64,
    /// Tokens of the completed answers.
    pub completion_tokens: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    prompt_tokens: AtomicU64,
    completion_tokens: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> RemoteUsage {
        RemoteUsage {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            prompt_tokens: self.prompt_tokens.load(Ordering::Relaxed),
            completion_tokens: self.completion_tokens.load(Ordering::Relaxed),
        }
    }

    pub(super) fn add(&self, usage: ssr_core::Usage) {
        self.prompt_tokens.fetch_add(usage.prompt_tokens, Ordering::Relaxed);
        self.completion_tokens.fetch_add(usage.completion_tokens, Ordering::Relaxed);
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum RemoteFailure {
    /// The request is wrong; another one may work.
    Request(String),
    /// The server or the connection failed.
    Server(PolicyError),
}

/// A connection pool to one server.
pub(super) struct Client {
    agent: ureq::Agent,
    pub(super) settings: RemoteSettings,
    key: Option<String>,
    in_flight: Semaphore,
    pub(super) counters: Counters,
}

/// How one attempt at a request ended.
enum Attempt {
    Answered(Vec<u8>),
    Refused(RemoteFailure),
    /// May succeed if it is retried, after the server's own delay where it named one.
    Retry {
        problem: String,
        after: Option<Duration>,
        source: Option<ureq::Error>,
    },
}

impl Client {
    pub(super) fn new(settings: RemoteSettings) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirection would carry the prompts, if not the key, to another place.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs_f64(settings.connect_timeout)))
            .timeout_global(Some(Duration::from_secs_f64(settings.timeout)))
            .max_idle_connections(settings.max_in_flight)
            .max_idle_connections_per_host(settings.max_in_flight)
            .user_agent(concat!("ssr-policy/", env!("CARGO_PKG_VERSION")))
            .build();
        let in_flight =
            Semaphore { permits: Mutex::new(settings.max_in_flight), released: Condvar::new() };
        let agent = config.new_agent();
        Self { agent, settings, key: None, in_flight, counters: Counters::default() }
    }

    pub(super) fn set_key(&mut self, key: String) {
        self.key = Some(key);
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base_url)
    }

    /// Posts a body until it is answered or refused, or its retries are used up. The seed varies the
    /// delays.
    pub(super) fn post(
        &self,
        doing: &'static str,
        path: &str,
        body: &Value,
        seed: Seed,
    ) -> Result<Vec<u8>, RemoteFailure> {
        let url = self.url(path);
        let body = body.to_string();
        let _span =
            tracing::debug_span!("remote_request", doing, url, bytes = body.len()).entered();
        let mut tries = 0;
        let failure = loop {
            match self.send(doing, &url, body.as_bytes()) {
                Attempt::Answered(bytes) => return Ok(bytes),
                Attempt::Refused(failure) => break failure,
                Attempt::Retry { problem, after, source } => {
                    let limit = Duration::from_secs_f64(self.settings.max_delay);
                    let too_long = after.is_some_and(|after| after > limit);
                    if tries >= self.settings.retries || too_long {
                        let tries = tries + 1;
                        let wait = after.filter(|_| too_long);
                        let wait = wait.map_or(String::new(), |after| {
                            format!("; it asks for {} s, more than max_delay", after.as_secs())
                        });
                        let problem = format!(
                            "{problem} at try {tries}{wait}; is the server up, or too busy for \
                             max_in_flight requests?"
                        );
                        break self.broken_by(doing, &url, problem, source);
                    }
                    tracing::debug!(tries, problem, "remote request is retried");
                    std::thread::sleep(after.unwrap_or(self.delay(tries, seed)));
                    tries += 1;
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        tracing::debug!(tries, "remote request failed");
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        Err(failure)
    }

    fn delay(&self, tries: u32, seed: Seed) -> Duration {
        let doubled = self.settings.first_delay * 2f64.powi(tries.min(30) as i32);
        let varied = 0.5 + 0.5 * seed.derive("retry").index(u64::from(tries)).unit();
        Duration::from_secs_f64(doubled.min(self.settings.max_delay) * varied)
    }

    fn send(&self, doing: &'static str, url: &str, body: &[u8]) -> Attempt {
        let _permit = self.in_flight.acquire();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let mut request = self.agent.post(url).content_type("application/json");
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return self.lost(doing, url, error),
        };
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let after = after.and_then(|text| text.trim().parse::<u32>().ok());
        let after = after.map(|seconds| Duration::from_secs(u64::from(seconds)));
        let limit = self.settings.max_response_bytes;
        let bytes = match response.body_mut().with_config().limit(limit).read_to_vec() {
            Ok(bytes) => bytes,
            Err(error) => return self.lost(doing, url, error),
        };
        if (200..300).contains(&status) {
            return Attempt::Answered(bytes);
        }
        let said = quote(&String::from_utf8_lossy(&bytes));
        let problem = self.without_key(&format!("POST {url}: status {status}: {said}"));
        match status {
            429 | 500..600 => Attempt::Retry { problem, after, source: None },
            400 | 413 | 422 => Attempt::Refused(RemoteFailure::Request(problem)),
            _ => {
                let remedy = match status {
                    401 | 403 => "check the API key",
                    404 | 405 => "check the base URL, the model's name and the dialect",
                    300..=399 => "redirections are not followed; give the final URL",
                    _ => "the server refuses requests like this",
                };
                Attempt::Refused(self.broken(
                    doing,
                    url,
                    format!("status {status}: {said}; {remedy}"),
                ))
            }
        }
    }

    fn lost(&self, doing: &'static str, url: &str, error: ureq::Error) -> Attempt {
        use ureq::Error::{
            BodyExceedsLimit, ConnectionFailed, HostNotFound, Io, Protocol, Timeout,
        };
        match error {
            Timeout(_) | Io(_) | ConnectionFailed | HostNotFound | Protocol(_) => {
                let problem = self.without_key(&format!("POST {url}: {error}"));
                Attempt::Retry { problem, after: None, source: Some(error) }
            }
            BodyExceedsLimit(limit) => {
                let problem = format!("more than {limit} bytes; raise max_response_bytes");
                Attempt::Refused(self.broken(doing, url, problem))
            }
            error => Attempt::Refused(self.broken_by(doing, url, error.to_string(), Some(error))),
        }
    }

    /// An error of the server, without the key.
    pub(super) fn broken(&self, doing: &'static str, url: &str, problem: String) -> RemoteFailure {
        self.broken_by(doing, url, problem, None)
    }

    fn broken_by(
        &self,
        doing: &'static str,
        url: &str,
        problem: String,
        source: Option<ureq::Error>,
    ) -> RemoteFailure {
        let problem = self.without_key(&problem);
        let problem = match problem.strip_prefix(&format!("POST {url}: ")) {
            Some(problem) => problem.to_owned(),
            None => problem,
        };
        // A cause is passed on as it is, so one that holds the key is not.
        let holds_key = |source: &ureq::Error| {
            let told = format!("{source} {source:?}");
            self.key.as_ref().is_some_and(|key| told.contains(key.as_str()))
        };
        let source = source.filter(|source| !holds_key(source)).map(Into::into);
        let error = Error::Remote { url: url.to_owned(), problem, source };
        RemoteFailure::Server(PolicyError::infrastructure(doing, error))
    }

    /// An answer that makes no sense.
    pub(super) fn nonsense(
        &self,
        doing: &'static str,
        path: &str,
        problem: String,
    ) -> RemoteFailure {
        let problem = format!("{problem}; is the dialect that of the server?");
        self.broken(doing, &self.url(path), problem)
    }

    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key.as_str(), "[API key]"),
            None => text.to_owned(),
        }
    }
}

/// The beginning of a response, on one line.
fn quote(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// Limits how many requests are in flight.
struct Semaphore {
    permits: Mutex<usize>,
    released: Condvar,
}

impl Semaphore {
    fn acquire(&self) -> Permit<'_> {
        let permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut permits = self
            .released
            .wait_while(permits, |permits| *permits == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *permits -= 1;
        Permit(self)
    }
}

/// Released when dropped.
struct Permit<'a>(&'a Semaphore);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.0.permits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.released.notify_one();
    }
}
