//! Grades HumanEval (Chen et al., arXiv 2107.03374): 164 functions to complete, checked by tests.

mod grade;

use serde::{Deserialize, Serialize};

pub use grade::{Graded, SampleResult, grade, program};

use crate::Result;
use crate::rows::read_rows;

/// One problem. Other JSON fields, such as those of EvalPlus, are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// For example `HumanEval/0`.
    pub task_id: String,
    /// Imports, signature and docstring of the function.
    pub prompt: String,
    /// The name of the function.
    pub entry_point: String,
    /// A correct body.
    pub canonical_solution: String,
    /// Source that defines `check(candidate)`.
    pub test: String,
}

impl Problem {
    /// A problem with its id and the name of its function; the texts are empty.
    #[must_use]
    pub fn new(task_id: impl Into<String>, entry_point: impl Into<String>) -> Self {
        let (task_id, entry_point) = (task_id.into(), entry_point.into());
        Self { task_id, entry_point, ..Self::default() }
    }

    /// Sets imports, signature and docstring of the function.
    #[must_use]
    pub fn with_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = prompt.into();
        self
    }

    /// Sets a correct body.
    #[must_use]
    pub fn with_canonical_solution(mut self, solution: impl Into<String>) -> Self {
        self.canonical_solution = solution.into();
        self
    }

    /// Sets the source that defines `check(candidate)`.
    #[must_use]
    pub fn with_test(mut self, test: impl Into<String>) -> Self {
        self.test = test.into();
        self
    }

    /// The sample with [`Problem::canonical_solution`], which passes.
    #[must_use]
    pub fn canonical_sample(&self) -> Sample {
        Sample::completion(&self.task_id, &self.canonical_solution)
    }
}

/// What a model answered to one problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSample", into = "RawSample")]
#[non_exhaustive]
pub struct Sample {
    /// The [`Problem::task_id`].
    pub task_id: String,
    /// The code.
    pub answer: Answer,
}

impl Sample {
    /// A sample that continues the prompt.
    #[must_use]
    pub fn completion(task_id: impl Into<String>, code: impl Into<String>) -> Self {
        Self { task_id: task_id.into(), answer: Answer::Completion(code.into()) }
    }

    /// A sample that is a whole program.
    #[must_use]
    pub fn solution(task_id: impl Into<String>, code: impl Into<String>) -> Self {
        Self { task_id: task_id.into(), answer: Answer::Solution(code.into()) }
    }
}

/// The code of a sample, in one of the two forms that samples have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The code that follows the prompt.
    Completion(String),
    /// A whole program in place of the prompt (EvalPlus). It is used when a sample has both.
    Solution(String),
}

#[derive(Serialize, Deserialize)]
struct RawSample {
    task_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completion: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    solution: Option<String>,
}

impl TryFrom<RawSample> for Sample {
    type Error = &'static str;

    fn try_from(raw: RawSample) -> Result<Self, &'static str> {
        let answer = match (raw.solution, raw.completion) {
            (Some(solution), _) => Answer::Solution(solution),
            (None, Some(completion)) => Answer::Completion(completion),
            (None, None) => return Err("neither `completion` nor `solution`"),
        };
        Ok(Self { task_id: raw.task_id, answer })
    }
}

impl From<Sample> for RawSample {
    fn from(sample: Sample) -> Self {
        let (completion, solution) = match sample.answer {
            Answer::Completion(text) => (Some(text), None),
            Answer::Solution(text) => (None, Some(text)),
        };
        Self { task_id: sample.task_id, completion, solution }
    }
}

/// Reads problems from a JSON array or JSONL.
///
/// # Errors
/// [`Error::Rows`](crate::Error::Rows) names the row that is not a problem.
pub fn read_problems(text: &str) -> Result<Vec<Problem>> {
    read_rows("problems", text)
}

/// Reads samples from a JSON array or JSONL.
///
/// # Errors
/// [`Error::Rows`](crate::Error::Rows) names the row that is not a sample.
pub fn read_samples(text: &str) -> Result<Vec<Sample>> {
    read_rows("samples", text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_completions_or_solutions() {
        let text = concat!(
            r#"{"task_id": "t", "completion": "a"}"#,
            "\n",
            r#"{"task_id": "t", "completion": "a", "solution": "b", "model": 1}"#,
        );
        let samples = read_samples(text).unwrap();
        assert_eq!(samples[0].answer, Answer::Completion("a".into()));
        assert_eq!(samples[1].answer, Answer::Solution("b".into()));
        let json = serde_json::to_string(&samples[1]).unwrap();
        assert_eq!(json, r#"{"task_id":"t","solution":"b"}"#);
        let error = read_samples(r#"{"task_id": "t"}"#).unwrap_err().to_string();
        assert!(error.contains("neither `completion` nor `solution`"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = (read_problems(&text), read_samples(&text));
        }

        #[test]
        fn samples_survive_jsonl(task_id in ".*", code in ".*", whole: bool) {
            let answer = if whole { Answer::Solution(code) } else { Answer::Completion(code) };
            let sample = Sample { task_id, answer };
            let line = serde_json::to_string(&sample).unwrap();
            prop_assert_eq!(read_samples(&format!("{line}\n{line}\n")).unwrap(), vec![sample.clone(), sample]);
        }
    }
}
