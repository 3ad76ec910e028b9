//! Statuses of tests, in the words of the official log parsers.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ssr_core::{Outcome, TestReport};

/// The status of a test, as the official log parsers give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum TestStatus {
    /// The test passed.
    Passed,
    /// The test failed.
    Failed,
    /// The test could not be run.
    Error,
    /// The test skipped itself or is marked to be skipped.
    Skipped,
    /// The test is expected to fail and did; graded as a pass.
    XFail,
}

impl TestStatus {
    /// Whether it is graded as a pass.
    #[must_use]
    pub fn is_pass(self) -> bool {
        matches!(self, Self::Passed | Self::XFail)
    }

    /// Whether it is [`Failed`](Self::Failed) or [`Error`](Self::Error).
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }

    /// The status of an outcome. [`Outcome::XPassed`] has none, because the official parsers skip
    /// it.
    #[must_use]
    pub fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Passed => Some(Self::Passed),
            Outcome::XFailed => Some(Self::XFail),
            Outcome::Skipped => Some(Self::Skipped),
            Outcome::XPassed => None,
            Outcome::Error => Some(Self::Error),
            // `EvalType::FailOnly` passes absent tests: a test that never reported must be present.
            Outcome::Failed | Outcome::Timeout | Outcome::Missing => Some(Self::Failed),
        }
    }
}

/// The status of each test, in the order of the log.
///
/// The order matters: of several matches of a truncated id the first decides. As in a Python dict,
/// a repeated id keeps its position and takes the new status.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StatusMap {
    entries: Vec<(String, TestStatus)>,
    index: HashMap<String, usize>,
}

impl StatusMap {
    /// A map without tests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the status of a test.
    pub fn insert(&mut self, id: impl Into<String>, status: TestStatus) {
        let id = id.into();
        match self.index.get(&id) {
            Some(at) => self.entries[*at].1 = status,
            None => {
                self.index.insert(id.clone(), self.entries.len());
                self.entries.push((id, status));
            }
        }
    }

    /// The status of exactly this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<TestStatus> {
        self.index.get(id).map(|at| self.entries[*at].1)
    }

    /// The status of an id that the data set may have truncated inside its brackets.
    ///
    /// Without an exact match, it is the status of the first id with this prefix, provided that all
    /// ids with this prefix agree on whether they pass.
    #[must_use]
    pub fn get_truncated(&self, id: &str) -> Option<TestStatus> {
        if let Some(status) = self.get(id) {
            return Some(status);
        }
        if id.matches('[').count() <= id.matches(']').count() {
            return None;
        }
        let mut matches = self.iter().filter(|(known, _)| known.starts_with(id));
        let (_, first) = matches.next()?;
        matches.all(|(_, status)| status.is_pass() == first.is_pass()).then_some(first)
    }

    /// All tests, in the order of the log.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, TestStatus)> {
        self.entries.iter().map(|(id, status)| (id.as_str(), *status))
    }

    /// The number of tests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no test.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<I: Into<String>> FromIterator<(I, TestStatus)> for StatusMap {
    fn from_iter<T: IntoIterator<Item = (I, TestStatus)>>(statuses: T) -> Self {
        let mut map = Self::new();
        statuses.into_iter().for_each(|(id, status)| map.insert(id, status));
        map
    }
}

impl From<&TestReport> for StatusMap {
    fn from(report: &TestReport) -> Self {
        let status = TestStatus::of;
        report.iter().filter_map(|(id, outcome)| Some((id.as_str(), status(outcome)?))).collect()
    }
}

impl fmt::Debug for StatusMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for StatusMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for StatusMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = StatusMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from test ids to statuses")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StatusMap, A::Error> {
                let mut statuses = StatusMap::new();
                while let Some((id, status)) = map.next_entry::<String, TestStatus>()? {
                    statuses.insert(id, status);
                }
                Ok(statuses)
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_id_keeps_its_place_and_takes_the_new_status() {
        let json = r#"{"z":"FAILED","a":"XFAIL","z":"PASSED"}"#;
        let map: StatusMap = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"z":"PASSED","a":"XFAIL"}"#);
        assert!(serde_json::from_str::<StatusMap>(r#"{"a":"passed"}"#).is_err());
    }

    #[test]
    fn a_report_becomes_what_a_log_parser_would_have_read() {
        let outcomes = [
            ("a", Outcome::Passed),
            ("b", Outcome::XFailed),
            ("c", Outcome::XPassed),
            ("d", Outcome::Missing),
            ("e", Outcome::Timeout),
            ("f", Outcome::Skipped),
            ("g", Outcome::Error),
        ];
        let report: TestReport =
            outcomes.map(|(id, outcome)| (id.into(), outcome)).into_iter().collect();
        let json = serde_json::to_string(&StatusMap::from(&report)).unwrap();
        let expected =
            r#"{"a":"PASSED","b":"XFAIL","d":"FAILED","e":"FAILED","f":"SKIPPED","g":"ERROR"}"#;
        assert_eq!(json, expected);
    }
}
