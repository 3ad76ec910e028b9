//! The input is a GGUF file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_policy::Model;

fuzz_target!(|input: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, input).expect("the file is written");
    if let Ok(model) = Model::load_gguf(&path) {
        // Whatever is accepted was all there.
        assert!(model.num_parameters() <= 8 * input.len());
        assert_eq!(model.num_parameters(), model.config().num_parameters());
    }
});
