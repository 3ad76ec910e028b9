//! The input is split at the first NUL: a `tokenizer.json`, and a text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_policy::Tokenizer;

// The tokenizers crate panics on some files, which is caught; the fuzzer's hook would end it there.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |input: &[u8]| {
    let split = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (json, text) = input.split_at(split);
    let folder = tempfile::tempdir().expect("a folder for the file");
    std::fs::write(folder.path().join("tokenizer.json"), json).expect("the file is written");
    let Ok(tokenizer) = Tokenizer::load(folder.path()) else { return };
    let text = String::from_utf8_lossy(text);
    let Ok(tokens) = tokenizer.encode(&text) else { return };

    assert!(tokens.iter().all(|token| (*token as usize) < tokenizer.vocab_size()));
    assert!(!tokens.contains(&tokenizer.end_of_message()));
    let _ = tokenizer.decode(&tokens);
});
