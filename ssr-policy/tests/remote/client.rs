//! The remote policy against a scripted server.

use serde_json::{Value, json};
use ssr_core::{
    Completion, FinishReason, Grammar, Message, Policy, PolicyError, Request, Sampling, Seed,
    Segment,
};
use ssr_policy::{
    Dialect, Model, ModelConfig, ModelErrorKind, RemotePolicy, RemoteSettings, RemoteUsage,
    Tokenizer, render,
};

use crate::server::{Say, Server};

fn settings(server: &Server, dialect: Dialect) -> RemoteSettings {
    let settings = RemoteSettings::new(format!("{}/v1/", server.url), "tiny");
    settings.with_dialect(dialect).with_first_delay(0.0).with_retries(3)
}

fn chat(server: &Server, dialect: Dialect) -> RemotePolicy {
    RemotePolicy::new(settings(server, dialect)).unwrap()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::train(["return return"], 270).unwrap()
}

fn free(max_tokens: usize, stop: &[&str]) -> Segment {
    Segment::Free { max_tokens, stop: stop.iter().map(|&text| text.to_owned()).collect() }
}

fn request(answer: Vec<Segment>) -> Request {
    Request::new(vec![Message::system("Be brief."), Message::user("Which?")], answer, Seed::new(1))
}

fn one(policy: &RemotePolicy, answer: Vec<Segment>) -> Result<Completion, PolicyError> {
    policy.complete(&[request(answer)]).map(|mut completions| completions.remove(0))
}

fn said(text: &str, reason: &str) -> Say {
    Say::Json(json!({
        "choices": [{"message": {"content": text}, "finish_reason": reason}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
    }))
}

/// What vLLM answers with tokens, each of log-probability −0.5.
fn tokens(ids: &[u32], reason: &str) -> Say {
    let logprobs = vec![-0.5; ids.len()];
    Say::Json(json!({
        "choices": [{"index": 0, "text": "", "token_ids": ids, "finish_reason": reason,
            "logprobs": {"token_logprobs": logprobs}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": ids.len()},
    }))
}

fn infrastructure(result: Result<Completion, PolicyError>) -> String {
    match result.unwrap_err() {
        error @ PolicyError::Infrastructure { .. } => error.to_string(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_chat_goes_to_the_chat_endpoint_with_its_settings() {
    let server = Server::start(|_, _| said("yes", "stop"));
    let policy = chat(&server, Dialect::OpenAi).with_api_key("key-1").unwrap();
    let completion = one(&policy, vec![free(7, &["\n"])]).unwrap();
    assert_eq!(
        (&completion.parts[..], completion.finish),
        (&["yes".to_owned()][..], FinishReason::Stop)
    );
    assert!(completion.trace.is_none());
    let seen = &server.seen()[0];
    assert_eq!(seen.path, "/v1/chat/completions");
    assert!(seen.headers.to_lowercase().contains("authorization: bearer key-1"));
    let Value::Object(body) = &seen.body else { panic!() };
    let mut names: Vec<&str> = body.keys().map(String::as_str).collect();
    names.sort_unstable();
    let plain = ["max_tokens", "messages", "model", "seed", "stop", "temperature", "top_p"];
    assert_eq!(names, plain);
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!((&body["max_tokens"], &body["stop"]), (&json!(7), &json!(["\n"])));
    let RemoteUsage { requests, retries, failures, prompt_tokens, completion_tokens, .. } =
        policy.usage();
    assert_eq!((requests, retries, failures), (1, 0, 0));
    assert_eq!((prompt_tokens, completion_tokens), (9, 2));
}

#[test]
fn what_may_pass_is_tried_again() {
    let server = Server::start(|number, _| match number {
        0 => Say::Status(503, "", "busy".to_owned()),
        1 => Say::Status(429, "Retry-After: 0\r\n", String::new()),
        2 => Say::Hang,
        _ => said("yes", "length"),
    });
    let policy = chat(&server, Dialect::OpenAi);
    assert_eq!(one(&policy, vec![free(1, &[])]).unwrap().finish, FinishReason::Length);
    let usage = policy.usage();
    assert_eq!((usage.requests, usage.retries, usage.failures), (4, 3, 0));
}

#[test]
fn a_server_that_stays_broken_is_an_infrastructure_failure() {
    let server = Server::start(|_, _| Say::Status(500, "", "out of memory".to_owned()));
    let policy = chat(&server, Dialect::OpenAi);
    let error = infrastructure(one(&policy, vec![free(1, &[])]));
    for part in [&server.url[..], "/v1/chat/completions", "500", "out of memory", "try 4"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(policy.usage().failures, 1);

    let silent = Server::start(|_, _| Say::Silence);
    let settings = settings(&silent, Dialect::OpenAi).with_timeout(0.1).with_retries(1);
    let policy = RemotePolicy::new(settings).unwrap();
    let error = infrastructure(one(&policy, vec![free(1, &[])]));
    assert!(error.contains("timeout"), "{error}");
    assert_eq!(policy.usage().requests, 2);
}

#[test]
fn a_lost_connection_keeps_its_cause_and_kind() {
    let settings = RemoteSettings::new("http://127.0.0.1:1", "none").with_retries(0);
    let policy = RemotePolicy::new(settings).unwrap();
    let Err(PolicyError::Infrastructure { source, .. }) = one(&policy, vec![free(1, &[])]) else {
        panic!("nobody listens there");
    };
    let error = source.downcast_ref::<ssr_policy::Error>().unwrap();
    assert_eq!(error.kind(), ModelErrorKind::Remote);
    let cause = std::error::Error::source(error).unwrap().to_string();
    assert!(error.to_string().contains(&cause), "{error}: {cause}");
}

#[test]
fn a_longer_wait_than_allowed_is_not_waited() {
    let server = Server::start(|_, _| Say::Status(429, "Retry-After: 3600\r\n", String::new()));
    let error = infrastructure(one(&chat(&server, Dialect::OpenAi), vec![free(1, &[])]));
    assert!(error.contains("3600 s") && error.contains("max_delay"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_wrong_request_is_not_tried_again_and_names_its_index() {
    let server = Server::start(|_, seen| match seen.body["max_tokens"].as_u64() {
        Some(2) => Say::Status(400, "", "max_tokens is too large".to_owned()),
        _ => said("yes", "stop"),
    });
    let policy = chat(&server, Dialect::OpenAi);
    let requests = [request(vec![free(1, &[])]), request(vec![free(2, &[])])];
    match policy.complete(&requests).unwrap_err() {
        PolicyError::Request { index: 1, problem } => {
            assert!(problem.contains("status 400") && problem.contains("too large"), "{problem}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(policy.usage().retries, 0);
}

#[test]
fn the_key_is_never_revealed() {
    const KEY: &str = "sk-very-secret";
    for status in [400, 401, 404, 500] {
        let server = Server::start(move |_, _| Say::Status(status, "", format!("wrong key {KEY}")));
        let policy = chat(&server, Dialect::OpenAi).with_api_key(KEY).unwrap();
        let error = one(&policy, vec![free(1, &[])]).unwrap_err();
        let told = format!("{error} {error:?} {policy:?}");
        assert!(!told.contains(KEY), "{told}");
        assert!(told.contains("[API key]"), "{told}");
    }
    let url = "http://user:password@localhost:1";
    let error = RemotePolicy::new(RemoteSettings::new(url, "m")).unwrap_err().to_string();
    assert!(!error.contains("password@"), "{error}");
}

#[test]
fn no_more_requests_are_under_way_than_allowed() {
    let server = Server::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        said("yes", "stop")
    });
    let settings = settings(&server, Dialect::OpenAi).with_max_in_flight(3);
    let policy = RemotePolicy::new(settings).unwrap();
    let requests = vec![request(vec![free(1, &[])]); 20];
    assert_eq!(policy.complete(&requests).unwrap().len(), 20);
    assert!(server.most() <= 3, "{}", server.most());
    assert!(policy.complete(&[]).unwrap().is_empty());
}

#[test]
fn large_and_senseless_answers_are_refused() {
    let bodies = ["", "{", "[]", "null", "{\"choices\": 3}", "{\"choices\": [{\"message\": 1}]}"];
    for body in bodies {
        let server = Server::start(move |_, _| Say::Status(200, "", body.to_owned()));
        let error = infrastructure(one(&chat(&server, Dialect::OpenAi), vec![free(1, &[])]));
        assert!(error.contains("dialect"), "{error}");
        let policy = chat(&server, Dialect::Vllm).with_tokenizer(tokenizer());
        infrastructure(one(&policy, vec![free(1, &[])]));
    }
    let server = Server::start(|_, _| Say::Status(200, "", "x".repeat(5000)));
    let settings = settings(&server, Dialect::OpenAi).with_max_response_bytes(1000);
    let policy = RemotePolicy::new(settings).unwrap();
    let error = infrastructure(one(&policy, vec![free(1, &[])]));
    assert!(error.contains("max_response_bytes"), "{error}");
}

#[test]
fn with_a_tokenizer_ids_go_and_come() {
    let tokenizer = tokenizer();
    let mut ids = tokenizer.encode("ab").unwrap();
    ids.push(tokenizer.end_of_message());
    let answer = ids.clone();
    let server = Server::start(move |_, _| tokens(&answer, "stop"));
    let policy = chat(&server, Dialect::Vllm).with_tokenizer(tokenizer.clone());
    policy.set_weight_version(4);
    let ask = request(vec![Segment::Forced("So ".into()), free(9, &[])]);
    let completion = policy.complete(std::slice::from_ref(&ask)).unwrap().remove(0);
    let rendered = render(&tokenizer, &ask.messages).unwrap().tokens;
    let forced = tokenizer.encode("So ").unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.path, "/v1/completions");
    assert_eq!(seen.body["prompt"], json!([&rendered[..], &forced[..]].concat()));
    assert_eq!(completion.parts, ["So ", "ab"]);
    assert_eq!(completion.prompt, rendered);
    let trace = completion.trace.unwrap();
    assert_eq!(trace.ids, [&forced[..], &ids[..]].concat());
    let drawn = |i: &usize| *i >= forced.len();
    assert!((0..trace.len()).all(|i| trace.loss_mask[i] == drawn(&i)));
    assert!((0..trace.len()).all(|i| trace.logprobs[i] == if drawn(&i) { -0.5 } else { 0.0 }));
    assert_eq!(trace.model_logprobs, trace.logprobs);
    assert_eq!(trace.versions, vec![4; trace.len()]);
}

#[test]
fn text_ends_before_its_stop_text_and_the_answer_goes_on() {
    let tokenizer = tokenizer();
    let first = tokenizer.encode("a\nb").unwrap();
    let second = tokenizer.encode("cd").unwrap();
    let (one_answer, other) = (first.clone(), second.clone());
    let server = Server::start(move |number, _| match number {
        0 => tokens(&one_answer, "stop"),
        _ => tokens(&other, "length"),
    });
    let policy = chat(&server, Dialect::Vllm).with_tokenizer(tokenizer.clone());
    let completion =
        one(&policy, vec![free(9, &["\n"]), Segment::Forced("> ".into()), free(2, &[])]).unwrap();
    assert_eq!(completion.parts, ["a", "> ", "cd"]);
    assert_eq!(completion.finish, FinishReason::Length);
    let ids = completion.trace.unwrap().ids;
    assert_eq!(tokenizer.decode(&ids), "a\n> cd", "what follows the stop text is dropped");
    let prompt: Vec<u32> = serde_json::from_value(server.seen()[1].body["prompt"].clone()).unwrap();
    assert!(tokenizer.decode(&prompt).ends_with("a\n> "));
}

#[test]
fn a_trace_that_does_not_determine_the_distribution_is_left_out() {
    let server = Server::start(|_, _| tokens(&[10, 11], "length"));
    let policy = chat(&server, Dialect::Vllm).with_tokenizer(tokenizer());
    let with = |sampling: Sampling| {
        let request = request(vec![free(2, &[])]).with_sampling(sampling);
        policy.complete(&[request]).unwrap().remove(0).trace
    };
    let plain = Sampling::default();
    assert!(with(plain.with_temperature(0.7)).is_none());
    assert!(with(plain.with_top_p(0.9)).is_none());
    let greedy = with(plain.with_temperature(0.0)).unwrap();
    assert_eq!((&greedy.logprobs[..], &greedy.model_logprobs[..]), (&[0.0; 2][..], &[-0.5; 2][..]));
    let openai = chat(&server, Dialect::OpenAi);
    let request = request(vec![free(2, &[])]).with_sampling(plain.with_top_k(5));
    assert!(matches!(openai.complete(&[request]), Err(PolicyError::Request { .. })));
}

#[test]
fn choices_are_drawn_from_the_scores_of_the_server() {
    let tokenizer = tokenizer();
    let (x, y) = (tokenizer.encode("x\n").unwrap()[0], tokenizer.encode("y\n").unwrap()[0]);
    let server = Server::start(move |_, seen| {
        let prompts = seen.body["prompt"].as_array().unwrap();
        let choices: Vec<Value> = prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| {
                let token = prompt.as_array().unwrap().last().unwrap().as_u64().unwrap() as u32;
                let logprob = if token == x { -1.0 } else { -1.0 - 3f64.ln() };
                let last = json!({token.to_string(): {"logprob": logprob, "rank": 9}});
                json!({"index": index, "prompt_logprobs": [null, last]})
            })
            .collect();
        Say::Json(json!({ "choices": choices }))
    });
    let policy = chat(&server, Dialect::Vllm).with_tokenizer(tokenizer);
    let choice = Segment::Choice(vec!["x\n".into(), "y\n".into()]);
    let requests: Vec<Request> =
        (0..200).map(|seed| request(vec![choice.clone()]).with_seed(Seed::new(seed))).collect();
    let mut xs = 0;
    for completion in policy.complete(&requests).unwrap() {
        let trace = completion.trace.unwrap();
        let expected: f32 = if completion.parts[0] == "x\n" { 0.75 } else { 0.25 };
        xs += usize::from(completion.parts[0] == "x\n");
        assert!((trace.logprobs[0] - expected.ln()).abs() < 1e-5);
        assert_eq!(trace.model_logprobs[0], trace.logprobs[0]);
        let allowed: Vec<u32> = trace.allowed[&0].iter().collect();
        assert!(allowed == [x, y] || allowed == [y, x]);
        assert_eq!(trace.loss_mask, [true, false]);
    }
    assert!((130..170).contains(&xs), "{xs} of 200 at a probability of 0.75");
    let policy = chat(&server, Dialect::OpenAi);
    assert!(matches!(one(&policy, vec![choice]), Err(PolicyError::Request { .. })));
}

#[test]
fn the_chat_endpoint_constrains_and_continues() {
    let server = Server::start(|number, _| match number {
        0 => said("no\n", "stop"),
        1 => said("why;", "stop"),
        2 => said("{}", "stop"),
        _ => said("rest", "length"),
    });
    let policy = chat(&server, Dialect::Vllm);
    let choice = Segment::Choice(vec!["yes\n".into(), "no\n".into()]);
    let grammar = Grammar::JsonSchema("{\"type\": \"object\"}".to_owned());
    let answer = vec![
        Segment::Forced("> ".into()),
        choice.clone(),
        free(9, &[";"]),
        Segment::Grammar { grammar, max_tokens: 5 },
        free(1, &[]),
    ];
    let completion = one(&policy, answer).unwrap();
    assert_eq!(completion.parts, ["> ", "no\n", "why", "{}", "rest"]);
    assert_eq!((completion.finish, completion.usage.completion_tokens), (FinishReason::Length, 8));
    let seen = server.seen();
    let choice_of = &seen[0].body["structured_outputs"]["choice"];
    assert_eq!(*choice_of, json!(["yes\n", "no\n"]));
    assert_eq!(seen[1].body["messages"][2], json!({"role": "assistant", "content": "> no\n"}));
    assert_eq!(seen[1].body["continue_final_message"], json!(true));
    assert_eq!(seen[2].body["structured_outputs"]["json"], json!("{\"type\": \"object\"}"));

    let lying = Server::start(|_, _| said("maybe", "stop"));
    let error = infrastructure(one(&chat(&lying, Dialect::Vllm), vec![choice]));
    assert!(error.contains("maybe"), "{error}");
}

#[test]
fn shapes_that_a_server_cannot_give_are_refused_before_it_is_asked() {
    let server = Server::start(|_, _| said("x", "stop"));
    let shapes = [
        (Dialect::OpenAi, vec![Segment::Forced("a".into()), free(1, &[])]),
        (Dialect::OpenAi, vec![free(1, &["\n"]), free(1, &[])]),
        (Dialect::LlamaCpp, vec![free(1, &["\n"]), free(1, &[])]),
        (Dialect::Vllm, vec![free(1, &[""])]),
        (Dialect::Vllm, vec![Segment::Choice(vec![])]),
    ];
    for (dialect, shape) in shapes {
        let result = one(&chat(&server, dialect), shape);
        assert!(matches!(result, Err(PolicyError::Request { .. })), "{result:?}");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn pushed_weights_are_on_disk_before_the_server_is_asked_and_count_the_version() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.safetensors");
    let server = Server::start(move |number, seen| match (number, &seen.path[..]) {
        (2, _) => Say::Json(json!({"success": false, "message": "shape mismatch"})),
        (_, "/update_weights_from_disk") => Say::Json(json!({"success": file.is_file()})),
        _ => Say::Json(json!({"text": "x", "meta_info": {"finish_reason": {"type": "length"},
            "output_token_logprobs": [[-0.5, 7, null]]}})),
    });
    let policy = chat(&server, Dialect::SgLang).with_tokenizer(tokenizer());
    let model = Model::new(ModelConfig::tiny(270), Seed::new(0)).unwrap();
    assert_eq!(policy.push(&model, dir.path()).unwrap(), 1);
    let body = &server.seen()[0].body;
    assert_eq!(body["model_path"], json!(dir.path()));
    assert_eq!(body["weight_version"], json!("1"));
    let trace = one(&policy, vec![free(1, &[])]).unwrap().trace.unwrap();
    assert_eq!((trace.ids, trace.versions), (vec![7], vec![1]));
    assert_eq!(server.seen()[1].path, "/generate");
    let error = policy.push(&model, dir.path()).unwrap_err().to_string();
    assert!(error.contains("shape mismatch"), "{error}");
    assert_eq!(policy.weight_version(), 1);
    let error = chat(&server, Dialect::LlamaCpp).push(&model, dir.path()).unwrap_err();
    assert!(matches!(error, PolicyError::Infrastructure { .. }));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let good = || RemoteSettings::new("https://host:1/v1", "m");
    assert_eq!(RemotePolicy::new(good()).unwrap().settings().base_url, "https://host:1");
    for url in ["", "host:1", "ftp://host", "http://", "http://a b", "http://host?x"] {
        assert!(RemotePolicy::new(RemoteSettings::new(url, "m")).is_err(), "{url}");
    }
    let wrong = [
        good().with_timeout(0.0),
        good().with_timeout(f64::NAN),
        good().with_first_delay(-1.0),
        good().with_max_in_flight(0),
    ];
    for settings in wrong {
        assert!(RemotePolicy::new(settings).is_err());
    }
    for key in ["", "a\nb", "ü"] {
        assert!(RemotePolicy::new(good()).unwrap().with_api_key(key).is_err());
    }
    let json = json!({"base_url": "http://h", "model": "m", "dialect": "sglang"});
    let settings: RemoteSettings = serde_json::from_value(json).unwrap();
    assert_eq!(settings.dialect, Dialect::SgLang);
    assert_eq!(settings, RemoteSettings::new("http://h", "m").with_dialect(Dialect::SgLang));
}
