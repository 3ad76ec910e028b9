//! The formats of tool calls: what they accept, refuse and write.

use proptest::prelude::*;

use super::*;

const CWM: CwmFormat = CwmFormat { opened: false };
const CWM_OPENED: CwmFormat = CwmFormat { opened: true };
const HERMES: HermesFormat = HermesFormat { opened: false };

fn formats() -> [&'static dyn ToolFormat; 5] {
    [&CWM, &CWM_OPENED, &HERMES, &HermesFormat { opened: true }, &LlamaFormat]
}

fn refuse(format: &dyn ToolFormat, turn: &str, expected: FormatError) {
    assert_eq!(format.parse(turn), Err(expected), "{turn:?}");
}

#[test]
fn a_turn_of_cwm_has_at_most_one_call() {
    let turn = CWM.parse("Let me see.\n<tool: bash>\nls\n\n</tool>\n").unwrap();
    assert_eq!((turn.text.as_str(), turn.calls[0].arguments.as_str()), ("Let me see.", "ls\n"));
    assert!(CWM.parse("All done.").unwrap().calls.is_empty());
    let call = "<tool: bash>\nls\n</tool>";
    refuse(&CWM, &format!("{call}\n{call}"), FormatError::SeveralCalls { count: 2 });
    refuse(&CWM, "<tool: bash>\nls\n", FormatError::Unbalanced { tag: "tool" });
    refuse(&CWM, "ls\n</tool>", FormatError::Unbalanced { tag: "tool" });
    refuse(&CWM, &format!("{call} done"), FormatError::TextAfterCall);
    refuse(&CWM, "<tool: a2>\nls\n</tool>", FormatError::Name { name: "a2".into() });
    for empty in ["<tool: bash>\n\n</tool>", "<tool: bash>\n</tool>", "<tool: bash>\n \n</tool>"] {
        refuse(&CWM, empty, FormatError::EmptyArguments { name: "bash".into() });
    }
    for wrong in ["<tool:bash>\nls\n</tool>", "<tool: bash> ls\n</tool>", "<tool: bash>\nls</tool>"]
    {
        assert!(matches!(CWM.parse(wrong), Err(FormatError::Header { .. })), "{wrong}");
    }
}

#[test]
fn reasoning_of_cwm_ends_once() {
    let turn = CWM.parse("<think>\n<tool: x>\n</think>\nDone.").unwrap();
    assert_eq!((turn.reasoning.as_deref(), turn.text.as_str()), (Some("<tool: x>"), "Done."));
    assert_eq!(CWM_OPENED.parse("a\n</think>\nb").unwrap().reasoning.as_deref(), Some("a"));
    refuse(&CWM_OPENED, "no end", FormatError::Unbalanced { tag: "think" });
    refuse(&CWM, "<think>\nno end", FormatError::Unbalanced { tag: "think" });
    refuse(&CWM, "a </think> b", FormatError::Unbalanced { tag: "think" });
    refuse(&CWM_OPENED, "a</think></think>", FormatError::SeveralThinkEnds { count: 2 });
}

#[test]
fn calls_of_hermes_are_json_and_come_last() {
    let one = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"s\": \"</tool_call>\", \"x\": 0.10}}\n</tool_call>";
    let turn = HERMES.parse(&format!("Hm.\n{one}\n{one}")).unwrap();
    assert_eq!((turn.text.as_str(), turn.calls.len()), ("Hm.", 2));
    assert_eq!(turn.calls[0].arguments, "{\"s\": \"</tool_call>\", \"x\": 0.10}");
    refuse(&HERMES, &format!("{one} and"), FormatError::TextAfterCall);
    refuse(&HERMES, "x </tool_call>", FormatError::Unbalanced { tag: "tool_call" });
    let open = "<tool_call>{\"name\": \"f\", \"arguments\": {}}";
    refuse(&HERMES, open, FormatError::Unbalanced { tag: "tool_call" });
    for json in ["", "{", "{\"name\": \"f\"}", "{\"name\": \"f\", \"arguments\": \"{}\"}", "[]"] {
        let turn = format!("<tool_call>\n{json}\n</tool_call>");
        assert!(matches!(HERMES.parse(&turn), Err(FormatError::Json { .. })), "{turn}");
    }
    let name = "<tool_call>{\"name\": \"a b\", \"arguments\": {}}</tool_call>";
    refuse(&HERMES, name, FormatError::Name { name: "a b".into() });
}

#[test]
fn a_call_of_llama_is_the_whole_turn() {
    let turn = LlamaFormat.parse(" {\"name\": \"f\", \"parameters\": {\"a\": [1]}}\n").unwrap();
    assert_eq!(
        (turn.calls[0].name.as_str(), turn.calls[0].arguments.as_str()),
        ("f", "{\"a\": [1]}")
    );
    for text in ["{\"answer\": 1}", "{ not json", "A call: {\"name\": \"f\"}", ""] {
        assert_eq!(LlamaFormat.parse(text).unwrap().text, text);
    }
    for wrong in ["{\"name\": \"f\"}", "{\"name\": \"f\", \"parameters\": {}} more", "{\"name\": 1"]
    {
        assert!(matches!(LlamaFormat.parse(wrong), Err(FormatError::Json { .. })), "{wrong}");
    }
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let call = ToolCall { name: "f".into(), arguments: "x".into() };
    let turn = |text: &str, calls| AssistantTurn { text: text.into(), calls, reasoning: None };
    assert!(CWM.render(&turn("", vec![call.clone(), call.clone()])).is_err());
    assert!(CWM.render(&turn("<tool: f>", vec![])).is_err());
    assert!(HERMES.render(&turn("", vec![call.clone()])).is_err());
    assert!(CWM_OPENED.render(&turn("no reasoning", vec![])).is_err());
    let spoken = turn("text", vec![ToolCall { arguments: "{}".into(), ..call }]);
    assert_eq!(LlamaFormat.render(&spoken), Err(FormatError::Inexpressible));
}

#[test]
fn tools_are_described_and_their_results_named() {
    let tool = Tool { name: "bash".into(), description: "Runs it.".into(), parameters: json!({}) };
    for format in formats() {
        let text = format.describe(std::slice::from_ref(&tool));
        assert!(text.contains("bash") && text.contains("Runs it."), "{text}");
        let call = ToolCall { name: "bash".into(), arguments: "{}".into() };
        assert_eq!(format.result(&call, "out").name.as_deref(), Some("bash"));
    }
}

fn texts() -> impl Strategy<Value = String> {
    let word = "(<think>|</think>|<tool: a>|<tool:|</tool>|<tool_call>|</tool_call>|\\{\"name\": |[ a\n\"{}:é]{0,5})";
    prop::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn every_text_is_parsed_or_refused(text in texts(), any in any::<String>()) {
        for format in formats() {
            for text in [&text, &any] {
                if let Ok(turn) = format.parse(text) {
                    // What was understood is written so that it is understood again.
                    if let Ok(written) = format.render(&turn) {
                        prop_assert_eq!(format.parse(&written).unwrap(), turn);
                    }
                }
            }
        }
    }

    #[test]
    fn plain_turns_survive(
        text in "[ a-z.\n]{0,20}",
        reasoning in prop::option::of("[ a-z.]{1,20}"),
        name in "[a-z_]{1,9}",
        value in "[ -~é\n]{0,20}",
        calls in 0usize..3,
    ) {
        for format in formats() {
            let opened = format.parse("x").is_err();
            let json = json!({"value": value, "n": 0.1, "list": [1, null]}).to_string();
            let cwm = format.describe(&[]).contains("<tool: ");
            let llama = !cwm && format.parse("<tool_call>").is_ok() && !opened;
            let arguments = if cwm { format!("a {}", value.replace('<', "")) } else { json };
            let call = ToolCall { name: name.clone(), arguments };
            let calls = vec![call; if cwm || llama { calls.min(1) } else { calls }];
            let turn = AssistantTurn {
                reasoning: match opened {
                    true => Some(reasoning.clone().unwrap_or_default()),
                    false => reasoning.clone().filter(|_| !llama),
                },
                text: if llama && !calls.is_empty() { String::new() } else { text.clone() },
                calls,
            };
            let written = format.render(&turn);
            prop_assert_eq!(format.parse(&written.unwrap()).unwrap(), turn);
        }
    }
}
