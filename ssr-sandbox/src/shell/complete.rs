//! Whether a script that is being typed needs more lines.

/// Whether `script` can run as it is: an open quote, loop or here-document waits for more lines. A
/// script with a syntax error is complete, too.
pub(crate) fn is_complete(script: &str) -> bool {
    if open_document(script) {
        return false;
    }
    match bashkit::parser::Parser::new(script).parse() {
        Err(bashkit::Error::Parse { message, .. }) => {
            !["unexpected end of file", "unexpected EOF"].iter().any(|end| message.contains(end))
        }
        _ => true,
    }
}

/// Whether a here-document lacks its last line, which the parser puts up with.
fn open_document(script: &str) -> bool {
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("<<") else { continue };
        if rest.starts_with('<') {
            continue;
        }
        let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let word =
            rest.trim_start().split([' ', ';', '|', '>', '&', ')', '<']).next().unwrap_or_default();
        let word: String = word.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
        let name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_end =
            |line: &str| if tabs { line.trim_start_matches('\t') == word } else { line == word };
        if name && !lines.by_ref().any(is_end) {
            return true;
        }
    }
    false
}
