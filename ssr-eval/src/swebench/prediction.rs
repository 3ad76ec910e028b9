use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::rows::read_rows;

/// What a model answered to one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The [`Instance::instance_id`](super::Instance::instance_id).
    pub instance_id: String,
    /// The model.
    pub model_name_or_path: String,
    /// The patch, `None` when the model gave none.
    #[serde(default)]
    pub model_patch: Option<String>,
}

impl Prediction {
    /// The patch when there is something to apply; the harness runs no other.
    pub fn patch(&self) -> Option<&str> {
        self.model_patch.as_deref().filter(|patch| !patch.is_empty())
    }
}

/// Reads predictions from JSONL, a JSON array, or a JSON object by instance id. The order is kept,
/// and so are repeated ids; the harness uses the last of each.
///
/// # Errors
/// [`Error::Rows`](crate::Error::Rows) names the row that is not a prediction.
pub fn read_predictions(text: &str) -> Result<Vec<Prediction>> {
    match serde_json::from_str::<BTreeMap<String, Prediction>>(text) {
        Ok(by_id) => Ok(by_id.into_values().collect()),
        Err(_) => read_rows("predictions", text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_forms_are_read_and_empty_patches_are_no_patches() {
        let rows: Vec<String> = [r#""diff""#, r#""""#, "null"]
            .iter()
            .enumerate()
            .map(|(i, patch)| {
                format!(r#"{{"instance_id":"{i}","model_name_or_path":"m","model_patch":{patch}}}"#)
            })
            .collect();
        let lines = read_predictions(&rows.join("\n")).unwrap();
        assert_eq!(
            lines.iter().map(Prediction::patch).collect::<Vec<_>>(),
            [Some("diff"), None, None]
        );
        assert_eq!(read_predictions(&format!("[{}]", rows.join(","))).unwrap(), lines);
        let by_id = format!(r#"{{"0":{},"1":{},"2":{}}}"#, rows[0], rows[1], rows[2]);
        assert_eq!(read_predictions(&by_id).unwrap(), lines);
        assert_eq!(serde_json::to_string(&lines[2]).unwrap(), rows[2]);
        let no_patch = read_predictions(r#"{"instance_id":"i","model_name_or_path":"m"}"#).unwrap();
        assert_eq!(no_patch[0].model_patch, None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = read_predictions(&text);
        }
    }
}
