//! Answers in formal languages: always valid, always scored as they were drawn.
#![cfg(feature = "grammar")]

use serde::Deserialize;
use serde_json::json;
use ssr_core::{
    Completion, FinishReason, Grammar, Message, Policy, PolicyError, Request, Seed, Segment,
};
use ssr_policy::{
    CwmFormat, HermesFormat, LlamaFormat, LocalPolicy, Model, ModelConfig, ScoredSequence, Target,
    Tokenizer, Tool, ToolFormat,
};

const TEXT: &str = "{\"name\": \"bash\", \"arguments\": {\"command\": \"ls -la\", \"lines\": 10}}\n\
                    {\"name\": \"edit\", \"list\": [true, false, null, 1.5e3]}\n";

fn policy() -> LocalPolicy {
    let tokenizer = Tokenizer::train([TEXT, TEXT], 330).unwrap();
    let config = ModelConfig::tiny(tokenizer.vocab_size())
        .with_hidden_size(64)
        .with_intermediate_size(96)
        .with_num_hidden_layers(2)
        .with_num_attention_heads(4)
        .with_max_position_embeddings(1024);
    LocalPolicy::new(Model::new(config, Seed::new(1)).unwrap(), tokenizer).unwrap()
}

fn request(grammar: Grammar, seed: u64) -> Request {
    Request::new(
        vec![Message::user("Answer.")],
        vec![Segment::Grammar { grammar, max_tokens: 600 }],
        Seed::new(seed),
    )
}

fn complete(policy: &LocalPolicy, grammar: &Grammar, count: u64) -> Vec<Completion> {
    let requests: Vec<Request> = (0..count).map(|seed| request(grammar.clone(), seed)).collect();
    policy.complete(&requests).unwrap()
}

/// Compares the recorded log-probabilities with those that training computes, bit for bit.
fn assert_scored(policy: &LocalPolicy, completions: &[Completion]) {
    for completion in completions {
        let trace = completion.trace.as_ref().unwrap();
        let drawn: Vec<usize> = (0..trace.len()).filter(|&i| trace.loss_mask[i]).collect();
        let recorded: Vec<u32> = drawn.iter().map(|&i| trace.model_logprobs[i].to_bits()).collect();
        let tokens = [&completion.prompt[..], &trace.ids].concat();
        let target = |&i: &usize| Target {
            position: completion.prompt.len() + i,
            allowed: Some(trace.allowed.get(&i).expect("every drawn token was restricted")),
        };
        let sequence =
            ScoredSequence { tokens: &tokens, targets: drawn.iter().map(target).collect() };
        let scores = policy.with_model(|model| model.score(&[sequence]).unwrap().logprobs);
        let scores: Vec<u32> =
            scores.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect();
        assert_eq!(recorded, scores);
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Answer {
    kind: Kind,
    flags: Vec<bool>,
    count: Option<f64>, // the schema's integers include -0
    note: String,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Good,
    Bad,
}

#[test]
fn a_random_model_writes_json_that_is_valid_against_the_schema() {
    let policy = policy();
    let schema = json!({
        "type": "object",
        "properties": {
            "kind": {"enum": ["good", "bad"]},
            "flags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
            "count": {"anyOf": [{"type": "integer", "minimum": -99, "maximum": 99}, {"type": "null"}]},
            "note": {"type": "string", "maxLength": 12},
        },
        "required": ["kind", "flags", "count", "note"],
        "additionalProperties": false,
    });
    let completions = complete(&policy, &Grammar::JsonSchema(schema.to_string()), 40);
    let mut kinds = [false, false];
    for completion in &completions {
        if completion.finish == FinishReason::Length {
            continue; // white space is allowed without end
        }
        let answer: Answer = serde_json::from_str(&completion.text())
            .unwrap_or_else(|e| panic!("{e}: {}", completion.text()));
        kinds[usize::from(answer.kind == Kind::Good)] = true;
        assert!(answer.flags.len() <= 3 && answer.note.chars().count() <= 12, "{answer:?}");
        assert!(answer.count.is_none_or(|count| count.abs() <= 99.0 && count.fract() == 0.0));
    }
    assert_eq!(kinds, [true, true]);
    assert!(completions.iter().filter(|c| c.finish == FinishReason::Stop).count() > 30);
    assert_scored(&policy, &completions);
}

#[test]
fn a_random_model_writes_what_a_regular_expression_matches() {
    let policy = policy();
    let pattern = "(ab|c[0-9]{2,5}|[é☃]+)(, [A-Z]+){0,3}\\.";
    let whole = regex::Regex::new(&format!("^({pattern})$")).unwrap();
    let completions = complete(&policy, &Grammar::Regex(pattern.to_owned()), 60);
    for completion in &completions {
        assert_eq!(completion.finish, FinishReason::Stop);
        assert!(whole.is_match(&completion.text()), "{:?}", completion.text());
        assert_eq!(completion.parts.len(), 1);
    }
    let different: std::collections::HashSet<String> =
        completions.iter().map(Completion::text).collect();
    assert!(different.len() > 30);
    assert_scored(&policy, &completions);
}

#[test]
fn a_grammar_that_may_go_on_ends_with_the_message_or_at_the_limit() {
    let policy = policy();
    let mut finishes = std::collections::HashSet::new();
    for seed in 0..30 {
        let mut request = request(Grammar::Regex("[0-9]+".into()), seed);
        let grammar = Grammar::Regex("[0-9]+".into());
        request.answer = vec![
            Segment::Forced("n = ".into()),
            Segment::Grammar { grammar, max_tokens: 8 },
            Segment::Forced("!".into()),
        ];
        let completion = policy.complete(&[request]).unwrap().remove(0);
        let [forced, number] = &completion.parts[..] else { panic!("{completion:?}") };
        assert!(forced == "n = " && number.bytes().all(|byte| byte.is_ascii_digit()));
        let trace = completion.trace.unwrap();
        let ended = policy.tokenizer().is_end(*trace.ids.last().unwrap());
        assert_eq!(ended, completion.finish == FinishReason::Stop);
        assert!(ended || number.len() == 8);
        finishes.insert(completion.finish);
    }
    assert_eq!(finishes.len(), 2, "30 draws among about 11 tokens should end some numbers");
}

#[test]
fn a_grammar_with_a_definite_end_is_followed_by_the_next_segment() {
    let policy = policy();
    let grammar = Grammar::Lark("start: \"<\" /[a-z]{1,4}/ \">\"\n".into());
    let mut request = request(grammar.clone(), 1);
    request.answer = vec![
        Segment::Grammar { grammar: grammar.clone(), max_tokens: 20 },
        Segment::Forced(" and ".into()),
        Segment::Grammar { grammar, max_tokens: 20 },
    ];
    let completion = policy.complete(&[request]).unwrap().remove(0);
    let [first, _, second] = &completion.parts[..] else { panic!("{completion:?}") };
    for part in [first, second] {
        assert!(part.starts_with('<') && part.ends_with('>'), "{part}");
    }
    let trace = completion.trace.unwrap();
    assert_eq!(policy.tokenizer().decode(&trace.ids), format!("{first} and {second}"));
    assert!(!trace.loss_mask[0], "the first token has no alternative");
}

#[test]
fn calls_of_every_format_are_written_so_that_they_parse() {
    let policy = policy();
    let parameters = json!({
        "type": "object",
        "properties": {"command": {"type": "string", "maxLength": 9}, "n": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["command"],
        "additionalProperties": false,
    });
    let tool = |name: &str| Tool {
        name: name.into(),
        description: "Does it.".into(),
        parameters: parameters.clone(),
    };
    let tools = [tool("bash"), tool("edit")];
    let formats: [&dyn ToolFormat; 5] = [
        &CwmFormat::default(),
        &HermesFormat::default(),
        &LlamaFormat,
        &CwmFormat::new().with_opened(true),
        &HermesFormat::new().with_opened(true),
    ];
    for format in formats {
        let completions = complete(&policy, &format.grammar(&tools), 25);
        let mut finished = 0;
        for completion in completions.iter().filter(|c| c.finish == FinishReason::Stop) {
            let turn = format.parse(&completion.text());
            let turn = turn.unwrap_or_else(|e| panic!("{e}: {:?}", completion.text()));
            assert_eq!((turn.calls.len(), turn.text.as_str()), (1, ""));
            assert!(["bash", "edit"].contains(&turn.calls[0].name.as_str()));
            finished += 1;
        }
        // The arguments of CWM are any text: a random model does not find their end.
        let text = completions[0].text();
        let text = text.strip_prefix("</think>\n").unwrap_or(&text);
        assert!(
            finished > 0
                || text.starts_with("<tool: bash>\n")
                || text.starts_with("<tool: edit>\n")
        );
        assert_scored(&policy, &completions);
    }
}

#[test]
fn the_batch_does_not_change_a_constrained_answer() {
    let policy = policy();
    let grammar = Grammar::Regex("[a-c]{3,9};".into());
    let together = complete(&policy, &grammar, 20);
    for (seed, expected) in (0..).zip(&together) {
        let alone = policy.complete(&[request(grammar.clone(), seed)]).unwrap().remove(0);
        assert_eq!(alone, *expected);
    }
}

#[test]
fn wrong_grammars_are_refused() {
    let policy = policy();
    let refuse = |grammar: Grammar, reason: &str| {
        let error = policy.complete(&[request(grammar, 0)]).unwrap_err();
        assert!(matches!(error, PolicyError::Request { index: 0, .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    refuse(Grammar::JsonSchema("{".into()), "not JSON");
    refuse(Grammar::JsonSchema("{\"type\": \"unheard-of\"}".into()), "grammar");
    refuse(Grammar::Regex("(".into()), "grammar");
    refuse(Grammar::Lark("start: missing\n".into()), "missing");
    refuse(Grammar::Lark(String::new()), "grammar");
    refuse(Grammar::Regex("a".repeat(2 << 20)), "bytes");
}
