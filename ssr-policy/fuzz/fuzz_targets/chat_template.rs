//! The input is a chat template, which shall not run away.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use ssr_policy::{ChatTemplate, TemplateInput};

fuzz_target!(|source: &str| {
    let Ok(template) = ChatTemplate::new(source) else { return };
    let messages = [
        json!({"role": "system", "content": "Write Python."}),
        json!({"role": "user", "content": "Take three."}),
        json!({"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "take", "arguments": {"count": 3}}},
        ]}),
        json!({"role": "tool", "name": "take", "content": "3"}),
    ];
    let tools = [json!({"type": "function", "function": {
        "name": "take", "description": "Takes some.", "parameters": {"type": "object"},
    }})];
    let plain = TemplateInput::new(&messages);
    let first = template.apply(&plain);
    let full = plain.with_tools(&tools).with_add_generation_prompt(true);
    let _ = template.apply(&full);
    // Rendering leaves nothing behind.
    assert_eq!(template.apply(&plain).ok(), first.ok());
});
