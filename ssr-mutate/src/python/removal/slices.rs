//! Removal of connected functions along the call graph (`HKR`).

use std::collections::BTreeSet;

use ssr_core::Seed;
use tree_sitter::Node;

use super::Remover;
use super::bodies::Body;
use super::cleanup::{Cleanup, Unrepairable};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::package::Reference;

/// A function, by module and position.
pub(super) type FunctionId = (usize, usize);

impl<'a> Remover<'a> {
    /// The functions of the package that a function calls or that call it. A name counts if only
    /// one function of the package has it.
    pub(super) fn neighbours(&self, (module, function): FunctionId) -> BTreeSet<FunctionId> {
        let package = &self.package;
        let facts = &package.modules[module].facts;
        let name = facts.functions[function].name;
        let unique = package.functions(name).len() == 1;
        let callers = package.uses(name).filter(|(user, r)| {
            unique && r.called && r.deferred && package.may_mean(*user, r, (module, function))
        });
        let callers = callers.filter_map(|(user, r)| Some((user, r.function?)));
        let mut all: BTreeSet<_> =
            self.callees((module, function)).into_iter().chain(callers).collect();
        all.remove(&(module, function));
        all.retain(|place| self.is_removable(*place));
        all
    }

    /// The functions of the package that a function calls.
    pub(in crate::python) fn callees(
        &self,
        (module, function): FunctionId,
    ) -> BTreeSet<FunctionId> {
        let package = &self.package;
        let facts = &package.modules[module].facts;
        let own =
            |reference: &&Reference<'a>| reference.function == Some(function) && reference.called;
        let called = facts.references.iter().filter(own);
        let callees = called.filter_map(|reference| match package.functions(reference.name) {
            [only] if package.may_mean(module, reference, *only) => Some(*only),
            _ => None,
        });
        callees.collect()
    }

    /// Between two and four functions that are connected by calls, the first one included.
    pub(super) fn slice(&self, root: FunctionId, seed: Seed) -> Vec<FunctionId> {
        let wanted = 2 + seed.derive("size").below(3);
        let mut slice = vec![root];
        while slice.len() < wanted {
            let near: BTreeSet<_> =
                slice.iter().flat_map(|place| self.neighbours(*place)).collect();
            let near: Vec<_> = near.into_iter().filter(|place| !slice.contains(place)).collect();
            // Prefer functions of other files: such a bug is harder to repair.
            let far: Vec<_> =
                near.iter().copied().filter(|p| slice.iter().all(|s| s.0 != p.0)).collect();
            let choice = if far.is_empty() { &near } else { &far };
            let draw = seed.derive("next").index(slice.len() as u64);
            match choice.get(draw.below(choice.len())) {
                Some(next) => slice.push(*next),
                None => break,
            }
        }
        slice
    }

    /// Removes the functions of a slice. A function that is used only by calls that can be removed
    /// is deleted together with these calls. The others keep their names and lose their bodies.
    pub(super) fn remove_slice<'p>(
        &'p self,
        slice: &[FunctionId],
        seed: Seed,
    ) -> Result<Cleanup<'p, 'a>, Unrepairable> {
        let mut going: BTreeSet<FunctionId> =
            slice.iter().copied().filter(|place| self.can_go(*place)).collect();
        loop {
            let mut cleanup = Cleanup::new(&self.package, &self.live);
            let tangled = going.iter().copied().find(|place| {
                cleanup.remove_function(place.0, place.1).is_err()
                    || self.remove_calls(&mut cleanup, *place, &going).is_err()
            });
            if let Some(place) = tangled {
                going.remove(&place);
                continue;
            }
            for &(module, function) in slice.iter().filter(|place| !going.contains(place)) {
                let facts = &self.package.modules[module].facts;
                let body = Body::of(&self.package.modules[module], &facts.functions[function]);
                let seed = seed.index(module as u64).index(function as u64);
                let (range, stub) = body.and_then(|body| body.hollow(seed)).ok_or(Unrepairable)?;
                cleanup.cuts(module).replace(range, stub);
            }
            return Ok(cleanup);
        }
    }

    /// Whether a function may lose its name.
    fn can_go(&self, (module, function): FunctionId) -> bool {
        let module = &self.package.modules[module];
        let function = &module.facts.functions[function];
        self.package.functions(function.name).len() == 1
            && !self.is_spared(&module.name, function.name)
    }

    /// Removes the statements that call the function, except those inside of removed functions.
    fn remove_calls<'p>(
        &'p self,
        cleanup: &mut Cleanup<'p, 'a>,
        (module, function): FunctionId,
        going: &BTreeSet<FunctionId>,
    ) -> Result<(), Unrepairable> {
        let name = self.package.modules[module].facts.functions[function].name;
        for (user, reference) in self.package.uses(name).filter(|(_, r)| r.deferred) {
            if !self.package.may_mean(user, reference, (module, function)) {
                continue;
            }
            if reference.function.is_some_and(|function| going.contains(&(user, function))) {
                continue;
            }
            let node = self.package.modules[user].node(&reference.range).ok_or(Unrepairable)?;
            let call = node.parent().filter(|_| reference.called).ok_or(Unrepairable)?;
            match removable(call) {
                Some(statement) => cleanup.cuts(user).statement(statement),
                None => cleanup.cuts(user).replace(call.byte_range(), "None"),
            }
        }
        Ok(())
    }
}

/// The statement that consists of the call alone, or an `if` whose condition is the call alone.
fn removable(call: Node<'_>) -> Option<Node<'_>> {
    let parent = call.parent()?;
    match GRAMMAR.kind(parent) {
        Kind::ExpressionStatement if children(parent).len() == 1 => Some(parent),
        Kind::IfStatement
            if GRAMMAR.field(parent, Field::Condition) == Some(call)
                && GRAMMAR.field(parent, Field::Alternative).is_none() =>
        {
            Some(parent)
        }
        _ => None,
    }
}
