//! The same model in llama.cpp and in this process. `SSR_LLAMA_SERVER` holds the command that
//! starts a server with llama-server's options; without it the test says that it is skipped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use ssr_core::{
    Completion, FinishReason, Message, Policy, PolicyError, Request, Sampling, Seed, Segment,
};
use ssr_policy::{
    Dialect, LocalPolicy, Model, ModelConfig, RemotePolicy, RemoteSettings, ScoredSequence, Target,
    Tokenizer,
};

use crate::gguf::{self, Vocabulary};

const TEXT: &str = "def take(n, seq):\n    return islice(seq, n)\n\nfor x in seq:\n    n += 1\n";

struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(command: &str, model: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut words = command.split_whitespace();
        let mut child = Command::new(words.next().expect("SSR_LLAMA_SERVER is empty"))
            .args(words)
            .arg("-m")
            .arg(model)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["-c", "2048", "-np", "4", "-t", "2"])
            // Its flash attention and its cache round to 16 bits otherwise.
            .args(["-fa", "off", "-ctk", "f32", "-ctv", "f32"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command}: {error}"));
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command} ended with {status}");
            }
            if healthy(&address.to_string()) {
                return Self { child, url: format!("http://{address}") };
            }
            assert!(start.elapsed() < Duration::from_secs(120), "{command} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn healthy(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let ask = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(ask.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn request(prompt: &str, answer: Vec<Segment>, temperature: f32, seed: u64) -> Request {
    Request::new(
        vec![Message::system("Write Python."), Message::user(prompt)],
        answer,
        Seed::new(seed),
    )
    .with_sampling(Sampling::default().with_temperature(temperature))
}

fn free(max_tokens: usize, stop: &[&str]) -> Segment {
    Segment::Free { max_tokens, stop: stop.iter().map(|&text| text.to_owned()).collect() }
}

/// The largest difference between the recorded log-probabilities and those of our own model.
fn worst(local: &LocalPolicy, completion: &Completion) -> f32 {
    let trace = completion.trace.as_ref().expect("a trace");
    let tokens = [&completion.prompt[..], &trace.ids].concat();
    let drawn: Vec<usize> = (0..trace.len()).filter(|&i| trace.loss_mask[i]).collect();
    let target = |&i: &usize| Target {
        position: completion.prompt.len() + i,
        allowed: trace.allowed.get(&i),
    };
    let sequence = ScoredSequence { tokens: &tokens, targets: drawn.iter().map(target).collect() };
    let scores = local.with_model(|model| model.score(&[sequence]).unwrap().logprobs);
    let scores = scores.to_vec1::<f32>().unwrap();
    let differences = drawn.iter().zip(scores).map(|(&i, s)| (trace.model_logprobs[i] - s).abs());
    differences.fold(0.0, f32::max)
}

/// The vocabulary of a tokenizer, from its `tokenizer.json`.
fn vocabulary(tokenizer: &Tokenizer) -> Vocabulary {
    let dir = tempfile::tempdir().unwrap();
    tokenizer.save(dir.path()).unwrap();
    let file = std::fs::read(dir.path().join("tokenizer.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut tokens = vec![String::new(); tokenizer.vocab_size()];
    for (token, id) in json["model"]["vocab"].as_object().unwrap() {
        tokens[id.as_u64().unwrap() as usize] = token.clone();
    }
    for added in json["added_tokens"].as_array().unwrap() {
        tokens[added["id"].as_u64().unwrap() as usize] = added["content"].as_str().unwrap().into();
    }
    let merge = |merge: &serde_json::Value| match merge {
        serde_json::Value::String(pair) => pair.clone(),
        pair => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
    };
    let is_control = (0..tokens.len()).map(|id| tokenizer.token_bytes(id as u32).is_empty());
    Vocabulary {
        is_control: is_control.collect(),
        merges: json["model"]["merges"].as_array().unwrap().iter().map(merge).collect(),
        end: Some(tokenizer.end_of_message()),
        tokens,
    }
}

#[test]
fn llama_cpp_serves_our_model_as_we_do() {
    let Ok(command) = std::env::var("SSR_LLAMA_SERVER") else {
        println!("skipped: SSR_LLAMA_SERVER does not name a server of llama.cpp");
        return;
    };
    let tokenizer = Tokenizer::train([TEXT], 320).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(64)
        .with_intermediate_size(96)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_max_position_embeddings(512);
    let model = Model::new(config, Seed::new(3)).unwrap();
    // Larger weights than at the start of training, so that not all tokens are alike.
    for (name, var) in model.vars() {
        if !name.contains("norm") {
            var.set(&(var.as_detached_tensor() * 4.0).unwrap()).unwrap();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    gguf::write(&model, &vocabulary(&tokenizer), GgmlDType::F32, &path).unwrap();
    let server = Server::start(&command, &path);
    let local = LocalPolicy::new(model, tokenizer.clone()).unwrap();
    let settings = RemoteSettings::new(&server.url, "tiny")
        .with_dialect(Dialect::LlamaCpp)
        .with_max_in_flight(4);
    let chat = RemotePolicy::new(settings.clone()).unwrap();
    let remote = RemotePolicy::new(settings).unwrap().with_tokenizer(tokenizer);

    // The most likely tokens are the same.
    let greedy: Vec<Request> =
        (0..8).map(|i| request(&TEXT[..10 + 5 * i], vec![free(24, &[])], 0.0, i as u64)).collect();
    let ours = local.complete(&greedy).unwrap();
    let theirs = remote.complete(&greedy).unwrap();
    let mut largest = 0f32;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.prompt, theirs.prompt);
        assert_eq!(ours.trace.as_ref().unwrap().ids, theirs.trace.as_ref().unwrap().ids);
        assert_eq!((&ours.parts, ours.finish), (&theirs.parts, theirs.finish));
        largest = largest.max(worst(&local, theirs));
    }
    println!("greedy: log-probabilities differ by {largest:e} at most");
    assert!(largest < 1e-4);

    // Drawn tokens carry the model's log-probabilities, those of stop texts and of parts of
    // characters included, and choices are drawn as we draw them.
    let choice = Segment::Choice(["x += 1\n", "x -= 1\n", "y += 1\n"].map(str::to_owned).into());
    let drawn: Vec<Request> = (0..24)
        .map(|i| {
            let forced = Segment::Forced("# ".into());
            let stop = free(60, &["e", "1", "\n\n"]);
            request(TEXT, vec![forced, choice.clone(), stop, free(8, &[])], 1.0, i)
        })
        .collect();
    let ours = local.complete(&drawn).unwrap();
    let theirs = remote.complete(&drawn).unwrap();
    let mut largest = 0f32;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.parts[..2], theirs.parts[..2]);
        assert!(!theirs.parts[2].contains(['e', '1']), "{theirs:?}");
        largest = largest.max(worst(&local, theirs));
    }
    println!("drawn: log-probabilities differ by {largest:e} at most");
    assert!(largest < 1e-4);
    assert!(theirs.iter().filter(|completion| completion.parts.len() == 4).count() > 3);
    let usage = remote.usage();
    let tokens = |of: fn(&Completion) -> u64| theirs.iter().map(of).sum::<u64>();
    assert!(usage.completion_tokens > tokens(|c| c.usage.completion_tokens));
    assert_eq!((usage.retries, usage.failures), (0, 0));

    // Over messages.
    let answer = vec![Segment::Forced("So ".into()), choice, free(5, &[])];
    let completion = chat.complete(&[request("Which?", answer, 1.0, 1)]).unwrap().remove(0);
    assert!(completion.parts[1].ends_with("1\n") && completion.parts[0] == "So ");
    assert!(completion.usage.prompt_tokens > 0 && completion.trace.is_none());

    // What cannot be served is the request's fault.
    let long = request(&TEXT.repeat(30), vec![free(4, &[])], 1.0, 1);
    match remote.complete(&[long]) {
        Err(PolicyError::Request { index: 0, problem }) => {
            assert!(problem.contains("context size"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
    let bounded = request(TEXT, vec![free(4, &[])], 1.0, 1);
    let completion = remote.complete(&[bounded]).unwrap().remove(0);
    assert!(completion.finish == FinishReason::Length || completion.usage.completion_tokens <= 4);
}
