//! Which functions run while the package is imported.

use std::collections::{HashMap, HashSet};

use super::{Function, Package, Reference};

/// The functions that may run while the package is imported. Breaking one of them could break every
/// test at once.
///
/// They are found by a search over names, from the code at the top of all modules. A call of a name
/// counts as a call of every function with that name, so the set is too large rather than too
/// small.
pub(in crate::python) struct Live(HashSet<(usize, usize)>);

/// Methods that Python itself calls when it creates a class or imports a module.
const MAKERS: &[&str] = &[
    "__init_subclass__",
    "__set_name__",
    "__class_getitem__",
    "__prepare__",
    "__instancecheck__",
    "__subclasscheck__",
    "__mro_entries__",
    // Called by the import system.
    "find_spec",
    "create_module",
    "exec_module",
    "find_module",
    "load_module",
];

impl Live {
    pub(in crate::python) fn new(package: &Package<'_>) -> Self {
        let mut classes: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
        let mut uses: HashMap<(usize, usize), Vec<Use<'_>>> = HashMap::new();
        let mut search = Search::default();
        MAKERS.iter().for_each(|name| search.add(Use { name, called: true }));
        for (number, module) in package.modules.iter().enumerate() {
            for (position, class) in module.facts.classes.iter().enumerate() {
                classes.entry(class.name).or_default().push((number, position));
                // A metaclass is called whenever a class is created.
                if class.bases.contains(&"type") {
                    search.add(Use { name: class.name, called: true });
                }
            }
            let attributes = |r: &&Reference<'_>| r.called || r.base.is_some();
            for reference in module.facts.references.iter().filter(attributes) {
                let found = Use { name: reference.name, called: reference.called };
                match reference.function {
                    Some(function) if reference.deferred => {
                        uses.entry((number, function)).or_default().push(found);
                    }
                    // A lambda outside of functions may be called at once.
                    _ => search.add(found),
                }
            }
        }
        let mut live = HashSet::new();
        while let Some(Use { name, called }) = search.open.pop() {
            let function = |&(module, position): &(usize, usize)| {
                let function: &Function<'_> = &package.modules[module].facts.functions[position];
                // Reading an attribute may call a property.
                called || function.decorated && function.class.is_some()
            };
            let mut more: Vec<_> =
                package.functions(name).iter().copied().filter(function).collect();
            for &(module, class) in classes.get(name).into_iter().flatten().filter(|_| called) {
                let facts = &package.modules[module].facts;
                // Calling a class runs its special methods and those of its bases.
                let own = facts.functions.iter().enumerate().filter(|(_, function)| {
                    function.class == Some(class) && function.name.starts_with("__")
                });
                more.extend(own.map(|(position, _)| (module, position)));
                let bases = facts.classes[class].bases.iter();
                bases.for_each(|name| search.add(Use { name, called: true }));
            }
            for function in more {
                if live.insert(function) {
                    uses.get(&function).into_iter().flatten().for_each(|found| search.add(*found));
                }
            }
        }
        Self(live)
    }

    /// Whether the function, by module and position, may run on import.
    pub(in crate::python) fn contains(&self, module: usize, function: usize) -> bool {
        self.0.contains(&(module, function))
    }
}

/// A name that is called, or read as an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Use<'a> {
    name: &'a str,
    called: bool,
}

#[derive(Default)]
struct Search<'a> {
    open: Vec<Use<'a>>,
    seen: HashSet<Use<'a>>,
}

impl<'a> Search<'a> {
    fn add(&mut self, found: Use<'a>) {
        if self.seen.insert(found) {
            self.open.push(found);
        }
    }
}
