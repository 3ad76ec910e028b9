//! The names of one function, class or module during the walk, and deferred proposals.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::finds::Find;

/// The names of one function, class or module at one point of the walk.
///
/// Only names that surely have a value are offered to operators. Bindings in a branch are therefore
/// dropped when the branch ends. As in [`crate::braces`], the bindings are a stack and a branch is
/// a length of it.
pub(super) struct Scope<'t> {
    pub(super) kind: ScopeKind,
    /// The byte range of the definition; for a module, everything.
    pub(super) range: Range<usize>,
    /// The name of the definition.
    pub(super) name: &'t str,
    /// The qualified name of the innermost function, for the sites in it.
    pub(super) function: Option<Arc<str>>,
    /// The qualified name, a prefix of those of nested definitions.
    pub(super) qualified: Arc<str>,
    /// The names that surely have a value here, oldest first.
    bindings: Vec<Binding<'t>>,
    /// The lengths of `bindings` at the start of each open branch.
    branches: Vec<usize>,
    /// Names declared `global` or `nonlocal`.
    outer: HashSet<&'t str>,
    /// The position of the last read of each name.
    reads: HashMap<&'t str, usize>,
    /// The positions of the enclosing loops, outermost first.
    pub(super) loops: Vec<usize>,
    /// Proposals that are dropped unless the name is read later.
    pending: Vec<Pending<'t>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ScopeKind {
    Module,
    Class,
    Function,
}

/// A name, the kind of value that it seems to have, and the other variable that it was assigned
/// from, if any.
#[derive(Clone, Copy)]
pub(super) struct Binding<'t> {
    pub(super) name: &'t str,
    pub(super) value: Value,
    pub(super) alias: Option<&'t str>,
}

/// The number of latest bindings that are searched for a name. The bound keeps a function with
/// thousands of assignments from taking quadratic time.
const WINDOW: usize = 256;

/// The number of latest bindings that are offered as other names. Mistaken names are mostly near.
const NEAR: usize = 32;

struct Pending<'t> {
    name: &'t str,
    /// The first position at which a read is affected by the deletion.
    from: usize,
    find: Find,
}

/// The kind of value that a name seems to have, by its initialiser, its annotation or its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    Integer,
    Float,
    Bool,
    Text,
    Sequence,
    Mapping,
    Function,
    Nothing,
}

impl Value {
    /// Whether one value in place of the other is a bug, not an obvious type error.
    pub(super) fn can_replace(self, other: Self) -> bool {
        use Value::{Bool, Float, Integer, Nothing, Unknown};
        let number = |value| matches!(value, Integer | Float | Bool);
        match (self, other) {
            (a, b) if a == b => true,
            (Unknown, b) | (b, Unknown) => !matches!(b, Value::Function),
            (Nothing, _) | (_, Nothing) => true,
            (a, b) => number(a) && number(b),
        }
    }
}

impl<'t> Scope<'t> {
    pub(super) fn module() -> Self {
        Self::with(ScopeKind::Module, "", 0..usize::MAX, None, Arc::from(""))
    }

    /// The scope of a definition called `name` in this one.
    pub(super) fn nested(&self, kind: ScopeKind, name: &'t str, range: Range<usize>) -> Self {
        let qualified: Arc<str> = match &*self.qualified {
            "" => name.into(),
            outer => format!("{outer}.{name}").into(),
        };
        let function = match kind {
            ScopeKind::Function => Some(Arc::clone(&qualified)),
            _ => self.function.clone(),
        };
        Self::with(kind, name, range, function, qualified)
    }

    fn with(
        kind: ScopeKind,
        name: &'t str,
        range: Range<usize>,
        function: Option<Arc<str>>,
        qualified: Arc<str>,
    ) -> Self {
        Self {
            kind,
            range,
            name,
            function,
            qualified,
            bindings: Vec::new(),
            branches: Vec::new(),
            outer: HashSet::new(),
            reads: HashMap::new(),
            loops: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub(super) fn enter_branch(&mut self) {
        self.branches.push(self.bindings.len());
    }

    /// Drops the bindings of the branch, because it may not have run.
    pub(super) fn leave_branch(&mut self) {
        if let Some(length) = self.branches.pop() {
            self.bindings.truncate(length);
        }
    }

    pub(super) fn bind(&mut self, binding: Binding<'t>) {
        if !self.outer.contains(binding.name) {
            self.bindings.push(binding);
        }
    }

    /// Hides a name from now on, because it is deleted or belongs to an outer scope.
    pub(super) fn unbind(&mut self, name: &'t str, outer: bool) {
        if outer {
            self.outer.insert(name);
        }
        // Removing elements would invalidate the lengths in `branches`.
        for binding in &mut self.bindings {
            if binding.name == name {
                binding.name = "";
            }
        }
    }

    /// The latest binding of the name.
    pub(super) fn binding(&self, name: &str) -> Option<Binding<'t>> {
        self.bindings.iter().rev().take(WINDOW).find(|binding| binding.name == name).copied()
    }

    /// The latest bindings, latest first, each name once.
    pub(super) fn latest_bindings(&self) -> impl Iterator<Item = Binding<'t>> {
        let latest = |(index, binding): &(usize, &Binding<'t>)| {
            !binding.name.is_empty()
                && !self.bindings[index + 1..].iter().any(|later| later.name == binding.name)
        };
        self.bindings
            .iter()
            .enumerate()
            .rev()
            .take(NEAR)
            .filter(latest)
            .map(|(_, binding)| *binding)
    }

    /// The bindings in the window, latest first, each name once.
    pub(super) fn all_bindings(&self) -> impl Iterator<Item = Binding<'t>> {
        let mut seen = HashSet::new();
        let latest = self.bindings.iter().rev().take(WINDOW);
        latest.filter(move |one| !one.name.is_empty() && seen.insert(one.name)).copied()
    }

    pub(super) fn read(&mut self, name: &'t str, at: usize) {
        self.reads.insert(name, at);
    }

    /// Keeps a proposal until the end of the scope, when it is known whether the name is read after
    /// `end`. In a loop, a read anywhere in the loop counts, because the next iteration runs it
    /// later.
    pub(super) fn suspend(&mut self, name: &'t str, end: usize, find: Find) {
        let from = self.loops.first().copied().unwrap_or(end);
        self.pending.push(Pending { name, from, find });
    }

    /// The kept proposals whose name is read later.
    pub(super) fn felt(self) -> impl Iterator<Item = Find> {
        let Self { reads, pending, .. } = self;
        let felt = move |pending: &Pending<'t>| {
            reads.get(pending.name).is_some_and(|&read| read >= pending.from)
        };
        pending.into_iter().filter(felt).map(|pending| pending.find)
    }
}
