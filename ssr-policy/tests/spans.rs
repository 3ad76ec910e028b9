//! The spans and events that a subscriber of `tracing` receives.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ssr_core::{Message, Policy, Request, Seed, Segment};
use ssr_policy::{EngineConfig, LocalPolicy, Model, ModelConfig, Tokenizer};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps the names of spans and the messages of events.
#[derive(Default)]
struct Recorder {
    spans: AtomicU64,
    seen: Mutex<BTreeSet<String>>,
}

impl Recorder {
    fn note(&self, name: &str) {
        self.seen.lock().unwrap().insert(name.to_owned());
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ssr_policy")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata().name());
        Id::from_u64(1 + self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Text(String::new());
        event.record(&mut message);
        self.note(&message.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_subscriber_sees_where_time_goes() {
    let recorder = Arc::new(Recorder::default());
    // The engine's thread has to see it, too.
    tracing::subscriber::set_global_default(Arc::clone(&recorder)).unwrap();
    let config = ModelConfig::tiny(300)
        .with_hidden_size(32)
        .with_intermediate_size(48)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_head_dim(8);
    let dir = tempfile::tempdir().unwrap();
    Model::new(config, Seed::new(1)).unwrap().save(dir.path()).unwrap();
    let model = Model::load(dir.path()).unwrap();
    let tokenizer = Tokenizer::train([""; 0], 259).unwrap();
    let engine = EngineConfig::default().with_kv_bytes(40_000);
    let policy = LocalPolicy::with_engine(model, tokenizer, engine).unwrap();
    let request = |seed: u64| {
        Request::new(
            vec![Message::user(format!("{seed} and more ").repeat(9))],
            vec![Segment::Free { max_tokens: 60, stop: vec![] }],
            Seed::new(seed),
        )
    };
    policy.complete(&(0..6).map(request).collect::<Vec<_>>()).unwrap();
    assert!(policy.stats().preemptions > 0);
    policy.update(|_| Ok::<_, ssr_policy::Error>(())).unwrap();
    let mut expected = vec![
        "load_model",
        "model loaded",
        "weights arranged",
        "request",
        "request admitted",
        "step",
        "sequence preempted",
        "blocks evicted from the prefix cache",
        "request finished",
        "update_weights",
        "weights swapped",
    ];
    #[cfg(feature = "remote")]
    {
        use ssr_policy::{RemotePolicy, RemoteSettings};
        let settings = RemoteSettings::new("http://127.0.0.1:1", "none").with_retries(0);
        let remote = RemotePolicy::new(settings).unwrap();
        assert!(remote.complete(&[request(0)]).is_err());
        expected.extend(["remote_request", "remote request failed"]);
    }
    let seen = recorder.seen.lock().unwrap();
    let missing: Vec<_> = expected.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {seen:?}");
}
