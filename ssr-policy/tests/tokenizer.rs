//! The tokenizer: lossless, deterministic, total.

use proptest::prelude::*;
use ssr_policy::Tokenizer;

const TEXTS: [&str; 3] = [
    "def merge(a, b):\n    return {**a, **b}\n\ndef merge_with(f, a, b):\n    return f(a, b)\n",
    "class Merge:\n    def __init__(self):\n        self.a = 1_000\n",
    "# naïve — ☃ <|im_end|>\n",
];

#[test]
fn training_twice_gives_the_same_file() {
    let file = |texts: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        Tokenizer::train(texts, 400).unwrap().save(dir.path()).unwrap();
        std::fs::read(dir.path().join("tokenizer.json")).unwrap()
    };
    let mut reversed = TEXTS;
    reversed.reverse();
    assert_eq!(file(&TEXTS), file(&TEXTS));
    assert_eq!(file(&TEXTS), file(&reversed), "only the counts matter");
}

#[test]
fn the_vocabulary_is_as_large_as_asked_and_shortens_its_texts() {
    let tokenizer = Tokenizer::train(TEXTS, 280).unwrap();
    assert_eq!(tokenizer.vocab_size(), 280);
    let tokens = tokenizer.encode(TEXTS[0]).unwrap();
    assert!(tokens.len() * 3 < TEXTS[0].len() * 2, "{} tokens", tokens.len());
    let small = Tokenizer::train(["a"], 10_000).unwrap();
    assert_eq!(small.vocab_size(), Tokenizer::MIN_VOCAB_SIZE);
    assert!(Tokenizer::train(TEXTS, 258).unwrap_err().to_string().contains("258"));
    assert!(Tokenizer::train(TEXTS, usize::MAX).is_err());
}

#[test]
fn a_saved_tokenizer_is_the_same_tokenizer() {
    let dir = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::train(TEXTS, 400).unwrap();
    tokenizer.save(dir.path()).unwrap();
    let loaded = Tokenizer::load(dir.path()).unwrap();
    for text in TEXTS {
        assert_eq!(tokenizer.encode(text).unwrap(), loaded.encode(text).unwrap());
    }
    assert_eq!(tokenizer.end_of_message(), loaded.end_of_message());
    assert_eq!(tokenizer.vocab_size(), loaded.vocab_size());
}

#[test]
fn corrupt_files_are_refused_with_their_name() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |content: &[u8], reason: &str| {
        std::fs::write(dir.path().join("tokenizer.json"), content).unwrap();
        let error = Tokenizer::load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json") && error.contains(reason), "{error}");
    };
    assert!(Tokenizer::load(dir.path()).unwrap_err().to_string().contains("tokenizer.json"));
    refuse(b"", "corrupt");
    refuse(b"{\"model\": 3}", "corrupt");
    let other = Tokenizer::train(TEXTS, 300).unwrap();
    other.save(dir.path()).unwrap();
    let json = std::fs::read_to_string(dir.path().join("tokenizer.json")).unwrap();
    refuse(&json.as_bytes()[..json.len() / 2], "corrupt");
    let endless = json.replace("<|im_end|>", "<|a|>").replace("<|endoftext|>", "<|b|>");
    refuse(endless.as_bytes(), "which token ends a message");
    refuse(json.replace("\"é\"", "\"日本\"").as_bytes(), "stand for bytes");
    let huge = json.replacen("\"id\": 2", "\"id\": 4000000000", 1);
    std::fs::write(dir.path().join("tokenizer.json"), huge).unwrap();
    assert!(Tokenizer::load(dir.path()).map_or(true, |t| t.vocab_size() < 1 << 23));
}

proptest! {
    #[test]
    fn every_string_survives(text in any::<String>()) {
        let tokenizer = trained();
        prop_assert_eq!(tokenizer.decode(&tokenizer.encode(&text).unwrap()), text);
    }

    #[test]
    fn text_is_never_a_special_token(text in "(<\\|im_end\\|>|<\\|im_start\\|>|<\\|endoftext\\|>|[ a<|>\n]){0,8}") {
        let tokenizer = trained();
        let tokens = tokenizer.encode(&text).unwrap();
        let special = ["<|im_end|>", "<|im_start|>", "<|endoftext|>"]
            .map(|spelling| tokenizer.special_token(spelling).unwrap());
        prop_assert!(tokens.iter().all(|token| !special.contains(token)));
        prop_assert_eq!(tokenizer.decode(&tokens), text);
    }
}

fn trained() -> &'static Tokenizer {
    static TOKENIZER: std::sync::OnceLock<Tokenizer> = std::sync::OnceLock::new();
    TOKENIZER.get_or_init(|| Tokenizer::train(TEXTS, 400).unwrap())
}

/// A tokenizer of each family, see `fixtures/chat/make_chat.py`.
fn family_file(family: &str) -> Vec<u8> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat");
    std::fs::read(dir.join(family).join("tokenizer.json")).unwrap()
}

fn load_bytes(json: &[u8]) -> ssr_policy::Result<Tokenizer> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("tokenizer.json"), json).unwrap();
    std::fs::write(dir.path().join("tokenizer_config.json"), r#"{"eos_token": "</s>"}"#).unwrap();
    Tokenizer::load(dir.path())
}

#[test]
fn truncated_files_are_refused() {
    for family in ["llama2", "llama3", "qwen"] {
        let json = family_file(family);
        load_bytes(&json).unwrap();
        for end in (0..json.len()).step_by(211) {
            assert!(load_bytes(&json[..end]).unwrap_err().to_string().contains("corrupt"));
        }
    }
}

#[test]
fn other_kinds_of_tokenizers_are_refused() {
    let unigram = r#"{"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
        "post_processor": null, "decoder": null, "truncation": null, "padding": null,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]}}"#;
    let error = load_bytes(unigram.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("not BPE"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn mutated_files_never_break_more_than_themselves(
        family in prop::sample::select(vec!["llama2", "llama2_first", "llama3", "qwen"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        digits in any::<bool>(),
        text in "[ -~é☃\n]{0,20}",
    ) {
        let mut json = family_file(family);
        for (index, byte) in changes {
            let at = index.index(json.len());
            // Digits make ids large and references wrong, which random bytes seldom do.
            json[at] = if digits && json[at].is_ascii_digit() { b'0' + byte % 10 } else { byte };
        }
        if let Ok(tokenizer) = load_bytes(&json) {
            prop_assert!(tokenizer.vocab_size() <= 1 << 23);
            if let Ok(tokens) = tokenizer.encode(&text) {
                tokenizer.decode(&tokens);
            }
        }
    }
}
