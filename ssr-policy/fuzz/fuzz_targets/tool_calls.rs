//! The input is a turn of an assistant, which may call tools.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssr_policy::{CwmFormat, HermesFormat, LlamaFormat, ToolFormat};

fuzz_target!(|text: &str| {
    let formats: [&dyn ToolFormat; 5] = [
        &CwmFormat::new(),
        &CwmFormat::new().with_opened(true),
        &HermesFormat::new(),
        &HermesFormat::new().with_opened(true),
        &LlamaFormat,
    ];
    for format in formats {
        let Ok(turn) = format.parse(text) else { continue };
        // What is written as a turn is read as the same turn.
        if let Ok(written) = format.render(&turn) {
            assert_eq!(format.parse(&written).as_ref(), Ok(&turn));
        }
    }
});
