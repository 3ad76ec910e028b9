//! A model behind OpenAI's protocol: `/v1/models`, `/v1/completions`, `/v1/chat/completions`,
//! `/health` and `/metrics`, for one folder in Hugging Face's layout, one GGUF file, or `smollm2`.
//!
//! Prompts may be text, token ids or messages; answers come whole or as a stream of events, with
//! token ids and log-probabilities as vLLM tells them. A client that goes away ends its requests.

mod api;
mod chat;
mod completions;
mod refuse;
mod sampling;
mod stream;
mod tools;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Parser;
use serde_json::json;
use ssr_examples::{Failure, ModelArgs, Result};
use ssr_policy::{LocalPolicy, Precision};

use refuse::Refusal;
use work::Server;

/// Serves a model over HTTP, with OpenAI's protocol.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    model: ModelArgs,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// The model's name; that of the folder or file by default.
    #[arg(long)]
    name: Option<String>,
    /// Answers that are written or wait together; more are refused with status 429.
    #[arg(long, default_value_t = 256)]
    max_answers: usize,
    /// The largest request in bytes.
    #[arg(long, default_value_t = 16 << 20)]
    max_request_bytes: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let (model, tokenizer, engine) = options.model.load()?;
    let policy = LocalPolicy::with_engine(model, tokenizer, engine)
        .map_err(|error| Failure::input(error.to_string()))?;
    let file = options.model.model.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = options.name.clone().or(file).unwrap_or_else(|| "model".to_owned());
    let scores = options.model.precision() == Precision::F32;
    let server = Arc::new(Server::new(policy, name, options.max_answers, scores));
    let routes = Router::new()
        .route("/health", get(|| async { axum::Json(json!({"status": "ok"})) }))
        .route("/metrics", get(metrics))
        .route("/v1/models", get(models))
        .route("/v1/completions", post(completions::answer))
        .route("/v1/chat/completions", post(chat::answer))
        .fallback(|| async { Refusal::not_found("there is nothing at this path") })
        .layer(DefaultBodyLimit::max(options.max_request_bytes))
        .with_state(server);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::Infrastructure(format!("no threads for the server: {error}")))?;
    let address = format!("{}:{}", options.host, options.port);
    let failed = |error: std::io::Error| Failure::Infrastructure(format!("{address}: {error}"));
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&address).await.map_err(failed)?;
        println!("http://{}", listener.local_addr().map_err(failed)?);
        let interrupted = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        axum::serve(listener, routes).with_graceful_shutdown(interrupted).await.map_err(failed)
    })
}

async fn models(State(server): State<Arc<Server>>) -> Response {
    let window = server.policy.with_model(|model| model.config().max_position_embeddings);
    let model = json!({
        "id": server.name,
        "object": "model",
        "created": server.started,
        "owned_by": "ssr",
        "max_model_len": window,
    });
    axum::Json(json!({"object": "list", "data": [model]})).into_response()
}

/// In the text format of Prometheus.
async fn metrics(State(server): State<Arc<Server>>) -> String {
    let stats = server.policy.stats();
    let lines = [
        ("answers_in_flight", "gauge", server.in_flight() as u64),
        ("engine_steps_total", "counter", stats.steps),
        ("engine_busy_milliseconds_total", "counter", stats.busy.as_millis() as u64),
        ("engine_fed_tokens_total", "counter", stats.fed_tokens),
        ("engine_cached_tokens_total", "counter", stats.cached_tokens),
        ("engine_preemptions_total", "counter", stats.preemptions),
        ("engine_kv_bytes", "gauge", stats.kv_bytes),
        ("engine_cached_blocks", "gauge", stats.cached_blocks),
    ];
    let lines =
        lines.map(|(name, kind, value)| format!("# TYPE ssr_{name} {kind}\nssr_{name} {value}\n"));
    lines.concat()
}
