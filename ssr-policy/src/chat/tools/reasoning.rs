//! Reasoning between `<think>` and `</think>`.

use super::FormatError;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Cuts the reasoning off a turn: what lies between `<think>` at its start, or the start itself
/// where the prompt has opened it, and `</think>`. `gap` is what separates it from the rest.
pub(super) fn split<'t>(
    turn: &'t str,
    opened: bool,
    gap: &str,
) -> Result<(Option<String>, &'t str), FormatError> {
    let body = match turn.trim_start().strip_prefix(OPEN) {
        _ if opened => turn,
        Some(body) => body.strip_prefix('\n').unwrap_or(body),
        None => return Ok((None, turn)),
    };
    let (reasoning, rest) =
        body.split_once(CLOSE).ok_or(FormatError::Unbalanced { tag: "think" })?;
    let reasoning = reasoning.strip_suffix('\n').unwrap_or(reasoning);
    let rest = rest.strip_prefix(gap).unwrap_or_else(|| rest.trim_start_matches('\n'));
    Ok((Some(reasoning.to_owned()), rest))
}

/// How often reasoning ends in a turn.
pub(super) fn ends(turn: &str) -> usize {
    turn.matches(CLOSE).count()
}

/// What a turn has to begin with that does not reason, for a rule of Lark: the end of the reasoning
/// that the prompt has opened.
pub(super) fn skipped(opened: bool, gap: &str) -> String {
    if opened { format!("{:?} ", format!("{CLOSE}{gap}")) } else { String::new() }
}

/// The reverse of [`split`].
pub(super) fn write(reasoning: Option<&str>, opened: bool, gap: &str, rest: &str) -> String {
    match reasoning {
        None => rest.to_owned(),
        Some(reasoning) if opened => format!("{reasoning}\n{CLOSE}{gap}{rest}"),
        Some(reasoning) => format!("{OPEN}\n{reasoning}\n{CLOSE}{gap}{rest}"),
    }
}
