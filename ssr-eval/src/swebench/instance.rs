//! Instances of the data set, read from JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::{EvalType, Rules};
use crate::Result;
use crate::rows::read_rows;

/// One task of the data set. JSON fields that are not listed here are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Instance {
    /// `owner/name`.
    pub repo: String,
    /// For example `django__django-11099`.
    pub instance_id: String,
    /// The commit that the patch applies to.
    pub base_commit: String,
    /// The merged patch, without its changes to tests.
    pub patch: String,
    /// The merged changes to tests.
    pub test_patch: String,
    /// The text of the issue.
    pub problem_statement: String,
    /// Comments on the issue before the first commit of the fix.
    #[serde(default)]
    pub hints_text: String,
    /// When the pull request was opened.
    #[serde(default)]
    pub created_at: String,
    /// The version of the repository, which selects its environment.
    #[serde(default)]
    pub version: String,
    /// Tests that the patch must make pass. In the data set this is a string with a JSON list; a
    /// plain list is read as well.
    #[serde(rename = "FAIL_TO_PASS", with = "test_list")]
    pub fail_to_pass: Vec<String>,
    /// Tests that must go on passing, in the same form.
    #[serde(rename = "PASS_TO_PASS", with = "test_list")]
    pub pass_to_pass: Vec<String>,
    /// The commit that the environment was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_setup_commit: Option<String>,
    /// SWE-bench Verified: the estimated time that an engineer needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<String>,
    /// Harness 5: the script that runs the tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_script: Option<String>,
    /// Harness 5: the container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Harness 5: the name of the parser for the script's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_parser: Option<String>,
    /// Harness 5: what it means when a log does not list a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_type: Option<EvalType>,
}

impl Instance {
    /// An instance with the fields that grading needs; the others are empty and can be assigned.
    ///
    /// `fail_to_pass` and `pass_to_pass` are test ids.
    #[must_use]
    pub fn new(
        repo: impl Into<String>,
        instance_id: impl Into<String>,
        fail_to_pass: Vec<String>,
        pass_to_pass: Vec<String>,
    ) -> Self {
        let (repo, instance_id) = (repo.into(), instance_id.into());
        Self { repo, instance_id, fail_to_pass, pass_to_pass, ..Self::default() }
    }

    /// Sets the merged changes to tests.
    #[must_use]
    pub fn with_test_patch(mut self, test_patch: impl Into<String>) -> Self {
        self.test_patch = test_patch.into();
        self
    }

    /// Sets what it means when a log does not list a test (harness 5).
    #[must_use]
    pub fn with_eval_type(mut self, eval_type: EvalType) -> Self {
        self.eval_type = Some(eval_type);
        self
    }

    /// The type of grading. Harness 4 decides by the repository. Harness 5 decides by
    /// [`Instance::eval_type`], and where that is absent this function decides by the repository.
    #[must_use]
    pub fn graded_as(&self, rules: Rules) -> EvalType {
        let by_repo = EvalType::of_repo(&self.repo, rules);
        match rules {
            Rules::V4 => by_repo,
            Rules::V5 => self.eval_type.unwrap_or(by_repo),
        }
    }
}

/// Reads instances from a JSON array or JSONL.
///
/// # Errors
/// [`Error::Rows`](crate::Error::Rows) names the row that is not an instance.
pub fn read_instances(text: &str) -> Result<Vec<Instance>> {
    read_rows("instances", text)
}

/// Reads a list of test ids that is plain or encoded as JSON in a string; writes it encoded.
mod test_list {
    use super::*;

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a list of test ids or one that is encoded as JSON")]
    enum TestList {
        Encoded(String),
        List(Vec<String>),
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
        match TestList::deserialize(input)? {
            TestList::List(ids) => Ok(ids),
            TestList::Encoded(json) => serde_json::from_str(&json)
                .map_err(|error| de::Error::custom(format!("encoded list of test ids: {error}"))),
        }
    }

    pub fn serialize<S: Serializer>(ids: &[String], output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&serde_json::to_string(ids).map_err(ser::Error::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn row(f2p: serde_json::Value) -> serde_json::Value {
        json!({
            "repo": "o/r", "instance_id": "o__r-1", "base_commit": "c", "patch": "",
            "test_patch": "", "problem_statement": "", "FAIL_TO_PASS": f2p,
            "PASS_TO_PASS": "[]", "difficulty": null, "eval_type": "fail_only", "new": 1,
        })
    }

    #[test]
    fn test_lists_are_encoded_or_not() {
        let text = format!("{}\n{}\n", row(json!(["a b"])), row(json!("[\"a b\"]")));
        let instances = read_instances(&text).unwrap();
        assert_eq!(instances[0], instances[1]);
        assert_eq!(instances[0].fail_to_pass, ["a b"]);
        assert_eq!(instances[0].graded_as(Rules::V5), EvalType::FailOnly);
        assert_eq!(instances[0].graded_as(Rules::V4), EvalType::PassAndFail);
        let again = serde_json::to_string(&instances).unwrap();
        assert!(again.contains(r#""FAIL_TO_PASS":"[\"a b\"]""#), "{again}");
        assert_eq!(read_instances(&again).unwrap(), instances);
    }

    #[test]
    fn a_broken_list_is_an_error_that_names_the_row() {
        let text = format!("{}\n{}", row(json!("[]")), row(json!("['a']")));
        let error = read_instances(&text).unwrap_err().to_string();
        assert!(error.starts_with("instances, line 2: encoded list of test ids: "), "{error}");
        let error = read_instances(&row(json!(1)).to_string()).unwrap_err().to_string();
        assert!(error.contains("expected a list of test ids"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*", list in ".*") {
            let _ = read_instances(&text);
            let _ = read_instances(&row(json!(list)).to_string());
        }
    }
}
