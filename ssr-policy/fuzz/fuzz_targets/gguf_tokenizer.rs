//! The input is a text, a NUL, and a GGUF file with a vocabulary; `tests/fixtures/gguf` is a corpus to
//! start from (its files begin without a text).
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_policy::Tokenizer;

// The tokenizers crate panics on some vocabularies, which is caught; the fuzzer's hook would end it.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |input: &[u8]| {
    let bare = input.starts_with(b"GGUF");
    let split = input.iter().position(|byte| *byte == 0).filter(|_| !bare);
    let (text, file) = match split {
        Some(split) => (&input[..split], &input[split + 1..]),
        None => (&b"def add(a, b):\n    return a + b\n"[..], input),
    };
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, file).expect("the file is written");
    let Ok(tokenizer) = Tokenizer::load_gguf(&path) else { return };
    let Ok(tokens) = tokenizer.encode(&String::from_utf8_lossy(text)) else { return };

    assert!(tokens.iter().all(|token| (*token as usize) < tokenizer.vocab_size()));
    assert!(!tokens.contains(&tokenizer.end_of_message()));
    let _ = tokenizer.decode(&tokens);
});
