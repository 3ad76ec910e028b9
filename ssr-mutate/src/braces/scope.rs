//! The scopes of the walk: visible names with their types, and the enclosing definitions.

use std::sync::Arc;

/// What a name holds, as far as the file tells.
#[derive(Clone, Copy)]
pub(super) struct Binding<'t> {
    pub(super) name: &'t str,
    /// The type as it is written, or as it follows from the initialiser.
    pub(super) ty: Option<&'t str>,
    pub(super) value: Value,
    /// The name that it is another name of.
    pub(super) alias: Option<&'t str>,
    /// Whether it has a value since its declaration.
    pub(super) ready: bool,
    pub(super) mutable: bool,
}

/// What kind of value a name or an expression holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Unknown,
    Integer,
    Float,
    Bool,
    Text,
    Sequence,
    Function,
}

/// How many bindings back a name is looked for.
const WINDOW: usize = 256;

/// How many bindings back other names are looked for.
const NEAR: usize = 32;

/// The names that are visible at one point of the walk, and the definitions around it.
#[derive(Default)]
pub(super) struct Scopes<'t> {
    bindings: Vec<Binding<'t>>,
    /// The lengths of `bindings` where the open scopes began.
    marks: Vec<usize>,
    /// The lengths of `bindings` where the open functions began.
    bases: Vec<usize>,
    /// The open classes and functions.
    pub(super) definitions: Vec<Definition<'t>>,
    /// Where the open loops began.
    pub(super) loops: Vec<usize>,
}

pub(super) struct Definition<'t> {
    pub(super) name: &'t str,
    pub(super) is_class: bool,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The type of what a function returns, as it is written.
    pub(super) result: Option<&'t str>,
    /// The qualified name of the innermost function, for the sites in it.
    function: Option<Arc<str>>,
    qualified: Arc<str>,
}

impl<'t> Scopes<'t> {
    pub(super) fn open(&mut self) {
        self.marks.push(self.bindings.len());
    }

    pub(super) fn close(&mut self) {
        if let Some(length) = self.marks.pop() {
            self.bindings.truncate(length);
        }
    }

    pub(super) fn define(
        &mut self,
        name: &'t str,
        is_class: bool,
        span: std::ops::Range<usize>,
        result: Option<&'t str>,
    ) {
        let qualified: Arc<str> = match self.definitions.last() {
            Some(outer) if !outer.qualified.is_empty() => {
                format!("{}.{name}", outer.qualified).into()
            }
            _ => name.into(),
        };
        let function = if is_class { self.function() } else { Some(Arc::clone(&qualified)) };
        let (start, end) = (span.start, span.end);
        self.definitions.push(Definition {
            name,
            is_class,
            start,
            end,
            result,
            function,
            qualified,
        });
        self.bases.push(self.bindings.len());
    }

    pub(super) fn end_definition(&mut self) {
        self.definitions.pop();
        self.bases.pop();
    }

    pub(super) fn function(&self) -> Option<Arc<str>> {
        self.definitions.last().and_then(|definition| definition.function.clone())
    }

    /// The innermost function, if the walk is in one.
    pub(super) fn innermost_function(&self) -> Option<&Definition<'t>> {
        self.definitions.last().filter(|definition| !definition.is_class)
    }

    pub(super) fn innermost_class(&self) -> Option<&Definition<'t>> {
        self.definitions.iter().rev().find(|definition| definition.is_class)
    }

    pub(super) fn bind(&mut self, binding: Binding<'t>) {
        if !binding.name.is_empty() && binding.name != "_" {
            self.bindings.push(binding);
        }
    }

    /// Notes that the name has a value from here on.
    pub(super) fn assign(&mut self, name: &str) {
        let depth = self.marks.last().copied().unwrap_or(0);
        // In an inner scope the assignment may not run.
        if let Some(binding) = self.bindings[depth..].iter_mut().rev().find(|b| b.name == name) {
            binding.ready = true;
        }
    }

    /// The latest binding of the name that is visible.
    pub(super) fn binding(&self, name: &str) -> Option<Binding<'t>> {
        self.visible().rev().take(WINDOW).find(|binding| binding.name == name).copied()
    }

    /// The local names not far back that have a value, latest first, each once.
    pub(super) fn latest(&self) -> Vec<Binding<'t>> {
        let mut latest: Vec<Binding<'t>> = Vec::new();
        for binding in self.visible().rev().take(NEAR) {
            if !latest.iter().any(|later| later.name == binding.name) {
                latest.push(*binding);
            }
        }
        latest.retain(|binding| binding.ready);
        latest
    }

    fn visible(&self) -> std::slice::Iter<'_, Binding<'t>> {
        self.bindings[self.bases.last().copied().unwrap_or(0)..].iter()
    }
}
