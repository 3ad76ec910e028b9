//! Reads rows of a data set from a JSON array or from JSON Lines.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// Reads a JSON array or one JSON object per line; blank lines are skipped.
pub(crate) fn read_rows<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<Vec<T>> {
    let text = text.trim_start_matches('\u{feff}');
    let error = |place: String| {
        move |source: serde_json::Error| Error::Rows { what, place, source: source.into() }
    };
    if text.trim_start().starts_with('[') {
        let elements: Vec<Value> =
            serde_json::from_str(text).map_err(error("the array".to_owned()))?;
        let element =
            |(i, value)| serde_json::from_value(value).map_err(error(format!("element {}", i + 1)));
        return elements.into_iter().enumerate().map(element).collect();
    }
    // Split at LF alone: a JSON string may contain U+2028 unescaped.
    let lines = text.split('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(i, line)| serde_json::from_str(line).map_err(error(format!("line {}", i + 1))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_lines_give_the_same_rows() {
        assert_eq!(read_rows::<u8>("x", "\u{feff}1\r\n\n2\n").unwrap(), [1, 2]);
        assert_eq!(read_rows::<u8>("x", " [1,\n2]\n").unwrap(), [1, 2]);
        assert_eq!(read_rows::<u8>("x", "").unwrap(), [0u8; 0]);
    }

    #[test]
    fn errors_name_the_row() {
        let message = |text| read_rows::<u8>("numbers", text).unwrap_err().to_string();
        assert!(message("1\n\nx\n").starts_with("numbers, line 3: "));
        assert!(message("[1, \"2\"]").starts_with("numbers, element 2: "));
        assert!(message("[1").starts_with("numbers, the array: "));
    }

    #[test]
    fn errors_keep_the_cause_and_are_of_kind_input() {
        let error = read_rows::<u8>("numbers", "x").unwrap_err();
        assert_eq!(error.kind(), crate::EvalErrorKind::Input);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "expected value at line 1 column 1");
    }
}
