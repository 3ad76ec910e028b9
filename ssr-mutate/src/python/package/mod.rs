//! All Python modules of a repository: which names each of them defines, imports and uses.

mod facts;
mod live;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use ssr_core::{File, RepoPath, Tree};
use tree_sitter::Node;

pub(super) use facts::{Facts, Function, Reference, imported_names};
pub(super) use live::Live;

use super::files;
use super::grammar::GRAMMAR;

/// The Python modules of a tree.
pub(super) struct Package<'a> {
    pub(super) modules: Vec<Module<'a>>,
    names: HashMap<String, usize>,
    /// The uses of each name outside of tests: module and position in its list.
    uses: HashMap<&'a str, Vec<(usize, usize)>>,
    /// The functions of each name outside of tests: module and position in its list.
    functions: HashMap<&'a str, Vec<(usize, usize)>>,
    /// The names that the tests import: module and name.
    tested: HashSet<(String, &'a str)>,
}

/// One file.
pub(super) struct Module<'a> {
    pub(super) path: &'a RepoPath,
    pub(super) text: &'a str,
    pub(super) tree: tree_sitter::Tree,
    /// The dotted name; that of the folder for an `__init__.py`.
    pub(super) name: String,
    pub(super) facts: Facts<'a>,
    /// Whether bugs may be made in it. Other modules are changed only to keep their imports
    /// working.
    pub(super) source: bool,
}

impl<'a> Package<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let mut package = Self {
            modules: Vec::new(),
            names: HashMap::new(),
            uses: HashMap::new(),
            functions: HashMap::new(),
            tested: HashSet::new(),
        };
        let sources: HashSet<_> = crate::files::source_texts(tree).map(|(path, _)| path).collect();
        for (path, file) in tree.files().filter(|(path, _)| path.extension() == Some("py")) {
            let Some(text) = File::text(file) else { continue };
            let Some(syntax) = GRAMMAR.parse(text) else { continue };
            let (name, is_package) = module_name(tree, path);
            let facts = Facts::of(&syntax, text, &name, is_package);
            if files::is_test(path) {
                package.note_tested(&facts);
                continue;
            }
            let source = sources.contains(path) && !syntax.root_node().has_error();
            package.names.insert(name.clone(), package.modules.len());
            package.modules.push(Module { path, text, tree: syntax, name, facts, source });
        }
        for (number, module) in package.modules.iter().enumerate() {
            for (position, function) in module.facts.functions.iter().enumerate() {
                package.functions.entry(function.name).or_default().push((number, position));
            }
            for (position, reference) in module.facts.references.iter().enumerate() {
                package.uses.entry(reference.name).or_default().push((number, position));
            }
        }
        package
    }

    fn note_tested(&mut self, facts: &Facts<'a>) {
        for import in facts.imports.iter().filter(|import| !import.deferred) {
            for name in &import.names {
                self.tested.insert((import.module.clone(), name.name));
            }
            self.tested.insert((import.module.clone(), ""));
        }
    }

    /// The module of this dotted name.
    pub(super) fn module(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Where code outside of tests uses the name.
    pub(super) fn uses(&self, name: &str) -> impl Iterator<Item = (usize, &Reference<'a>)> {
        let uses = self.uses.get(name).map_or(&[][..], Vec::as_slice);
        uses.iter().map(|&(module, at)| (module, &self.modules[module].facts.references[at]))
    }

    /// Whether a test file cannot be imported without this name of the module, or without the
    /// module itself when the name is empty. Names that pass through other modules count as well.
    pub(super) fn is_tested(&self, module: &str, name: &str) -> bool {
        let direct = |module: &str, name: &str| {
            self.tested.contains(&(module.to_owned(), name))
                || name.is_empty() && {
                    let (parent, last) = module.rsplit_once('.').unwrap_or(("", module));
                    self.tested.contains(&(parent.to_owned(), last))
                }
        };
        direct(module, name)
            || !name.is_empty() && self.modules.iter().any(|other| direct(&other.name, name))
    }

    /// The names that `from module import *` binds, including those that the module imports by `*`.
    pub(super) fn exported(&self, module: usize) -> BTreeSet<&'a str> {
        let (mut open, mut seen) = (vec![module], HashSet::new());
        let mut names = BTreeSet::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                let facts = &self.modules[next].facts;
                names.extend(facts.names().filter(|name| self.modules[next].exports(name)));
                let stars = facts.imports.iter().filter(|import| import.star);
                open.extend(stars.filter_map(|import| self.module(&import.module)));
            }
        }
        names
    }

    /// The functions of this name.
    pub(super) fn functions(&self, name: &str) -> &[(usize, usize)] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a reference in the module `user` may mean that function, judged by the imports.
    pub(super) fn may_mean(
        &self,
        user: usize,
        reference: &Reference<'a>,
        (module, function): (usize, usize),
    ) -> bool {
        let method = self.modules[module].facts.functions[function].class.is_some();
        match reference.base {
            Some(base) => self.named_module(user, base).is_some() != method,
            None if user == module => !method,
            None => {
                let imports = &self.modules[user].facts.imports;
                let named = |import: &facts::Import<'a>| {
                    import.star || import.names.iter().any(|n| n.bound == reference.name)
                };
                !method && imports.iter().any(|import| import.from && named(import))
            }
        }
    }

    /// The module that an expression such as `a.b` names in `module`, if it names one.
    pub(super) fn named_module(&self, module: usize, expression: &str) -> Option<usize> {
        let (first, rest) = match expression.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (expression, None),
        };
        let name = self.modules[module].facts.imports.iter().find_map(|import| {
            import.names.iter().find(|name| name.bound == first).map(|name| match import.from {
                true => format!("{}.{}", import.module, name.name),
                // `import a.b` binds `a`; `import a.b as c` binds `a.b`.
                false if name.aliased => name.name.to_owned(),
                false => first.to_owned(),
            })
        })?;
        self.module(&rest.map_or(name.clone(), |rest| format!("{name}.{rest}")))
    }
}

impl<'a> Module<'a> {
    /// The smallest node that contains the range.
    pub(super) fn node(&self, range: &Range<usize>) -> Option<Node<'_>> {
        self.tree.root_node().descendant_for_byte_range(range.start, range.end)
    }

    /// The text of a range.
    pub(super) fn slice(&self, range: &Range<usize>) -> &'a str {
        &self.text[range.clone()]
    }

    /// Whether the file is an `__init__.py`.
    pub(super) fn is_package(&self) -> bool {
        self.path.file_name() == "__init__.py"
    }

    /// Whether `from module import *` binds the name.
    pub(super) fn exports(&self, name: &str) -> bool {
        match &self.facts.all {
            Some(all) => all.iter().any(|(entry, _)| *entry == name),
            None => !name.starts_with('_'),
        }
    }
}

/// The dotted name of a file and whether it is the file of a package.
fn module_name(tree: &Tree, path: &RepoPath) -> (String, bool) {
    let stem = path.file_name().strip_suffix(".py").unwrap_or(path.file_name());
    let folders: Vec<_> = path.parent().map_or(Vec::new(), |parent| parent.split('/').collect());
    let is_package =
        |count: &usize| tree.contains(&format!("{}/__init__.py", folders[..*count].join("/")));
    // The folders of the package are those with an `__init__.py`, from the innermost outwards;
    // where there is none, all below a source folder.
    let depth = (1..=folders.len()).rev().take_while(is_package).count();
    let root = match depth {
        0 => usize::from(matches!(folders.first(), Some(&"src" | &"lib"))),
        depth => folders.len() - depth,
    };
    let mut parts = folders[root..].to_vec();
    if stem != "__init__" {
        parts.push(stem);
    }
    (parts.join("."), stem == "__init__")
}
