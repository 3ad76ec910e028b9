//! The names of one function, class or module during the walk, and deferred proposals.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use crate::finds::Find;

/// What is known of the names in one function, class or module at one point of the walk.
pub(super) struct Scope<'t> {
    pub(super) kind: ScopeKind,
    /// The bytes of the definition; of a module, all.
    pub(super) range: Range<usize>,
    /// The name of the definition.
    pub(super) name: &'t str,
    /// The qualified name of the innermost function, for the sites in it.
    pub(super) function: Option<Arc<str>>,
    /// The qualified name that nested definitions continue.
    pub(super) qualified: Arc<str>,
    /// The names that are surely bound here, oldest first.
    bindings: Vec<Binding<'t>>,
    /// The lengths of `bindings` where the open branches began.
    branches: Vec<usize>,
    /// Names declared `global` or `nonlocal`.
    outer: HashSet<&'t str>,
    /// Where each name was last read.
    reads: HashMap<&'t str, usize>,
    /// Where the open loops began, outermost first.
    pub(super) loops: Vec<usize>,
    /// Deletions of assignments that count only if the name is read afterwards.
    pending: Vec<Pending<'t>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ScopeKind {
    Module,
    Class,
    Function,
}

/// A name, what kind of value it seems to hold, and the name that it is another name of.
#[derive(Clone, Copy)]
pub(super) struct Binding<'t> {
    pub(super) name: &'t str,
    pub(super) value: Value,
    pub(super) alias: Option<&'t str>,
}

/// How many bindings back a name is looked for, so that a function with thousands of assignments
/// costs no more per name than a short one.
const WINDOW: usize = 256;

/// How many bindings back other names are looked for: among so many the choice is wide enough.
const NEAR: usize = 32;

struct Pending<'t> {
    name: &'t str,
    /// A read at this place or later makes the deletion felt.
    from: usize,
    find: Find,
}

/// What a name seems to hold, from its initialiser, its annotation or its own name.
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
    /// Whether one value in place of the other is a bug and not an obvious type error.
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

    /// Forgets what was bound in the branch: it may not have run.
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

    /// Hides a name from now on: it is deleted or belongs to an outer scope.
    pub(super) fn unbind(&mut self, name: &'t str, outer: bool) {
        if outer {
            self.outer.insert(name);
        }
        // Removing would shift the branch marks.
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

    /// The bindings not far back, latest first, each name once.
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

    pub(super) fn read(&mut self, name: &'t str, at: usize) {
        self.reads.insert(name, at);
    }

    /// Keeps a deletion until the end of the scope shows whether the name is read after `end`, or
    /// anywhere in the loop around it.
    pub(super) fn suspend(&mut self, name: &'t str, end: usize, find: Find) {
        let from = self.loops.first().copied().unwrap_or(end);
        self.pending.push(Pending { name, from, find });
    }

    /// The suspended deletions that some later read feels.
    pub(super) fn felt(self) -> impl Iterator<Item = Find> {
        let Self { reads, pending, .. } = self;
        let felt = move |pending: &Pending<'t>| {
            reads.get(pending.name).is_some_and(|&read| read >= pending.from)
        };
        pending.into_iter().filter(felt).map(|pending| pending.find)
    }
}
