//! Named and custom sets of operators.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The operators that a [`Mutator`](crate::Mutator) uses, in every language that has them.
///
/// In a configuration file a profile is `"classic42"`, `"all"` or `{ custom = ["AOR", "RBR"] }`. On
/// a command line it is `classic42`, `all` or `AOR,RBR`.
///
/// ```
/// use ssr_mutate::Profile;
///
/// assert!(Profile::Classic42.contains("RBR") && !Profile::Classic42.contains("IEQ"));
/// assert_eq!("RBR, ROR".parse(), Ok(Profile::Custom(vec!["RBR".into(), "ROR".into()])));
/// assert_eq!(Profile::default().to_string(), "classic42");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Profile {
    /// The 42 operators of [`Profile::CLASSIC_42`]. This set never changes, so that runs with
    /// different versions of this crate can be compared.
    #[default]
    Classic42,
    /// Every operator of the build, including those whose mutants are often equivalent.
    All,
    /// The operators with these ids.
    Custom(Vec<String>),
}

impl Profile {
    /// The operators of [`Profile::Classic42`] with their numbers in the catalogue of 78. They
    /// imitate mistakes that people make and that tests can notice.
    pub const CLASSIC_42: [(u8, &str); 42] = [
        (1, "AOR"),
        (3, "OSW"),
        (8, "RBR"),
        (9, "ROR"),
        (12, "LCR"),
        (13, "CDL"),
        (14, "NOD"),
        (15, "CNI"),
        (16, "CRP"),
        (17, "IDX"),
        (18, "SLB"),
        (19, "RNG"),
        (20, "BLR"),
        (22, "IFD"),
        (23, "GRD"),
        (24, "IFS"),
        (25, "ELD"),
        (28, "OIL"),
        (29, "RTV"),
        (32, "EXW"),
        (34, "EXS"),
        (35, "TRU"),
        (36, "RSD"),
        (39, "VMI"),
        (40, "AAU"),
        (42, "WFN"),
        (44, "ARS"),
        (45, "ARD"),
        (46, "FWD"),
        (48, "ASD"),
        (50, "TCD"),
        (53, "TVF"),
        (55, "MDA"),
        (56, "CPD"),
        (60, "SCL"),
        (63, "DDL"),
        (65, "AWD"),
        (66, "ASY"),
        (67, "LKD"),
        (69, "LKO"),
        (70, "LKR"),
        (73, "CFD"),
    ];

    /// Whether the profile includes the operator with this id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        match self {
            Self::Classic42 => Self::CLASSIC_42.iter().any(|(_, classic)| *classic == id),
            Self::All => true,
            Self::Custom(ids) => ids.iter().any(|custom| custom == id),
        }
    }
}

/// Prints the form of the command line.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classic42 => f.write_str("classic42"),
            Self::All => f.write_str("all"),
            Self::Custom(ids) => f.write_str(&ids.join(",")),
        }
    }
}

impl FromStr for Profile {
    type Err = Infallible;

    /// Never fails. [`MutatorBuilder::profile`](crate::MutatorBuilder::profile) reports unknown
    /// ids.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "classic42" => Self::Classic42,
            "all" => Self::All,
            ids => Self::Custom(ids.split(',').map(|id| id.trim().to_owned()).collect()),
        })
    }
}
