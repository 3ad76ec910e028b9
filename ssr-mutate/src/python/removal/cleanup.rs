//! Removal of names (`FNR`, `FLR`), and the repairs that keep every module importable.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ssr_core::{Edit, RepoPath};
use tree_sitter::Node;

use super::cuts::Cuts;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::package::{Live, Module, Package, Reference, imported_names};

/// The package could not be imported after the removal, or only after too many repairs.
#[derive(Debug)]
pub(super) struct Unrepairable;

/// The most repairs of one removal. A removal that needs more changes too much of the package to be
/// a single bug.
const MAX_REPAIRS: usize = 80;

/// Removes names, and repairs what would otherwise fail while a module is imported: imports and
/// re-exports of the name, its entry in `__all__`, and decorators, bases, defaults, annotations and
/// statements that use it at the top of a module or class.
///
/// Removing such a statement may remove further names. These are put on a worklist and followed in
/// the same way until it is empty. Uses inside of functions stay, because they run only when the
/// function is called: they are the bug.
pub(super) struct Cleanup<'p, 'a> {
    package: &'p Package<'a>,
    live: &'p Live,
    cuts: BTreeMap<usize, Cuts<'p, 'a>>,
    files: BTreeSet<usize>,
    seen: BTreeSet<RemovedName<'p>>,
    open: Vec<RemovedName<'p>>,
    repairs: usize,
}

/// A name that a module or class no longer has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RemovedName<'a> {
    module: usize,
    class: Option<usize>,
    name: &'a str,
    /// Whether objects may have it as an attribute.
    attribute: bool,
}

impl<'p, 'a> Cleanup<'p, 'a> {
    pub(super) fn new(package: &'p Package<'a>, live: &'p Live) -> Self {
        Self {
            package,
            live,
            cuts: BTreeMap::new(),
            files: BTreeSet::new(),
            seen: BTreeSet::new(),
            open: Vec::new(),
            repairs: 0,
        }
    }

    /// The cuts in a module.
    pub(super) fn cuts(&mut self, module: usize) -> &mut Cuts<'p, 'a> {
        let package = self.package;
        self.cuts.entry(module).or_insert_with(|| Cuts::new(&package.modules[module]))
    }

    /// Removes a function of a module or class, with everything that needs it on import.
    pub(super) fn remove_function(
        &mut self,
        module: usize,
        function: usize,
    ) -> Result<(), Unrepairable> {
        let facts = &self.package.modules[module].facts;
        let function = &facts.functions[function];
        if facts.bound(function.class, function.name) != 1 {
            return Err(Unrepairable);
        }
        let node = self.node(module, &function.statement).ok_or(Unrepairable)?;
        self.cuts(module).statement(node);
        let attribute = function.class.is_some() || function.decorated;
        self.gone(RemovedName { module, class: function.class, name: function.name, attribute });
        self.settle()
    }

    /// Removes a module, with everything that needs it on import.
    pub(super) fn remove_file(&mut self, module: usize) -> Result<(), Unrepairable> {
        self.files.insert(module);
        let package = self.package;
        let name = &package.modules[module].name;
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        let exported = package.exported(module);
        self.lose_attributes(module);
        for (user, using) in package.modules.iter().enumerate().filter(|(user, _)| *user != module)
        {
            for import in &using.facts.imports {
                let statement = self.node(user, &import.statement).ok_or(Unrepairable)?;
                let lost: Vec<usize> = if import.from && import.module == *name {
                    (0..import.names.len()).collect()
                } else {
                    let names = import.names.iter().enumerate();
                    let goes = |imported: &str| match import.from {
                        true => import.module == parent && imported == last,
                        false => imported == name,
                    };
                    names.filter(|(_, n)| goes(n.name)).map(|(position, _)| position).collect()
                };
                let star = import.star && import.module == *name;
                if lost.is_empty() && !star {
                    continue;
                }
                self.check_live(user, import.function)?;
                if star {
                    self.cuts(user).statement(statement);
                    let names = exported.iter().filter(|n| using.facts.bound(None, n) == 0);
                    names.for_each(|name| self.lose(user, name));
                }
                let parts = imported_names(statement, &mut statement.walk());
                for position in lost {
                    self.cuts(user).element(statement, parts[position]);
                    let bound = &import.names[position];
                    if !import.deferred && (import.from || bound.aliased) {
                        self.lose_binding(user, import.class, bound.bound);
                    }
                }
            }
            let named = |reference: &&Reference<'a>| {
                let base = reference.base.filter(|base| base.rsplit('.').next() == Some(last));
                base.is_some_and(|base| package.named_module(user, base) == Some(module))
            };
            for reference in using.facts.references.iter().filter(named) {
                self.repair(user, reference)?;
            }
        }
        if let Some(parent) = package.module(parent) {
            self.lose(parent, last);
        }
        self.settle()
    }

    /// The edits of all modules and the removed files; `None` if edits overlap.
    pub(super) fn into_changes(self) -> Option<(Vec<Edit>, Vec<RepoPath>)> {
        let modules = &self.package.modules;
        let mut edits = Vec::new();
        for (module, cuts) in self.cuts.into_iter().filter(|(m, _)| !self.files.contains(m)) {
            let path = modules[module].path;
            let own = cuts.into_edits()?;
            edits.extend(own.into_iter().map(|(range, new)| Edit::new(path.clone(), range, new)));
        }
        let files = self.files.iter().map(|file| modules[*file].path.clone()).collect();
        Some((edits, files))
    }

    fn node(&self, module: usize, range: &Range<usize>) -> Option<Node<'p>> {
        let modules: &'p [Module<'a>] = &self.package.modules;
        modules[module].node(range)
    }

    /// Removes the methods, decorated functions and assigned attributes of a removed module,
    /// because objects in other modules may have them.
    fn lose_attributes(&mut self, module: usize) {
        let package = self.package;
        let facts = &package.modules[module].facts;
        let registered = facts.functions.iter().filter(|f| f.class.is_some() || f.decorated);
        let assigned = facts.references.iter().filter(|r| r.assigned && !r.deferred);
        let names = registered.map(|f| f.name).chain(assigned.map(|r| r.name));
        for name in names {
            if package.functions(name).iter().all(|(other, _)| *other == module) {
                self.gone(RemovedName { module, class: Some(usize::MAX), name, attribute: true });
            }
        }
    }

    fn lose(&mut self, module: usize, name: &'p str) {
        self.gone(RemovedName { module, class: None, name, attribute: false });
    }

    /// As [`Cleanup::lose`], unless another statement binds the same name.
    fn lose_binding(&mut self, module: usize, class: Option<usize>, name: &'p str) {
        if self.package.modules[module].facts.bound(class, name) == 1 {
            self.gone(RemovedName { module, class, name, attribute: class.is_some() });
        }
    }

    fn gone(&mut self, gone: RemovedName<'p>) {
        if self.seen.insert(gone) {
            self.open.push(gone);
        }
    }

    fn settle(&mut self) -> Result<(), Unrepairable> {
        while let Some(gone) = self.open.pop() {
            self.follow(gone)?;
        }
        Ok(())
    }

    fn follow(&mut self, gone: RemovedName<'p>) -> Result<(), Unrepairable> {
        let package = self.package;
        for (user, reference) in package.uses(gone.name) {
            if !self.files.contains(&user) && self.is_use(user, reference, gone) {
                self.repair(user, reference)?;
            }
        }
        if gone.class.is_some() {
            return Ok(());
        }
        let module = &package.modules[gone.module];
        for (_, range) in module.facts.all.iter().flatten().filter(|(name, _)| *name == gone.name) {
            let entry = self.node(gone.module, range).ok_or(Unrepairable)?;
            // The range may be that of a part of the string: go up to the string itself.
            let entry = std::iter::successors(Some(entry), |node| node.parent());
            let mut entry = entry.skip_while(|node| GRAMMAR.kind(*node) != Kind::String);
            let (entry, list) = entry.next().zip(entry.next()).ok_or(Unrepairable)?;
            self.cuts(gone.module).element(list, entry);
        }
        for (user, using) in package.modules.iter().enumerate() {
            for import in using.facts.imports.iter().filter(|i| i.from && i.module == module.name) {
                if import.star
                    && module.exports(gone.name)
                    && using.facts.bound(None, gone.name) == 0
                {
                    self.lose(user, gone.name);
                }
                for (position, name) in import.names.iter().enumerate() {
                    if name.name != gone.name {
                        continue;
                    }
                    self.check_live(user, import.function)?;
                    let statement = self.node(user, &import.statement).ok_or(Unrepairable)?;
                    let parts = imported_names(statement, &mut statement.walk());
                    self.cuts(user).element(statement, parts[position]);
                    if !import.deferred {
                        self.lose_binding(user, import.class, name.bound);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the reference may mean the removed name.
    fn is_use(&self, user: usize, reference: &Reference<'a>, gone: RemovedName<'p>) -> bool {
        if reference.assigned {
            return false;
        }
        let Some(base) = reference.base else {
            let facts = &self.package.modules[user].facts;
            return user == gone.module
                && match gone.class {
                    Some(class) => reference.class == Some(class) && !reference.deferred,
                    None => reference.class.is_none_or(|class| {
                        reference.deferred || facts.bound(Some(class), gone.name) == 0
                    }),
                };
        };
        match self.package.named_module(user, base) {
            Some(module) => module == gone.module && gone.class.is_none(),
            None => gone.attribute && !self.is_foreign(user, base),
        }
    }

    /// Whether the expression begins with something imported from outside of the package.
    fn is_foreign(&self, user: usize, expression: &str) -> bool {
        let first = expression.split('.').next().unwrap_or("");
        self.package.modules[user].facts.imports.iter().any(|import| {
            let origin = |name: &str| match import.from {
                true => self.package.module(&import.module).is_none(),
                false => self.package.module(name).is_none(),
            };
            import.names.iter().any(|name| name.bound == first && origin(name.name))
        })
    }

    fn check_live(&self, module: usize, function: Option<usize>) -> Result<(), Unrepairable> {
        match function {
            Some(function) if self.live.contains(module, function) => Err(Unrepairable),
            _ => Ok(()),
        }
    }

    /// Removes a use from the code that runs on import, by the smallest repair: drop a decorator, a
    /// base or an element, replace a default or an annotation, or else remove the whole statement.
    fn repair(&mut self, module: usize, reference: &Reference<'a>) -> Result<(), Unrepairable> {
        if reference.deferred {
            return self.check_live(module, reference.function);
        }
        let mut node = self.node(module, &reference.range).ok_or(Unrepairable)?;
        if self.cuts(module).removes(&node.byte_range()) {
            return Ok(());
        }
        self.repairs += 1;
        if self.repairs > MAX_REPAIRS {
            return Err(Unrepairable);
        }
        while let Some(parent) = node.parent() {
            match GRAMMAR.kind(parent) {
                Kind::Decorator => {
                    self.cuts(module).statement(parent);
                    return Ok(());
                }
                Kind::ArgumentList if is_bases(parent) => {
                    self.cuts(module).element(parent, node);
                    return Ok(());
                }
                Kind::DefaultParameter | Kind::TypedDefaultParameter
                    if GRAMMAR.field(parent, Field::Value) == Some(node) =>
                {
                    self.cuts(module).replace(node.byte_range(), "None");
                    return Ok(());
                }
                Kind::Type => {
                    self.cuts(module).replace(parent.byte_range(), "object");
                    return Ok(());
                }
                Kind::List | Kind::Tuple | Kind::Set | Kind::Dictionary
                    if children(parent).len() > 1 =>
                {
                    self.cuts(module).element(parent, node);
                    return Ok(());
                }
                Kind::Block | Kind::Module => {
                    return self.remove_statement(module, node, reference);
                }
                _ => node = parent,
            }
        }
        Err(Unrepairable)
    }

    fn remove_statement(
        &mut self,
        module: usize,
        node: Node<'p>,
        reference: &Reference<'a>,
    ) -> Result<(), Unrepairable> {
        if matches!(
            GRAMMAR.kind(node),
            Kind::IfStatement
                | Kind::ForStatement
                | Kind::WhileStatement
                | Kind::WithStatement
                | Kind::TryStatement
                | Kind::MatchStatement
                | Kind::FunctionDefinition
                | Kind::ClassDefinition
                | Kind::DecoratedDefinition
        ) {
            return Err(Unrepairable);
        }
        self.cuts(module).statement(node);
        let mut assignment = children(node).first().copied();
        while let Some(next) = assignment.filter(|n| GRAMMAR.kind(*n) == Kind::Assignment) {
            if let Some(left) = GRAMMAR.field(next, Field::Left) {
                self.lose_targets(module, left, reference);
            }
            assignment = GRAMMAR.field(next, Field::Right);
        }
        Ok(())
    }

    fn lose_targets(&mut self, module: usize, target: Node<'p>, reference: &Reference<'a>) {
        let text = self.package.modules[module].text;
        match GRAMMAR.kind(target) {
            Kind::Identifier => {
                self.lose_binding(module, reference.class, &text[target.byte_range()]);
            }
            Kind::Attribute => {
                if let Some(attribute) = GRAMMAR.field(target, Field::Attribute) {
                    let name = &text[attribute.byte_range()];
                    self.gone(RemovedName {
                        module,
                        class: Some(usize::MAX),
                        name,
                        attribute: true,
                    });
                }
            }
            Kind::PatternList | Kind::TuplePattern | Kind::ListPattern => {
                children(target).into_iter().for_each(|t| self.lose_targets(module, t, reference));
            }
            _ => {}
        }
    }
}

fn is_bases(arguments: Node<'_>) -> bool {
    arguments.parent().is_some_and(|parent| GRAMMAR.kind(parent) == Kind::ClassDefinition)
}
