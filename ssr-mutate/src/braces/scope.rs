//! The scopes of the walk: visible names with their types, and the enclosing definitions.

use std::sync::Arc;

/// A visible name, with what the file says about its value.
#[derive(Clone, Copy)]
pub(super) struct Binding<'t> {
    pub(super) name: &'t str,
    /// The declared type, or the type of the initialiser.
    pub(super) ty: Option<&'t str>,
    pub(super) value: Value,
    /// The other variable that it was initialised with, if any: both hold the same value.
    pub(super) alias: Option<&'t str>,
    /// Whether it surely has a value at this point.
    pub(super) ready: bool,
    pub(super) mutable: bool,
}

/// The kind of value that a name or an expression has.
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

/// The number of latest bindings that are searched for a name. The bound keeps a generated function
/// with thousands of names from taking quadratic time.
const WINDOW: usize = 256;

/// The number of latest bindings that are offered as other names. Mistaken names are mostly near.
const NEAR: usize = 32;

/// The visible names at one point of the walk, and the enclosing definitions.
///
/// All bindings are in one stack. A scope is only the length of the stack at its start, so that
/// closing it is a truncation, and looking up a name from the end finds the innermost binding.
/// Functions additionally hide the bindings before their own start: a local variable of an
/// enclosing function is no candidate for a mistaken name.
#[derive(Default)]
pub(super) struct Scopes<'t> {
    bindings: Vec<Binding<'t>>,
    /// The lengths of `bindings` at the start of each open scope.
    marks: Vec<usize>,
    /// The lengths of `bindings` at the start of each open definition.
    bases: Vec<usize>,
    /// The enclosing classes and functions, outermost first.
    pub(super) definitions: Vec<Definition<'t>>,
    /// The positions of the enclosing loops, outermost first.
    pub(super) loops: Vec<usize>,
}

pub(super) struct Definition<'t> {
    pub(super) name: &'t str,
    pub(super) is_class: bool,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The return type of a function, as it is written.
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

    /// The innermost definition, if it is a function.
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

    /// Records that the name has a value from here on.
    pub(super) fn assign(&mut self, name: &str) {
        let depth = self.marks.last().copied().unwrap_or(0);
        // Only names of the innermost scope: an assignment to an outer name may not be executed, as
        // in a branch.
        if let Some(binding) = self.bindings[depth..].iter_mut().rev().find(|b| b.name == name) {
            binding.ready = true;
        }
    }

    /// The latest binding of the name that is visible.
    pub(super) fn binding(&self, name: &str) -> Option<Binding<'t>> {
        self.visible().rev().take(WINDOW).find(|binding| binding.name == name).copied()
    }

    /// The latest local names that have a value, latest first, each once.
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
