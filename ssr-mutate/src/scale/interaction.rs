//! Whether the parts of a composition interact, judged by the failing tests.

use std::collections::BTreeSet;

use ssr_core::TestId;

/// What bugs do together that they do not do alone, judged by the tests that fail.
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
    pub fn new(together: &BTreeSet<TestId>, parts: &[BTreeSet<TestId>], files: usize) -> Self {
        let alone: BTreeSet<TestId> = parts.iter().flatten().cloned().collect();
        Self {
            emerged: together.difference(&alone).cloned().collect(),
            masked: alone.difference(together).cloned().collect(),
            failing: together.len(),
            files,
        }
    }

    /// The tests that fail only because the parts come together.
    pub fn emerged(&self) -> &BTreeSet<TestId> {
        &self.emerged
    }

    /// The tests that fail with one part and pass with all of them.
    pub fn masked(&self) -> &BTreeSet<TestId> {
        &self.masked
    }

    /// Whether the failing tests differ from the union of what the parts break.
    pub fn interacts(&self) -> bool {
        !(self.emerged.is_empty() && self.masked.is_empty())
    }

    /// Whether the composition is worth more than its parts: some test fails, and the parts
    /// interact or lie in two files or more.
    pub fn keep(&self) -> bool {
        self.failing > 0 && (self.interacts() || self.files > 1)
    }
}
