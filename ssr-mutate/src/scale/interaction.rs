//! Whether the parts of a composition interact, judged by the failing tests.

use std::collections::BTreeSet;

use ssr_core::TestId;

/// The difference between a composition and its parts, judged by the tests that fail.
///
/// Two bugs that break their own tests and nothing else are solved one after the other, so their
/// composition is no harder than its parts. It is harder if new tests fail (*emerged*), if failures
/// of a part disappear (*masked*), or if the repair spans several files.
///
/// ```
/// use ssr_core::TestId;
/// use ssr_mutate::Interaction;
///
/// let set = |ids: &[&str]| ids.iter().map(|id| TestId::from(*id)).collect();
/// let parts = [set(&["t::a"]), set(&["t::b"])];
/// assert!(!Interaction::new(&set(&["t::a", "t::b"]), &parts, 1).keep(), "two bugs side by side");
/// assert!(Interaction::new(&set(&["t::a", "t::b"]), &parts, 2).keep(), "in two files");
/// let masked = Interaction::new(&set(&["t::a"]), &parts, 1);
/// assert!(masked.keep() && masked.masked().contains(&"t::b".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    emerged: BTreeSet<TestId>,
    masked: BTreeSet<TestId>,
    failing: usize,
    files: usize,
}

impl Interaction {
    /// Compares the failing tests of a composition with those of each of its parts alone. `files`
    /// is the number of files that the composition changes.
    #[must_use]
    pub fn new(together: &BTreeSet<TestId>, parts: &[BTreeSet<TestId>], files: usize) -> Self {
        let alone: BTreeSet<TestId> = parts.iter().flatten().cloned().collect();
        Self {
            emerged: together.difference(&alone).cloned().collect(),
            masked: alone.difference(together).cloned().collect(),
            failing: together.len(),
            files,
        }
    }

    /// The tests that fail with all parts and with no part alone.
    #[must_use]
    pub fn emerged(&self) -> &BTreeSet<TestId> {
        &self.emerged
    }

    /// The tests that fail with one part alone and pass with all parts.
    #[must_use]
    pub fn masked(&self) -> &BTreeSet<TestId> {
        &self.masked
    }

    /// Whether the failing tests differ from the union of those of the parts.
    #[must_use]
    pub fn interacts(&self) -> bool {
        !(self.emerged.is_empty() && self.masked.is_empty())
    }

    /// Whether to keep the composition: some test fails, and the parts interact or change at least
    /// two files.
    #[must_use]
    pub fn keep(&self) -> bool {
        self.failing > 0 && (self.interacts() || self.files > 1)
    }
}
