//! Facts about a whole Python file: functions and classes with their signatures and attributes,
//! what is mutated in place, and which locks are acquired where.
//!
//! Operators that need more than the names seen so far ask here. The file is surveyed when the
//! first operator asks, because most files never need it.

mod signature;
mod surveyor;

use std::collections::HashMap;
use std::ops::Range;

use super::scope::Value;

pub(super) use signature::{Parameter, Shape, Signature};

/// The facts about one file.
#[derive(Default)]
pub(super) struct Survey<'t> {
    /// The functions of the module, in the order of the text.
    pub(super) functions: Vec<Signature<'t>>,
    by_name: HashMap<&'t str, usize>,
    classes: Vec<Class<'t>>,
    class_by_name: HashMap<&'t str, usize>,
    class_by_start: HashMap<usize, usize>,
    /// Each imported name with the place of its statement.
    pub(super) imports: HashMap<&'t str, Import>,
    /// The names that each `from` statement imports, by the place of the statement.
    together: HashMap<usize, Vec<&'t str>>,
    /// The positions where the value of an expression is mutated in place, by the expression's
    /// text.
    changes: HashMap<&'t str, Vec<usize>>,
    /// The attributes that are used of each receiver, in the order of the text.
    members: HashMap<&'t str, Vec<Member<'t>>>,
    /// For each callee without a receiver, a bit set of the numbers of positional arguments that it
    /// is called with.
    arities: HashMap<&'t str, u32>,
    pub(super) locks: Locks<'t>,
}

#[derive(Clone, Copy)]
pub(super) struct Import {
    statement: usize,
    /// Whether it is imported by `from … import`.
    pub(super) from: bool,
}

/// A class and the attributes that its methods use.
#[derive(Default)]
pub(super) struct Class<'t> {
    /// The bases as they are written, without keywords.
    pub(super) bases: Vec<&'t str>,
    /// The methods, in the order of the text.
    pub(super) methods: Vec<Signature<'t>>,
    by_name: HashMap<&'t str, usize>,
    /// The attributes, in the order in which they first appear.
    pub(super) attributes: Vec<Attribute<'t>>,
    attribute_by_name: HashMap<&'t str, usize>,
    /// The names on the right side of assignments in its body.
    pub(super) mentioned: Vec<&'t str>,
}

/// An attribute of a class or of its instances.
pub(super) struct Attribute<'t> {
    pub(super) name: &'t str,
    pub(super) value: Value,
    /// Where a constructor first assigns it.
    pub(super) constructed: Option<usize>,
    /// Whether the body of the class assigns it.
    pub(super) shared: bool,
    /// Whether any method assigns it.
    pub(super) assigned: bool,
    /// Whether it is read without being called.
    pub(super) read: bool,
    /// Whether its value is mutated in place.
    pub(super) changed: bool,
}

/// One use of an attribute of a receiver.
#[derive(Clone, Copy)]
pub(super) struct Member<'t> {
    pub(super) name: &'t str,
    pub(super) at: usize,
    pub(super) place: AttributeUse,
    /// The number of positional arguments of a call.
    pub(super) arity: usize,
}

/// How an expression uses an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AttributeUse {
    Called,
    Read,
    Assigned,
}

/// The locks that the file acquires. A lock is identified by the text of its expression.
#[derive(Default)]
pub(super) struct Locks<'t> {
    /// The functions, by their start, that acquire the second lock while they hold the first.
    pub(super) nested: HashMap<(&'t str, &'t str), Vec<usize>>,
    /// The functions, by class (0 for the module) and name, that acquire the lock.
    taken: Vec<(&'t str, usize, &'t str)>,
    /// The functions that are called while the lock is held.
    under: Vec<(&'t str, usize, &'t str)>,
}

impl<'t> Survey<'t> {
    pub(super) fn function(&self, name: &str) -> Option<&Signature<'t>> {
        self.by_name.get(name).map(|&index| &self.functions[index])
    }

    /// The functions defined near the one called `name`, itself left out, nearest first.
    pub(super) fn functions_near(&self, name: &str) -> Vec<&Signature<'t>> {
        near(&self.functions, self.by_name.get(name))
    }

    pub(super) fn class(&self, name: &str) -> Option<&Class<'t>> {
        self.class_by_name.get(name).map(|&index| &self.classes[index])
    }

    /// The class whose definition begins there.
    pub(super) fn class_at(&self, start: usize) -> Option<&Class<'t>> {
        self.class_by_start.get(&start).map(|&index| &self.classes[index])
    }

    /// The method as the class, or a base of it in this file, defines it. The class itself can be
    /// left out.
    pub(super) fn method<'a>(
        &'a self,
        class: &'a Class<'t>,
        name: &str,
        own: bool,
    ) -> Option<&'a Signature<'t>> {
        let mut classes = vec![class];
        let mut at = 0;
        // A file with errors can have classes that are their own ancestors.
        while let (Some(&class), true) = (classes.get(at), at < 16) {
            if let Some(method) = class.method(name).filter(|_| own || at > 0) {
                return Some(method);
            }
            classes.extend(class.bases.iter().filter_map(|base| self.class(base)));
            at += 1;
        }
        None
    }

    /// Whether all that the class inherits is in this file.
    pub(super) fn is_closed(&self, class: &Class<'t>) -> bool {
        let mut classes = vec![class];
        let mut at = 0;
        while let (Some(&class), true) = (classes.get(at), at < 16) {
            for base in class.bases.iter().filter(|base| **base != "object") {
                match self.class(base) {
                    Some(base) => classes.push(base),
                    None => return false,
                }
            }
            at += 1;
        }
        true
    }

    /// Whether the value of the expression is mutated in place somewhere in the range.
    pub(super) fn is_changed(&self, expression: &str, range: Range<usize>) -> bool {
        self.changes.get(expression).is_some_and(|places| {
            let next = places.partition_point(|&at| at < range.start);
            places.get(next).is_some_and(|&at| at < range.end)
        })
    }

    /// The attributes of the receiver that are used in the range, at most `MEMBERS` uses on each
    /// side of `at`.
    pub(super) fn members(
        &self,
        receiver: &str,
        range: &Range<usize>,
        at: usize,
    ) -> impl Iterator<Item = &Member<'t>> {
        let all = self.members.get(receiver).map_or(&[][..], Vec::as_slice);
        let middle = all.partition_point(|member| member.at < at);
        let some = &all[middle.saturating_sub(MEMBERS)..(middle + MEMBERS).min(all.len())];
        some.iter().filter(move |member| range.contains(&member.at))
    }

    /// The names that the same `from` statement imports as `name`.
    pub(super) fn imported_with(&self, name: &str) -> &[&'t str] {
        let import = self.imports.get(name).filter(|import| import.from);
        let together = import.and_then(|import| self.together.get(&import.statement));
        together.map_or(&[], Vec::as_slice)
    }

    /// Whether the name is called somewhere with that many positional arguments alone.
    pub(super) fn is_called_with(&self, name: &str, arity: usize) -> bool {
        self.arities.get(name).is_some_and(|bits| arity < 32 && bits >> arity & 1 == 1)
    }
}

/// How many uses of a receiver before and after the one in question are looked at.
const MEMBERS: usize = 24;

impl<'t> Class<'t> {
    pub(super) fn method(&self, name: &str) -> Option<&Signature<'t>> {
        self.by_name.get(name).map(|&index| &self.methods[index])
    }

    pub(super) fn methods_near(&self, name: &str) -> Vec<&Signature<'t>> {
        near(&self.methods, self.by_name.get(name))
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute<'t>> {
        self.attribute_by_name.get(name).map(|&index| &self.attributes[index])
    }
}

impl Locks<'_> {
    /// Whether a function that is called while the lock is held acquires it again.
    pub(super) fn is_reentered(&self, lock: &str) -> bool {
        self.under
            .iter()
            .filter(|(held, ..)| *held == lock)
            .any(|(held, class, callee)| self.taken.contains(&(*held, *class, *callee)))
    }
}

/// Whether an expression names a lock.
pub(super) fn is_lock(expression: &str) -> bool {
    let name = expression.rsplit('.').next().unwrap_or(expression);
    let name = name.strip_suffix("()").unwrap_or(name);
    let mut words = name.split('_').filter(|word| !word.is_empty());
    words.any(|word| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "lock"
                | "rlock"
                | "mutex"
                | "semaphore"
                | "sem"
                | "condition"
                | "cond"
                | "cv"
                | "monitor"
        ) || word.ends_with("Lock")
            || word.ends_with("lock")
                && !matches!(word, "block" | "clock" | "unlock" | "flock" | "deadlock")
    })
}

/// The definitions at most `NEAR` places before or after the one at `index`, nearest first.
fn near<'a, 't>(all: &'a [Signature<'t>], index: Option<&usize>) -> Vec<&'a Signature<'t>> {
    const NEAR: usize = 12;
    let Some(&index) = index else { return Vec::new() };
    let distances = 1..=NEAR;
    let sides = distances.flat_map(|d| [Some(index + d), index.checked_sub(d)]);
    sides.flatten().filter_map(|place| all.get(place)).collect()
}
