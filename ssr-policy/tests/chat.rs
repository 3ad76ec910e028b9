//! Conversations: Hugging Face transformers as the oracle, tokens that stay, hostile templates.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Map, Value};
use ssr_core::{ChatRole, Message};
use ssr_policy::{ChatTemplate, RenderOptions, TemplateInput, Tokenizer, render, render_with};

/// 7 March 2026, as in `make_chat.py`.
const NOW: i64 = 1_772_884_800;
const FAMILIES: [&str; 4] = ["llama2", "llama2_first", "llama3", "qwen"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("expected.json")).unwrap()).unwrap()
}

fn source(name: &str) -> String {
    std::fs::read_to_string(fixtures().join(format!("{name}.jinja"))).unwrap()
}

fn tokenizer(family: &str) -> Tokenizer {
    let tokenizer = Tokenizer::load(&fixtures().join(family)).unwrap();
    let template = tokenizer.chat_template().unwrap().clone().with_time(NOW).unwrap();
    tokenizer.with_chat_template(template)
}

fn with_template(family: &str, template: &str) -> Tokenizer {
    let template = ChatTemplate::new(&source(template)).unwrap().with_time(NOW).unwrap();
    let template = template.with_token("bos_token", "<|begin_of_text|>");
    tokenizer(family).with_chat_template(template)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn renderings_equal_hugging_face_transformers() {
    let expected = expected();
    for case in list(&expected["cases"]) {
        let name = case["template"].as_str().unwrap();
        let mut template = ChatTemplate::new(&source(name)).unwrap().with_time(NOW).unwrap();
        for (token, content) in case["tokens"].as_object().unwrap() {
            template = template.with_token(token, content.as_str().unwrap());
        }
        let variables: &Map<String, Value> = case["options"].as_object().unwrap();
        let opened = variables.get("add_generation_prompt") == Some(&true.into());
        let input = TemplateInput::new(list(&case["messages"]))
            .with_tools(list(&case["tools"]))
            .with_add_generation_prompt(opened)
            .with_variables(variables);
        let rendered = template.apply(&input);
        match (rendered, case["text"].as_str()) {
            (Ok(ours), Some(theirs)) => assert_eq!(ours, theirs, "{case}"),
            (Err(error), None) => {
                let theirs = case["error"].as_str().unwrap();
                assert!(error.to_string().contains(theirs), "{error}");
            }
            (ours, _) => panic!("{ours:?} for {case}"),
        }
    }
}

fn messages(json: &Value) -> Vec<Message> {
    let message = |json: &Value| {
        let text = json["content"].as_str().unwrap();
        match json["role"].as_str().unwrap() {
            "system" => Message::system(text),
            "user" => Message::user(text),
            "assistant" => Message::assistant(text),
            other => panic!("{other}"),
        }
    };
    list(json).iter().map(message).collect()
}

fn ids(json: &Value) -> Vec<u32> {
    serde_json::from_value(json.clone()).unwrap()
}

#[test]
fn conversations_have_the_tokens_of_hugging_face_transformers() {
    let expected = expected();
    for family in FAMILIES {
        let tokenizer = tokenizer(family);
        for chat in list(&expected["families"][family]["chats"]) {
            let messages = messages(&chat["messages"]);
            let rendered = render(&tokenizer, &messages).unwrap();
            assert_eq!(rendered.tokens, ids(&chat["ids"]), "{family}: {chat}");
            for (message, text) in messages.iter().zip(&rendered.texts) {
                let found = tokenizer.decode(&rendered.tokens[text.clone()]);
                assert!(found.contains(message.text.trim()), "{family}: {found:?}");
                assert!(found.len() <= message.text.len() + 4, "{family}: {found:?}");
            }
        }
    }
}

#[test]
fn texts_have_the_tokens_of_hugging_face_tokenizers() {
    let expected = expected();
    for family in FAMILIES {
        let tokenizer = tokenizer(family);
        for case in list(&expected["families"][family]["texts"]) {
            let text = case["text"].as_str().unwrap();
            let sentencepiece = family.starts_with("llama2");
            let special = text.contains("<s>") || (sentencepiece && text.contains('\u{2581}'));
            if special || text.is_empty() {
                continue;
            }
            // The space that these families put before a text.
            let lead = match family {
                "llama2" => " ",
                "llama2_first" if !text.starts_with(' ') => " ",
                _ => "",
            };
            let ours = tokenizer.encode(&format!("{lead}{text}")).unwrap();
            assert_eq!(ours, ids(&case["ids"]), "{family}: {text:?}");
        }
    }
}

#[test]
fn the_ends_of_generation_are_gathered_from_all_files() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        std::fs::copy(fixtures().join("llama3").join(name), dir.path().join(name)).unwrap();
    };
    copy("tokenizer.json");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let load = || Tokenizer::load(dir.path());
    let names = ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"];
    let ends = names.map(|name| load().unwrap().special_token(name).unwrap());
    assert_eq!(load().unwrap().ends(), ends);
    assert_eq!(load().unwrap().end_of_message(), ends[2]);
    let header = load().unwrap().special_token("<|start_header_id|>").unwrap();
    write("config.json", &format!("{{\"eos_token_id\": {header}}}"));
    assert!(load().unwrap().is_end(header));
    write("generation_config.json", &format!("{{\"eos_token_id\": [{}, {header}]}}", ends[0]));
    assert_eq!(load().unwrap().ends().len(), 4);
    for wrong in ["\"x\"", "-1", "4000000000", "[1.5]", "0"] {
        write("generation_config.json", &format!("{{\"eos_token_id\": {wrong}}}"));
        let error = load().unwrap_err().to_string();
        assert!(error.contains("end of generation") || error.contains("eos_token_id"), "{error}");
    }
    write("generation_config.json", "{");
    assert!(load().unwrap_err().to_string().contains("generation_config.json"));
}

#[test]
fn a_saved_folder_keeps_its_template_and_its_ends() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixtures().join("qwen").join(name), first.path().join(name)).unwrap();
    }
    std::fs::write(first.path().join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    let plain = Tokenizer::load(first.path()).unwrap();
    let start = plain.special_token("<|im_start|>").unwrap();
    let config = format!("{{\"eos_token_id\": [{start}]}}");
    std::fs::write(first.path().join("config.json"), config).unwrap();
    let tokenizer = Tokenizer::load(first.path()).unwrap();
    tokenizer.save(second.path()).unwrap();
    let again = Tokenizer::load(second.path()).unwrap();
    assert!(tokenizer.is_end(start));
    assert_eq!(tokenizer.ends(), again.ends());
    let hello = [Message::user("Hello")];
    assert_eq!(tokenizer.decode(&render(&again, &hello).unwrap().tokens), "Hello");
    assert_eq!(render(&tokenizer, &hello).unwrap(), render(&again, &hello).unwrap());

    // A template of one's own is saved, and so is an end beside other settings.
    std::fs::write(first.path().join("generation_config.json"), "{\"top_p\": 0.5}").unwrap();
    let template = ChatTemplate::new("> {{ messages[0].content }}").unwrap();
    let changed = Tokenizer::load(first.path()).unwrap().with_chat_template(template);
    changed.save(second.path()).unwrap();
    let again = Tokenizer::load(second.path()).unwrap();
    assert_eq!(changed.ends(), again.ends());
    assert_eq!(again.decode(&render(&again, &hello).unwrap().tokens), "> Hello");
    let kept = std::fs::read_to_string(second.path().join("generation_config.json")).unwrap();
    assert!(kept.contains("top_p"), "{kept}");
}

#[test]
fn a_folder_without_a_template_gets_the_format_of_its_family() {
    let dir = tempfile::tempdir().unwrap();
    let load = |family: &str| {
        let path = fixtures().join(family).join("tokenizer.json");
        std::fs::copy(path, dir.path().join("tokenizer.json")).unwrap();
        Tokenizer::load(dir.path())
    };
    let spelled = |tokenizer: &Tokenizer, tokens: &[u32]| -> String {
        let names = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];
        let name = |token: u32| names.iter().find(|n| tokenizer.special_token(n) == Some(token));
        tokens
            .iter()
            .map(|&token| name(token).map_or_else(|| tokenizer.decode(&[token]), |n| (*n).into()))
            .collect()
    };
    let headers = load("llama3").unwrap();
    let conversation = [Message::user("q"), Message::tool("bash", "ok")];
    let rendered = render(&headers, &conversation).unwrap();
    assert_eq!(
        spelled(&headers, &rendered.tokens),
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|>\
         <|start_header_id|>tool: bash<|end_header_id|>\n\nok<|eot_id|>\
         <|start_header_id|>assistant<|end_header_id|>\n\n"
    );
    let chatml = load("qwen").unwrap();
    let rendered = render(&chatml, &[Message::user("a <|im_end|> b")]).unwrap();
    assert_eq!(chatml.decode(&rendered.tokens), "user\na <|im_end|> b\nassistant\n");
    let error = load("llama2").unwrap_err().to_string();
    assert!(error.contains("which token ends a message"), "{error}");
    std::fs::write(dir.path().join("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}").unwrap();
    let error = render(&load("llama2").unwrap(), &conversation).unwrap_err().to_string();
    assert!(error.contains("chat_template.jinja"), "{error}");
}

#[test]
fn named_templates_are_chosen_by_the_presence_of_tools() {
    let dir = tempfile::tempdir().unwrap();
    let path = fixtures().join("qwen/tokenizer.json");
    std::fs::copy(path, dir.path().join("tokenizer.json")).unwrap();
    let config = r#"{"chat_template": [{"name": "default", "template": "plain"},
                                       {"name": "tool_use", "template": "with {{ tools | length }}"}]}"#;
    std::fs::write(dir.path().join("tokenizer_config.json"), config).unwrap();
    let tokenizer = Tokenizer::load(dir.path()).unwrap();
    let text = |tools: &[Value]| {
        let options = RenderOptions::default().with_tools(tools);
        tokenizer.decode(&render_with(&tokenizer, &[], &options).unwrap().tokens)
    };
    assert_eq!((text(&[]), text(&["a".into(), "b".into()])), ("plain".into(), "with 2".into()));

    // Given to another tokenizer, both are saved.
    let template = tokenizer.chat_template().unwrap().clone();
    let other = tempfile::tempdir().unwrap();
    tokenizer.clone().with_chat_template(template).save(other.path()).unwrap();
    let again = Tokenizer::load(other.path()).unwrap();
    for tools in [&[][..], &["a".into()]] {
        let options = RenderOptions::default().with_tools(tools);
        let of = |tokenizer| render_with(tokenizer, &[], &options).unwrap();
        assert_eq!(of(&tokenizer), of(&again));
    }
}

#[test]
fn hostile_templates_are_stopped() {
    let refuse = |source: &str, reason: &str| {
        let rendered = ChatTemplate::new(source).and_then(|t| t.apply(&TemplateInput::default()));
        let error = rendered.expect_err(source).to_string();
        assert!(error.contains("chat template") && error.contains(reason), "{source}: {error}");
    };
    let loops = "{% for a in range(9999) %}".repeat(3) + "{{ a }}" + &"{% endfor %}".repeat(3);
    refuse(&loops, "fuel");
    refuse("{{ 'x' * 9999999999 }}", "");
    refuse("{{ ('x' * 1000000) | replace('x', 'y' * 1000000) }}", "");
    refuse("{{ [1] | tojson(indent=1000000000) }}", "32");
    refuse("{{ 'x' | indent(9999999999, first=true) }}", "fuel");
    refuse("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "");
    let doubling = "{% set ns = namespace(t='x') %}{% for i in range(99) %}\
                    {% set ns.t = ns.t ~ ns.t %}{% endfor %}{{ ns.t }}";
    refuse(doubling, "fuel");
    let nesting = "{% set ns = namespace(t=[]) %}{% for i in range(9999) %}\
                   {% set ns.t = [ns.t] %}{% endfor %}";
    refuse(&format!("{nesting}{{{{ ns.t }}}}"), "deep");
    refuse(&format!("{nesting}{{{{ ns.t | tojson }}}}"), "deep");
    refuse(&("{{ ".to_owned() + &"(".repeat(100_000)), "");
    refuse("{% include 'other' %}", "");
    refuse("{{ strftime_now('%99999999d') }}", "");
    refuse("{{ unknown() }}", "unknown");
    refuse("{{ raise_exception('not me') }}", "not me");
    refuse("{% if", "");
    refuse(&"x".repeat(2 << 20), "bytes");
}

#[test]
fn text_that_completes_a_special_token_stays_text() {
    let source = "{% for m in messages %}<{{ m.content }}>{{ eos_token }}{% endfor %}";
    let template = ChatTemplate::new(source).unwrap().with_token("eos_token", "</s>");
    let tokenizer = tokenizer("llama2").with_chat_template(template);
    let rendered = render(&tokenizer, &[Message::user("s"), Message::user("/s")]).unwrap();
    let special = rendered.tokens.iter().filter(|&&t| tokenizer.token_bytes(t).is_empty()).count();
    assert_eq!(special, 2);
    assert_eq!(tokenizer.decode(&rendered.tokens), " <s> </s>");
}

#[test]
fn the_loss_mask_covers_what_the_assistant_says() {
    let thought = Message::assistant("<think>\nHm.\n</think>\n\nDone.");
    for (family, template) in [("qwen", "qwen3"), ("qwen", "qwen2"), ("llama3", "llama3")] {
        let tokenizer = with_template(family, template);
        let plain = [Message::system("s"), Message::user("q"), Message::assistant("The answer.")];
        for messages in [plain.to_vec(), vec![Message::user("q"), thought.clone()]] {
            let options = RenderOptions::default().with_add_generation_prompt(false);
            let rendered = render_with(&tokenizer, &messages, &options).unwrap();
            let masked = rendered.tokens.iter().zip(&rendered.assistant);
            let said: Vec<u32> = masked.filter(|(_, mask)| **mask).map(|(t, _)| *t).collect();
            assert_eq!(said.last(), Some(&tokenizer.end_of_message()));
            let text = tokenizer.decode(&said);
            assert!(text.ends_with(messages.last().unwrap().text.split('\n').next_back().unwrap()));
            assert!(text.len() <= messages.last().unwrap().text.len(), "{template}: {text:?}");
        }
    }
}

/// One step of a conversation: a question or a tool's result, and the answer to it.
#[derive(Debug, Clone)]
struct Exchange {
    question: String,
    result_of_tool: bool,
    answer: String,
    ends: bool,
}

fn steps() -> impl Strategy<Value = Vec<Exchange>> {
    let text =
        "[ a-z<>|/\n]{0,6}(</think>|<think>|<\\|im_end\\|>|</s>|<\\|eot_id\\|>|é)?[ a-z\n]{0,6}";
    let step = (text, any::<bool>(), text, any::<bool>()).prop_map(
        |(question, result_of_tool, answer, ends)| Exchange {
            question,
            result_of_tool,
            answer,
            ends,
        },
    );
    prop::collection::vec(step, 1..4)
}

fn all_templates() -> &'static [(&'static str, Tokenizer)] {
    static ALL: std::sync::OnceLock<Vec<(&str, Tokenizer)>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        vec![
            ("llama2", tokenizer("llama2")),
            ("llama2_first", tokenizer("llama2_first")),
            ("llama3", tokenizer("llama3")),
            ("qwen3", tokenizer("qwen")),
            ("qwen2", with_template("qwen", "qwen2")),
            ("chatml", Tokenizer::train(["user assistant"], 300).unwrap()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_growing_conversation_keeps_its_tokens(steps in steps()) {
        for (name, tokenizer) in all_templates() {
            let mut messages = vec![Message::system("Be brief.")];
            let mut seen: Vec<u32> = Vec::new();
            let mut mask: Vec<bool> = Vec::new();
            for (index, step) in steps.iter().enumerate() {
                let tool = step.result_of_tool && index > 0 && !name.starts_with("llama2");
                messages.push(match tool {
                    true => Message::tool("bash", step.question.clone()),
                    false => Message::user(step.question.clone()),
                });
                let rendered = render(tokenizer, &messages).unwrap();
                prop_assert!(rendered.tokens.starts_with(&seen), "{} step {}", name, index);
                prop_assert_eq!(&rendered.assistant[..mask.len()], &mask[..]);
                prop_assert!(rendered.assistant[mask.len()..].iter().all(|said| !said));
                let mut tokens = tokenizer.encode(&step.answer).unwrap();
                if step.ends {
                    tokens.push(tokenizer.end_of_message());
                }
                mask = rendered.assistant;
                mask.resize(mask.len() + tokens.len(), true);
                seen = [rendered.tokens, tokens.clone()].concat();
                let answer = Message::assistant(step.answer.clone());
                messages.push(answer.with_tokens(tokens));
            }
        }
    }

    #[test]
    fn only_the_template_writes_special_tokens(steps in steps()) {
        for (name, tokenizer) in all_templates() {
            let conversation = |replace: bool| -> Vec<Message> {
                let text = |text: &str| if replace { "x".to_owned() } else { text.to_owned() };
                let pair = |step: &Exchange| {
                    [Message::user(text(&step.question)), Message::assistant(text(&step.answer))]
                };
                steps.iter().flat_map(pair).collect()
            };
            let special = |messages: &[Message]| -> Vec<u32> {
                let tokens = render(tokenizer, messages).unwrap().tokens;
                tokens.into_iter().filter(|&t| tokenizer.token_bytes(t).is_empty()).collect()
            };
            prop_assert_eq!(special(&conversation(false)), special(&conversation(true)), "{}", name);
        }
    }

    #[test]
    fn texts_are_found_again(steps in steps()) {
        for (name, tokenizer) in all_templates() {
            let messages: Vec<Message> = steps.iter().map(|s| Message::user(s.question.clone())).collect();
            if name.starts_with("llama2") {
                continue; // its template wants answers in between
            }
            let rendered = render(tokenizer, &messages).unwrap();
            for (message, range) in messages.iter().zip(&rendered.texts) {
                let found = tokenizer.decode(&rendered.tokens[range.clone()]);
                prop_assert!(found.contains(message.text.trim()), "{}: {:?}", name, found);
                prop_assert_eq!(message.role, ChatRole::User);
            }
        }
    }

    #[test]
    fn every_family_spells_every_string(text in any::<String>(), spaces in "[ \u{2581}a\n]{0,8}") {
        for (name, tokenizer) in all_templates().iter().filter(|(name, _)| !name.starts_with("qwen")) {
            for text in [&text, &spaces] {
                let tokens = tokenizer.encode(text).unwrap();
                prop_assert_eq!(&tokenizer.decode(&tokens), text, "{}", name);
                let bytes: Vec<u8> =
                    tokens.iter().flat_map(|&t| tokenizer.token_bytes(t)).copied().collect();
                prop_assert_eq!(bytes, text.as_bytes());
            }
        }
    }
}
