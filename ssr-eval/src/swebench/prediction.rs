//! Predictions: the patch that a model gave for each instance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::rows::read_rows;

/// What a model answered to one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prediction {
    /// The [`Instance::instance_id`](super::Instance::instance_id).
    pub instance_id: String,
    /// The name of the model.
    pub model_name_or_path: String,
    /// The patch, `None` when the model gave none.
    #[serde(default)]
    pub model_patch: Option<String>,
}

impl Prediction {
    /// A model's patch for an instance; `None` when it gave none.
    #[must_use]
    pub fn new(
        instance_id: impl Into<String>,
        model_name_or_path: impl Into<String>,
        model_patch: Option<String>,
    ) -> Self {
        let (instance_id, model_name_or_path) = (instance_id.into(), model_name_or_path.into());
        Self { instance_id, model_name_or_path, model_patch }
    }

    /// The patch, `None` also when it is empty. The harness runs no tests for an empty patch.
    #[must_use]
    pub fn patch(&self) -> Option<&str> {
        self.model_patch.as_deref().filter(|patch| !patch.is_empty())
    }
}

/// Reads predictions from JSONL, a JSON array, or a JSON object by instance id.
///
/// Order and repeated ids are kept. Of several predictions with one id the harness uses the last.
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
