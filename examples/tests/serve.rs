//! The remote policy against `serve`: the same model over HTTP and in this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use ssr_core::{Completion, Message, Policy, PolicyError, Request, Sampling, Seed, Segment};
use ssr_policy::{
    Dialect, EngineConfig, LocalPolicy, Model, ModelConfig, Precision, RemotePolicy,
    RemoteSettings, Tokenizer,
};

const TEXT: &str = "def take(n, seq):\n    return islice(seq, n)\n\nfor x in seq:\n    n += 1\n";

struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A random model in this process, and the same model served.
fn start(options: &[&str]) -> (LocalPolicy, Server) {
    let tokenizer = Tokenizer::train([TEXT], 320).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(64)
        .with_intermediate_size(96)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_max_position_embeddings(512);
    let local = LocalPolicy::new(Model::new(config, Seed::new(1)).unwrap(), tokenizer).unwrap();
    let dir = tempfile::tempdir().unwrap();
    local.save(dir.path()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
        .arg(dir.path())
        .args(["--port", "0", "--name", "tiny"])
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
    (local, Server { child, address })
}

impl Server {
    fn settings(&self) -> RemoteSettings {
        RemoteSettings::new(format!("http://{}", self.address), "tiny").with_dialect(Dialect::Vllm)
    }

    /// Status and body of a request by hand.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, body) = self.ask("POST", path, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
    }

    fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.ask("GET", "/metrics", "");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("ssr_{name} ")));
        line.unwrap_or_else(|| panic!("{text}")).trim().parse().unwrap()
    }
}

fn request(answer: Vec<Segment>, temperature: f32, seed: Seed) -> Request {
    Request::new(vec![Message::system("Write Python."), Message::user(TEXT)], answer, seed)
        .with_sampling(Sampling::default().with_temperature(temperature))
}

fn free(max_tokens: usize, stop: &[&str]) -> Segment {
    Segment::Free { max_tokens, stop: stop.iter().map(|&text| text.to_owned()).collect() }
}

/// The seed that the remote policy sends for the segment of an index.
fn sent(seed: Seed, segment: u64) -> u64 {
    seed.derive("segment").index(segment).value() >> 1
}

#[test]
fn a_remote_policy_on_our_server_is_the_local_policy_to_the_bit() {
    let (local, server) = start(&[]);
    let remote = RemotePolicy::new(server.settings()).unwrap();
    let remote = remote.with_tokenizer(local.tokenizer().clone());
    let requests: Vec<Request> = (0..12)
        .map(|i| request(vec![free(20, &["e", "\n"])], (i % 2) as f32, Seed::new(i)))
        .collect();
    let direct: Vec<Request> = requests
        .iter()
        .map(|request| request.clone().with_seed(Seed::new(sent(request.seed, 0))))
        .collect();
    assert_eq!(remote.complete(&requests).unwrap(), local.complete(&direct).unwrap());

    // Choices are drawn by the client with the local policy's own randomness.
    let choice = Segment::Choice(["x += 1\n", "x -= 1\n", "y += 1\n"].map(str::to_owned).into());
    let requests: Vec<Request> = (0..12)
        .map(|i| request(vec![Segment::Forced("# ".into()), choice.clone()], 1.0, Seed::new(i)))
        .collect();
    let (ours, theirs) = (local.complete(&requests).unwrap(), remote.complete(&requests).unwrap());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let shape = |completion: &Completion| {
            let trace = completion.trace.clone().unwrap();
            (completion.parts.clone(), trace.ids, trace.loss_mask, trace.allowed)
        };
        assert_eq!(shape(ours), shape(theirs));
        let logprobs = |completion: &Completion| completion.trace.clone().unwrap().logprobs;
        let pairs = logprobs(ours).into_iter().zip(logprobs(theirs));
        assert!(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-5);
    }
}

#[test]
fn the_chat_endpoint_continues_chooses_and_stops() {
    let (local, server) = start(&[]);
    let chat = RemotePolicy::new(server.settings()).unwrap();
    let choice = Segment::Choice(vec!["yes\n".into(), "no\n".into()]);
    let answer = vec![Segment::Forced("So: ".into()), choice, free(200, &["e", "n"]), free(3, &[])];
    let completion = chat.complete(&[request(answer, 1.0, Seed::new(1))]).unwrap().remove(0);
    assert_eq!(completion.parts[0], "So: ");
    assert!(["yes\n", "no\n"].contains(&&completion.parts[1][..]));
    assert!(!completion.parts[2].contains(['e', 'n']));

    // The same by hand: token ids, log-probabilities, several answers.
    let body = json!({"model": "tiny", "messages": [{"role": "user", "content": TEXT}],
        "max_tokens": 6, "seed": 5, "n": 3, "logprobs": true, "return_token_ids": true});
    let (status, answer) = server.post("/v1/chat/completions", &body);
    assert_eq!(status, 200, "{answer}");
    let direct =
        request(vec![free(6, &[])], 1.0, Seed::new(5)).with_messages(vec![Message::user(TEXT)]);
    let direct = local.complete(&[direct]).unwrap().remove(0);
    let trace = direct.trace.unwrap();
    let first = &answer["choices"][0];
    assert_eq!(first["message"]["content"], json!(direct.parts[0]));
    assert_eq!(first["token_ids"], json!(trace.ids));
    assert_eq!(answer["prompt_token_ids"], json!(direct.prompt));
    let told = first["logprobs"]["content"][0]["logprob"].as_f64().unwrap() as f32;
    assert_eq!(told, trace.model_logprobs[0]);
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["usage"]["completion_tokens"], json!(18));
}

fn chunks(events: &str) -> Vec<Value> {
    let lines = events.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn what_the_client_gave_is_neither_said_nor_counted_again() {
    let (_, server) = start(&[]);
    let mut body = json!({"messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": "So: "}], "continue_final_message": true, "seed": 3,
        "max_tokens": 40, "stop": ["e"], "include_stop_str_in_output": true, "tools": null,
        "logprobs": null, "stream": null});
    let (status, whole) = server.post("/v1/chat/completions", &body);
    assert_eq!(status, 200, "{whole}");
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let (_, events) = server.ask("POST", "/v1/chat/completions", &body.to_string());
    let chunks = chunks(&events);
    let said = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert_eq!(json!(said.collect::<String>()), whole["choices"][0]["message"]["content"]);
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
    assert!(whole["usage"]["completion_tokens"].as_u64().unwrap() <= 40, "{whole}");
}

#[test]
fn answers_keep_to_the_language_that_is_asked_for() {
    let (_, server) = start(&[]);
    let ask = |field: &str, value: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": TEXT}], "seed": 3,
            "max_tokens": 200});
        body[field] = value;
        let (status, answer) = server.post("/v1/chat/completions", &body);
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        (status, text.to_owned(), answer.to_string())
    };
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1,
        "maximum": 9}}, "required": ["n"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    for (field, value) in [
        ("response_format", format),
        ("structured_outputs", json!({"json": schema})),
        ("structured_outputs", json!({"json": schema.to_string()})),
    ] {
        let (status, text, answer) = ask(field, value);
        assert_eq!(status, 200, "{answer}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!((1..=9).contains(&value["n"].as_i64().unwrap()), "{text}");
    }
    let (_, text, _) = ask("structured_outputs", json!({"regex": "a[bc]{3}"}));
    assert!(text.len() == 4 && text.starts_with('a'), "{text}");
    let (_, text, _) = ask("structured_outputs", json!({"grammar": "start: \"x\" \"y\""}));
    assert_eq!(text, "xy");
    let (status, _, answer) = ask("structured_outputs", json!({"structural_tag": "x"}));
    assert!(status == 400 && answer.contains("structural_tag"), "{answer}");

    let chat = RemotePolicy::new(server.settings()).unwrap();
    let grammar = ssr_core::Grammar::Regex("[0-9]{4}".to_owned());
    let answer = vec![Segment::Grammar { grammar, max_tokens: 20 }];
    let completion = chat.complete(&[request(answer, 1.0, Seed::new(1))]).unwrap().remove(0);
    assert!(completion.text().parse::<u32>().is_ok() && completion.text().len() == 4);
}

#[test]
fn a_stream_is_the_answer_in_pieces() {
    let (local, server) = start(&[]);
    let direct = request(vec![free(24, &["e"])], 1.0, Seed::new(3));
    let prompt = ssr_policy::render(local.tokenizer(), &direct.messages).unwrap().tokens;
    let direct = local.complete(&[direct]).unwrap().remove(0);
    let body = json!({"prompt": prompt, "max_tokens": 24, "stop": "e", "seed": 3, "stream": true,
        "logprobs": 1, "return_token_ids": true, "stream_options": {"include_usage": true}});
    let (status, events) = server.ask("POST", "/v1/completions", &body.to_string());
    assert_eq!(status, 200);
    let mut lines: Vec<&str> =
        events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(lines.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str());
    assert_eq!(texts.collect::<String>(), direct.parts[0]);
    let ids = chunks.iter().filter_map(|chunk| chunk["choices"][0]["token_ids"][0].as_u64());
    let trace = direct.trace.unwrap();
    assert_eq!(ids.map(|id| id as u32).collect::<Vec<_>>(), trace.ids);
    let usage = &chunks.last().unwrap()["usage"];
    assert_eq!(usage["completion_tokens"], json!(trace.len()));
    assert_eq!(usage["prompt_tokens"], json!(prompt.len()));

    let body = json!({"messages": [{"role": "user", "content": "x"}], "max_tokens": 4,
        "stream": true, "n": 2, "seed": 3});
    let (_, events) = server.ask("POST", "/v1/chat/completions", &body.to_string());
    assert_eq!(events.matches("\"role\":\"assistant\"").count(), 2);
    assert_eq!(events.matches("\"finish_reason\":\"length\"").count(), 2, "{events}");
}

#[test]
fn fewer_bits_are_served_without_scores_of_prompts() {
    let (local, server) = start(&["--precision", "q8"]);
    let engine = EngineConfig::default().with_precision(Precision::Q8);
    let model = local.with_model(|model| Model::new(model.config().clone(), Seed::new(1)).unwrap());
    let local = LocalPolicy::with_engine(model, local.tokenizer().clone(), engine).unwrap();
    let direct = request(vec![free(24, &[])], 1.0, Seed::new(3));
    let prompt = ssr_policy::render(local.tokenizer(), &direct.messages).unwrap().tokens;
    let trace = local.complete(&[direct]).unwrap().remove(0).trace.unwrap();
    let mut body = json!({"prompt": prompt, "max_tokens": 24, "seed": 3, "logprobs": 1,
        "return_token_ids": true});
    let (status, answer) = server.post("/v1/completions", &body);
    assert_eq!(status, 200, "{answer}");
    let choice = &answer["choices"][0];
    assert_eq!(choice["token_ids"], json!(trace.ids));
    assert_eq!(choice["logprobs"]["token_logprobs"], json!(trace.model_logprobs));
    body["prompt_logprobs"] = json!(0);
    let (status, answer) = server.post("/v1/completions", &body);
    assert!(status == 400 && answer.to_string().contains("f32"), "{answer}");
}

#[test]
fn a_client_that_leaves_ends_its_answer() {
    let (_, server) = start(&[]);
    let stays = json!({"prompt": "x", "max_tokens": 100_000, "stream": true}).to_string();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let length = stays.len();
        write!(
            stream,
            "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{stays}"
        )
        .unwrap();
        stream.read_exact(&mut [0; 200]).unwrap();
    }
    while server.metric("answers_in_flight") > 0 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn what_cannot_be_served_is_refused_in_words() {
    let (local, server) = start(&["--max-answers", "2", "--max-request-bytes", "4000"]);
    let chat = "/v1/chat/completions";
    let user = json!([{"role": "user", "content": "x"}]);
    let refused = [
        ("/v1/completions", json!({"prompt": 3}), 400),
        ("/v1/completions", json!({"prompt": [999_999]}), 400),
        ("/v1/completions", json!({"prompt": []}), 400),
        ("/v1/completions", json!({"prompt": "x", "temperature": -1}), 400),
        ("/v1/completions", json!({"prompt": "x", "n": 0}), 400),
        ("/v1/completions", json!({"prompt": "x", "prompt_logprobs": 0, "stream": true}), 400),
        ("/v1/completions", json!({"prompt": "x", "n": 3}), 400),
        ("/v1/completions", json!({"prompt": "x", "stop": [""]}), 400),
        ("/v1/completions", json!({"prompt": "x", "model": "other"}), 404),
        ("/v1/completions", json!({"prompt": "x".repeat(5000)}), 413),
        (chat, json!({"messages": [{"role": "king", "content": "x"}]}), 400),
        (chat, json!({"messages": user, "continue_final_message": true}), 400),
        (chat, json!({"messages": user, "tools": [{}]}), 400),
        (chat, json!({"messages": user, "tools": tools(), "continue_final_message": true}), 400),
        (chat, json!({"messages": user, "tools": tools(), "tool_choice": "maybe"}), 400),
        (chat, json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), 400),
        ("/v1/other", json!({}), 404),
    ];
    for (path, body, expected) in refused {
        let (status, answer) = server.post(path, &body);
        assert_eq!(status, expected, "{body}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
    }
    assert_eq!(server.ask("POST", chat, "{").0, 400);
    assert_eq!(server.ask("GET", "/health", "").0, 200);
    let (_, models) = server.ask("GET", "/v1/models", "");
    assert!(models.contains("\"id\":\"tiny\""), "{models}");

    let remote = RemotePolicy::new(server.settings()).unwrap();
    let remote = remote.with_tokenizer(local.tokenizer().clone());
    let long = request(vec![free(1, &[])], 0.0, Seed::new(1))
        .with_messages(vec![Message::user("a b c ".repeat(120))]);
    match remote.complete(&[long]) {
        Err(PolicyError::Request { index: 0, problem }) => {
            assert!(problem.contains("sequence of"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
}

fn tools() -> serde_json::Value {
    let parameters = json!({
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["count"],
        "additionalProperties": false,
    });
    let function = json!({"name": "take", "description": "Takes some.", "parameters": parameters});
    json!([{"type": "function", "function": function}])
}

#[test]
fn tools_are_described_called_and_their_results_read() {
    let (local, server) = start(&[]);
    let mut messages = json!([{"role": "user", "content": "Take three."}]);
    let chat = "/v1/chat/completions";
    let ask = json!({
        "messages": messages, "tools": tools(), "tool_choice": "required", "seed": 3,
        "return_token_ids": true,
    });
    let (status, answer) = server.post(chat, &ask);
    assert_eq!(status, 200, "{answer}");
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"]["name"], "take");
    let arguments: serde_json::Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!((1..=9).contains(&arguments["count"].as_i64().unwrap()), "{arguments}");
    let ids: Vec<u32> = serde_json::from_value(answer["prompt_token_ids"].clone()).unwrap();
    assert!(local.tokenizer().decode(&ids).contains("Takes some."), "the tool is described");

    let streamed = json!({
        "messages": messages, "tools": tools(), "tool_choice": "required", "seed": 3,
        "stream": true, "stream_options": {"include_usage": true},
    });
    let (status, events) = server.ask("POST", chat, &streamed.to_string());
    assert_eq!(status, 200, "{events}");
    let chunks = chunks(&events);
    let roles = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string());
    assert_eq!(roles.count(), 1, "{events}");
    let calls = chunks.iter().filter_map(|chunk| {
        let calls = chunk["choices"][0]["delta"]["tool_calls"].as_array()?;
        Some(calls.iter().map(|call| (call["index"].clone(), call["function"].clone())))
    });
    let calls: Vec<_> = calls.flatten().collect();
    assert_eq!(calls, [(json!(0), call["function"].clone())]);
    assert!(chunks.iter().any(|chunk| chunk["choices"][0]["finish_reason"] == "tool_calls"));
    assert_eq!(chunks.last().unwrap()["usage"], answer["usage"]);

    messages.as_array_mut().unwrap().push(choice["message"].clone());
    messages.as_array_mut().unwrap().push(json!({"role": "tool", "content": "took 3"}));
    let ask = json!({
        "messages": messages, "tools": tools(), "tool_choice": "none", "max_tokens": 4,
        "return_token_ids": true,
    });
    let (status, answer) = server.post(chat, &ask);
    assert_eq!(status, 200, "{answer}");
    let ids: Vec<u32> = serde_json::from_value(answer["prompt_token_ids"].clone()).unwrap();
    let prompt = local.tokenizer().decode(&ids);
    assert!(prompt.contains("\"take\"") && prompt.contains("took 3"), "{prompt}");
    assert!(answer["choices"][0]["message"]["tool_calls"].is_null());
}
