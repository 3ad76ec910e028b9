//! Removes functions, parameters, files and connected functions from Python packages.

mod bodies;
mod cleanup;
mod cuts;
mod parameters;
mod slices;

use std::collections::BTreeMap;

use ssr_core::{Seed, Tree};

use crate::Location;
use crate::python::package::{Live, Package};
use crate::scale::{Bug, ScaleOperator, patch_of};
use bodies::Body;
use cleanup::Cleanup;
use slices::FunctionId;

/// Removes code from the Python packages of a tree so that they can still be imported.
///
/// A removed function fails when it is called, not when a module is imported. Uses that would fail
/// on import are removed as well: imports, re-exports, entries of `__all__`, decorators, bases,
/// defaults, annotations and registrations. Functions that run on import are not removed.
///
/// Test files are never changed. Names that they import are kept, unless [`Remover::with_tested`]
/// is set.
///
/// ```
/// use ssr_core::{File, RepoPath, Seed, Tree};
/// use ssr_mutate::{Remover, ScaleOperator};
///
/// let files = [
///     ("pkg/__init__.py", "from .a import f, g\n"),
///     ("pkg/a.py", "def f(x):\n    return g(x) + 1\n\n\ndef g(x):\n    return x * 2\n"),
/// ];
/// let file = |(path, text): (&str, &str)| Ok((RepoPath::new(path)?, File::new(text.as_bytes())));
/// let tree = Tree::from_files(files.into_iter().map(file).collect::<Result<Vec<_>, ssr_core::Error>>()?)?;
///
/// let remover = Remover::new(&tree);
/// let bugs = remover.sample(&[ScaleOperator::Function], 9, Seed::new(7));
/// assert_eq!(bugs.len(), 2);
/// let broken = tree.apply(bugs[0].patch())?;
/// assert_eq!(bugs[0].paths().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Remover<'a> {
    tree: &'a Tree,
    pub(super) package: Package<'a>,
    live: Live,
    spare_tested: bool,
}

/// A candidate for removal by a [`Remover`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Removal {
    operator: ScaleOperator,
    module: usize,
    function: usize,
    parameter: String,
    place: Location,
}

impl Removal {
    /// The operator that removes it.
    #[must_use]
    pub fn operator(&self) -> ScaleOperator {
        self.operator
    }

    /// The function or file.
    #[must_use]
    pub fn place(&self) -> &Location {
        &self.place
    }
}

impl<'a> Remover<'a> {
    /// Parses all Python files of the tree once.
    #[must_use]
    pub fn new(tree: &'a Tree) -> Self {
        let package = Package::new(tree);
        let live = Live::new(&package);
        Self { tree, package, live, spare_tested: true }
    }

    /// Also removes names that test files import. Then whole test files fail, not single tests.
    #[must_use]
    pub fn with_tested(mut self) -> Self {
        self.spare_tested = false;
        self
    }

    /// The candidates of an operator, in the order of the files. [`Remover::remove`] may still find
    /// that a candidate cannot be removed.
    #[must_use]
    pub fn candidates(&self, operator: ScaleOperator) -> Vec<Removal> {
        let mut found = Vec::new();
        for (number, module) in self.package.modules.iter().enumerate().filter(|(_, m)| m.source) {
            let file = || Location::File(module.path.clone());
            let mut push = |function: usize, parameter: &str, place: Location| {
                let parameter = parameter.to_owned();
                found.push(Removal { operator, module: number, function, parameter, place });
            };
            if operator == ScaleOperator::File {
                if self.is_removable_file(number) {
                    push(0, "", file());
                }
                continue;
            }
            for (position, function) in module.facts.functions.iter().enumerate() {
                let place = (number, position);
                if !self.is_removable(place) {
                    continue;
                }
                let location =
                    Location::Function(module.path.clone(), module.facts.qualified(function));
                match operator {
                    ScaleOperator::Body => push(position, "", location),
                    ScaleOperator::Function if self.can_lose_name(place) => {
                        push(position, "", location);
                    }
                    ScaleOperator::Parameter => {
                        for parameter in self.parameters(place) {
                            push(position, parameter.name, location.clone());
                        }
                    }
                    ScaleOperator::Slice if !self.neighbours(place).is_empty() => {
                        push(position, "", location);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Removes a candidate of this remover. The seed chooses the stub that replaces a body, and the
    /// functions of a slice.
    ///
    /// `None` if the package could not be imported afterwards, or if the candidate belongs to
    /// another remover.
    #[must_use]
    pub fn remove(&self, removal: &Removal, seed: Seed) -> Option<Bug> {
        let module = self.package.modules.get(removal.module)?;
        let place = (removal.module, removal.function);
        let name = match &removal.place {
            Location::Function(_, name) => name.as_str(),
            _ => "the file",
        };
        let mut places = vec![removal.place.clone()];
        let (cleanup, what) = match removal.operator {
            ScaleOperator::File => {
                let mut cleanup = Cleanup::new(&self.package, &self.live);
                cleanup.remove_file(removal.module).ok()?;
                (cleanup, "remove the file".to_owned())
            }
            _ if removal.function >= module.facts.functions.len() => return None,
            ScaleOperator::Body => {
                let body = Body::of(module, &module.facts.functions[removal.function])?;
                let (range, stub) = body.hollow(seed)?;
                let what = format!("replace the body of {name} by `{}`", stub.replace('\n', "; "));
                let mut cleanup = Cleanup::new(&self.package, &self.live);
                cleanup.cuts(removal.module).replace(range, stub);
                (cleanup, what)
            }
            ScaleOperator::Function => {
                let mut cleanup = Cleanup::new(&self.package, &self.live);
                cleanup.remove_function(removal.module, removal.function).ok()?;
                (cleanup, format!("remove {name}"))
            }
            ScaleOperator::Parameter => {
                let all = self.parameters(place);
                let parameter = all.iter().find(|p| p.name == removal.parameter)?;
                let cleanup = self.remove_parameter(place, parameter).ok()?;
                (cleanup, format!("remove the parameter {} of {name}", removal.parameter))
            }
            ScaleOperator::Slice => {
                let slice = self.slice(place, seed);
                places = slice.iter().map(|place| self.location(*place)).collect();
                let names: Vec<_> = slice.iter().map(|place| self.name(*place)).collect();
                let cleanup = self.remove_slice(&slice, seed).ok().filter(|_| slice.len() > 1)?;
                (cleanup, format!("remove {} together", names.join(", ")))
            }
            _ => return None,
        };
        let description = format!("{}: {what}", module.path);
        self.bug(removal.operator, cleanup, description, places)
    }

    /// Draws `n` different bugs, or fewer if there are not as many. Each draw picks an operator
    /// uniformly, then one of its candidates uniformly. The result depends on the tree, the
    /// operators and the seed alone.
    #[must_use]
    pub fn sample(&self, operators: &[ScaleOperator], n: usize, seed: Seed) -> Vec<Bug> {
        let seed = seed.derive("ssr-mutate removal");
        let mut left: BTreeMap<_, _> =
            operators.iter().map(|operator| (*operator, self.shuffled(*operator, seed))).collect();
        let (mut bugs, mut seen, mut draws): (Vec<Bug>, std::collections::HashSet<_>, u64) =
            Default::default();
        while bugs.len() < n {
            left.retain(|_, removals| !removals.is_empty());
            let draw = seed.derive("operator").index(draws);
            draws += 1;
            let choice = draw.below(left.len());
            let Some(removals) = left.values_mut().nth(choice) else { break };
            let Some(removal) = removals.pop() else { continue };
            let bug = self.remove(&removal, seed.derive("remove").index(draws));
            bugs.extend(bug.filter(|bug| seen.insert(bug.patch().to_bytes())));
        }
        bugs
    }

    fn shuffled(&self, operator: ScaleOperator, seed: Seed) -> Vec<Removal> {
        let seed = seed.derive(operator.id());
        let mut removals: Vec<_> = self.candidates(operator).into_iter().enumerate().collect();
        removals.sort_by_cached_key(|(index, _)| seed.index(*index as u64).value());
        removals.into_iter().map(|(_, removal)| removal).collect()
    }

    fn bug(
        &self,
        operator: ScaleOperator,
        cleanup: Cleanup<'_, 'a>,
        description: String,
        places: Vec<Location>,
    ) -> Option<Bug> {
        let (edits, files) = cleanup.into_changes()?;
        let patch = patch_of(self.tree, &edits, &files).ok()?;
        let after = self.tree.apply(&patch).ok()?;
        let well_formed = patch.files().iter().all(|file| {
            let errors = |tree: &Tree| {
                let text = tree.get(file.path().as_str()).and_then(ssr_core::File::text);
                text.map(|text| {
                    crate::language::Engine::syntax_errors(&super::Python, file.path(), text)
                })
            };
            errors(&after).is_none_or(|count| Some(count) <= errors(self.tree))
        });
        well_formed.then(|| Bug::new(operator, self.tree, patch, description, places)).flatten()
    }

    pub(super) fn location(&self, (module, function): FunctionId) -> Location {
        let module = &self.package.modules[module];
        let name = module.facts.qualified(&module.facts.functions[function]);
        Location::Function(module.path.clone(), name)
    }

    fn name(&self, (module, function): FunctionId) -> String {
        let facts = &self.package.modules[module].facts;
        facts.qualified(&facts.functions[function])
    }

    /// Whether the function does not run on import and has a body to remove.
    fn is_removable(&self, (module, function): FunctionId) -> bool {
        const SILENT: &[&str] = &["__repr__", "__str__", "__del__", "main"];
        let owner = &self.package.modules[module];
        let facts = &owner.facts.functions[function];
        owner.source
            && !self.live.contains(module, function)
            && !SILENT.contains(&facts.name)
            && Body::of(owner, facts).is_some_and(|body| body.lines() > 0)
    }

    fn can_lose_name(&self, (module, function): FunctionId) -> bool {
        let module = &self.package.modules[module];
        let function = &module.facts.functions[function];
        let tested = function.class.is_none() && self.is_spared(&module.name, function.name);
        !tested && !matches!(function.name, "__init__" | "__new__")
    }

    fn is_removable_file(&self, module: usize) -> bool {
        let module = &self.package.modules[module];
        !module.is_package()
            && module.path.file_name() != "__main__.py"
            && !module.facts.functions.is_empty()
            && !self.is_spared(&module.name, "")
    }

    /// Whether the name is kept because tests import it.
    pub(super) fn is_spared(&self, module: &str, name: &str) -> bool {
        self.spare_tested && self.package.is_tested(module, name)
    }
}
