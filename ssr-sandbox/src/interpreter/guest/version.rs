//! The versions of Python that a guest can be.

use std::{fmt, str::FromStr};

/// A Python that the sandbox can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PythonVersion {
    /// CPython 3.11, for older repositories. Compiled on this machine, which needs a few Debian
    /// packages once.
    V3_11,
    /// CPython 3.14, which needs nothing but cargo.
    #[default]
    V3_14,
}

impl PythonVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 2] = [Self::V3_11, Self::V3_14];

    /// The version as in `--python 3.11`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3_11 => "3.11",
            Self::V3_14 => "3.14",
        }
    }

    /// Where the standard library is mounted.
    pub(super) fn stdlib(self) -> &'static str {
        match self {
            Self::V3_11 => "/usr/lib/python3.11",
            Self::V3_14 => "/usr/lib/python3.14",
        }
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is not the name of a [`PythonVersion`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no guest for Python {0:?}; choose 3.11 or 3.14")]
pub struct UnknownPython(String);

impl FromStr for PythonVersion {
    type Err = UnknownPython;

    fn from_str(text: &str) -> Result<Self, UnknownPython> {
        let found = Self::ALL.into_iter().find(|version| version.as_str() == text);
        found.ok_or_else(|| UnknownPython(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_printed() {
        for version in PythonVersion::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        let error = "3.12".parse::<PythonVersion>().unwrap_err().to_string();
        assert!(error.contains("\"3.12\"") && error.contains("3.11 or 3.14"), "{error}");
    }
}
