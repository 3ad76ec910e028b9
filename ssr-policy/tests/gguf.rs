//! GGUF files against the Python package `gguf` (values) and llama.cpp (tokens). See
//! `fixtures/make_gguf_types.py` and `fixtures/make_gguf_tokenizers.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use ssr_policy::{LocalPolicy, Model, ModelErrorKind, TemplateInput, Tokenizer};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// The bits of all weights, by name.
fn bits(model: &Model) -> BTreeMap<String, Vec<u32>> {
    let of = |var: &candle_core::Var| -> Vec<u32> {
        let values: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    model.vars().iter().map(|(name, var)| (name.clone(), of(var))).collect()
}

#[test]
fn every_type_has_the_values_of_the_python_package() {
    let ours = bits(&Model::load(&fixture("types.gguf")).unwrap());
    let theirs = bits(&Model::load(&fixture("types-f32.gguf")).unwrap());
    assert_eq!(ours.len(), 3 * 9 + 3);
    for (name, expected) in theirs {
        let found = &ours[&name];
        let differ = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        assert_eq!((found.len(), differ), (expected.len(), 0), "{name}");
    }
}

fn write(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

fn find(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

#[test]
fn a_type_that_is_not_read_is_named_with_its_tensor() {
    let mut file = bytes("types.gguf");
    let at = find(&file, "blk.0.attn_q.weight") + 19 + 4 + 16;
    file[at..at + 4].copy_from_slice(&19u32.to_le_bytes());
    let (_dir, path) = write(&file);
    let error = Model::load(&path).unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::File);
    let text = error.to_string();
    let expected = ["model.gguf", "blk.0.attn_q.weight is IQ1_S", "Q8_0 or Q4_K_M"];
    assert!(expected.iter().all(|part| text.contains(part)), "{text}");
}

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    /// The tokens of every text, by the rule that cuts words.
    rules: BTreeMap<String, Vec<Vec<u32>>>,
}

fn expected() -> Expected {
    serde_json::from_slice(&bytes("tokens.json")).unwrap()
}

/// The small vocabulary under another rule.
fn vocabulary(rule: &str) -> Vec<u8> {
    let mut file = bytes("vocabulary.gguf");
    let at = find(&file, "tokenizer.ggml.pre") + 18 + 4;
    let old = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let new = [&(rule.len() as u64).to_le_bytes()[..], rule.as_bytes()].concat();
    file.splice(at..at + 8 + old, new);
    file
}

#[test]
fn texts_have_the_tokens_of_llama_cpp() {
    let Expected { texts, rules } = expected();
    assert!(texts.len() >= 200);
    for (rule, all) in rules.iter().filter(|(rule, _)| *rule != "smollm2") {
        let (_dir, path) = write(&vocabulary(rule));
        let tokenizer = Tokenizer::load(&path).unwrap();
        for (text, theirs) in texts.iter().zip(all) {
            assert_eq!(&tokenizer.encode(text).unwrap(), theirs, "{rule}: {text:?}");
        }
    }
}

#[test]
fn a_tokenizer_of_a_file_is_complete_and_survives_a_folder() {
    let tokenizer = Tokenizer::load_gguf(&fixture("vocabulary.gguf")).unwrap();
    assert_eq!(tokenizer.end_of_message(), 2);
    assert_eq!(tokenizer.special_token("<|im_start|>"), Some(1));
    let messages = [serde_json::json!({"role": "user", "content": "hi"})];
    let input = TemplateInput::new(&messages).with_add_generation_prompt(true);
    let rendered = tokenizer.chat_template().unwrap().apply(&input).unwrap();
    let system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
    let prompt = format!(
        "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(rendered, prompt);

    let dir = tempfile::tempdir().unwrap();
    tokenizer.save(dir.path()).unwrap();
    let again = Tokenizer::load(dir.path()).unwrap();
    assert_eq!(again.ends(), tokenizer.ends());
    assert_eq!(again.end_of_message(), tokenizer.end_of_message());
    assert_eq!(again.chat_template().unwrap().apply(&input).unwrap(), prompt);
    for text in expected().texts {
        assert_eq!(again.encode(&text).unwrap(), tokenizer.encode(&text).unwrap(), "{text:?}");
    }
}

#[test]
fn a_file_without_a_tokenizer_takes_the_one_beside_it() {
    let (dir, path) = write(&bytes("llama3-q8_0.gguf"));
    let error = LocalPolicy::load(&path).unwrap_err().to_string();
    assert!(error.contains("model.gguf") && error.contains("tokenizer.json"), "{error}");
    Tokenizer::train(["a"], 259).unwrap().save(dir.path()).unwrap();
    let tokenizer = Tokenizer::load(&path).unwrap();
    assert_eq!(tokenizer.vocab_size(), 259);
}

/// Replaces a text of the same length.
fn with(old: &str, new: &str) -> Vec<u8> {
    let mut file = bytes("vocabulary.gguf");
    let at = find(&file, old);
    file[at..at + new.len()].copy_from_slice(new.as_bytes());
    file
}

#[test]
fn vocabularies_that_lie_are_refused_with_the_file_and_the_remedy() {
    let refuse = |file: &[u8], reason: &str| {
        let (_dir, path) = write(file);
        let error = Tokenizer::load(&path).unwrap_err().to_string();
        assert!(error.contains("model.gguf") && error.contains(reason), "{reason}: {error}");
    };
    refuse(&vocabulary("kimi-k2"), "\"kimi-k2\"");
    refuse(&vocabulary("kimi-k2"), "tokenizer.json");
    refuse(&with("gpt2", "bert"), "\"bert\"");
    refuse(&with("tokenizer.ggml.tokens", "tokenizer.ggml.tokenz"), "tokens is missing");
    refuse(&with("tokenizer.ggml.model", "tokenizer.ggml.modem"), "no tokenizer");
    refuse(&with("{% for", "{% fur"), "chat template");
    // The first merge has no space, or makes a token that is not there.
    let merge = "\u{120} t";
    refuse(&with(merge, "\u{120}xt"), "not a pair");
    refuse(&with(merge, "\u{120} \u{1}"), "tokenizer");
    let file = bytes("vocabulary.gguf");
    let number = |name: &str, offset: usize, value: &[u8]| {
        let mut file = file.clone();
        let at = find(&file, name) + name.len() + offset;
        file[at..at + value.len()].copy_from_slice(value);
        file
    };
    refuse(&number("tokenizer.ggml.eos_token_id", 4, &70_000u32.to_le_bytes()), "70000");
    refuse(&number("tokenizer.ggml.token_type", 4, &6u32.to_le_bytes()), "list");
    refuse(&number("tokenizer.ggml.token_type", 8, &3u64.to_le_bytes()), "GGUF");
    refuse(&number("tokenizer.ggml.tokens", 8, &u64::MAX.to_le_bytes()), "truncated");
    refuse(&number("tokenizer.ggml.tokens", 24, &[0xff]), "not UTF-8");
    for end in (0..file.len()).step_by(file.len() / 40) {
        let (_dir, path) = write(&file[..end]);
        assert!(Tokenizer::load(&path).is_err(), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens to a file, its tokenizer is loaded or refused.
    #[test]
    fn damaged_vocabularies_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        text in "[ -~é☃\n]{0,20}",
    ) {
        let mut file = bytes("vocabulary.gguf");
        for (position, byte) in changes {
            let at = position.index(file.len());
            file[at] = byte;
        }
        let (_dir, path) = write(&file);
        if let Ok(tokenizer) = Tokenizer::load(&path) {
            let tokens = tokenizer.encode(&text).unwrap_or_default();
            prop_assert!(tokens.iter().all(|&token| (token as usize) < tokenizer.vocab_size()));
        }
    }
}
