//! Rust, Java, Go, JavaScript, TypeScript and C: one walk and one set of operators for all of them.
//!
//! Each language is a table ([`Syntax`]). It maps the node names of its tree-sitter grammar to
//! shared kinds, and lists its keywords, types and library functions. The operators ([`Shape`]) see
//! only the shared kinds.

mod facts;
mod files;
mod grammar;
mod guards;
mod scope;
mod shapes;
mod statements;
mod syntax;
mod values;
mod view;
mod walk;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use ssr_core::{RepoPath, Tree};
use tree_sitter::Node;

use crate::finds::Finds;
use crate::language::{Engine, Language, own_repairs};
use crate::repair::{Habits, RepairProposals};
use crate::site::Source;
use crate::weaken::{BrokenTest, Weakened};
use crate::{Difficulty, Family, NotFound, Operator};
use grammar::SyntaxGrammar;
use view::View;
use walk::Walk;

pub(crate) use files::in_directory;
pub(crate) use grammar::Kind;
pub(crate) use shapes::*;
pub(crate) use syntax::{CompilerRules, Syntax};

/// One of the languages with braces.
pub struct Brace {
    pub(crate) syntax: &'static Syntax,
    pub(crate) parts: &'static LazyLock<Parts>,
}

/// What is computed once from the tables of a language.
pub struct Parts {
    grammars: Vec<SyntaxGrammar>,
    operators: Vec<&'static Operator>,
    /// The rules by the kind of node that they are called with, each with its number.
    dispatch: Vec<Vec<(usize, &'static Rule)>>,
}

/// An operator with the function that finds its sites.
pub struct Rule {
    operator: Operator,
    /// The kinds of node that `find` is called with.
    kinds: &'static [Kind],
    find: for<'t> fn(&mut Walk<'t, '_>, Node<'t>),
}

/// An operator without the examples of a language.
#[derive(Clone, Copy)]
pub struct Shape {
    id: &'static str,
    family: Family,
    difficulty: Difficulty,
    description: &'static str,
    structural: bool,
    kinds: &'static [Kind],
    find: for<'t> fn(&mut Walk<'t, '_>, Node<'t>),
}

impl Shape {
    /// The operator with the examples of one language.
    pub(crate) const fn with(
        self,
        examples: &'static [(&'static str, &'static str)],
        untouched: &'static [&'static str],
    ) -> Rule {
        let Self { id, family, difficulty, description, structural, kinds, find } = self;
        let operator = Operator {
            id,
            version: 1,
            family,
            difficulty,
            description,
            examples,
            untouched,
            structural,
        };
        Rule { operator, kinds, find }
    }

    /// The same shape with another description, for one language.
    pub(crate) const fn described(self, description: &'static str) -> Self {
        Self { description, ..self }
    }
}

impl Parts {
    /// Sorts the rules into the order of the catalogue.
    pub(crate) fn new(syntax: &'static Syntax, rules: &[&'static [Rule]]) -> Self {
        let grammars =
            syntax.grammars.iter().map(|(_, language)| SyntaxGrammar::new(language(), syntax));
        let mut rules: Vec<_> = rules.iter().copied().flatten().collect();
        rules.sort_by_key(|rule| rule.operator.family);
        let mut dispatch = vec![Vec::new(); Kind::COUNT];
        for (number, rule) in rules.iter().enumerate() {
            for kind in rule.kinds {
                dispatch[*kind as usize].push((number, *rule));
            }
        }
        let operators = rules.iter().map(|rule| &rule.operator).collect();
        Self { grammars: grammars.collect(), operators, dispatch }
    }
}

impl Brace {
    fn grammar(&self, path: &RepoPath) -> Option<&'static SyntaxGrammar> {
        let extension = path.extension().unwrap_or("");
        let known = self.syntax.grammars.iter().position(|(of, _)| of.contains(&extension));
        let grammars = &LazyLock::force(self.parts).grammars;
        known.and_then(|index| grammars.get(index)).or(grammars.last())
    }
}

impl Language for Brace {
    fn name(&self) -> &'static str {
        self.syntax.name
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.syntax.extensions
    }

    fn line_comment(&self) -> &'static str {
        "//"
    }

    fn operators(&self) -> &'static [&'static Operator] {
        &LazyLock::force(self.parts).operators
    }

    fn is_test_file(&self, path: &RepoPath) -> bool {
        files::is_of(path, self.extensions()) && (self.syntax.is_test)(path)
    }

    fn is_source_file(&self, path: &RepoPath) -> bool {
        files::is_of(path, self.extensions())
            && !(self.syntax.is_test)(path)
            && !(self.syntax.is_foreign)(path)
            && !files::is_foreign(path)
    }
}

impl Engine for Brace {
    fn scan(&self, source: &Arc<Source>, enabled: &[bool], finds: &mut Finds) {
        let Some(grammar) = self.grammar(&source.path) else { return };
        if let Some(tree) = grammar.parse(&source.text) {
            let view = View { text: &source.text, grammar, syntax: self.syntax };
            Walk::new(view, self.parts, enabled, finds).run(&tree);
        }
    }

    fn weaken(&self, _: &str, tests: &[BrokenTest<'_>]) -> Weakened {
        Err((0..tests.len()).map(|index| (index, NotFound::Language)).collect())
    }

    fn repairs<'a>(
        &'a self,
        _: &Tree,
        source: &'a Arc<Source>,
        region: &Range<usize>,
        _: &Habits,
    ) -> RepairProposals<'a> {
        own_repairs(self, source, region)
    }

    fn syntax_errors(&self, path: &RepoPath, text: &str) -> usize {
        let tree = self.grammar(path).and_then(|grammar| grammar.parse(text));
        tree.map_or(usize::MAX, |tree| crate::syntax::errors(&tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: &[&Brace] = &[
        #[cfg(feature = "rust")]
        &crate::rust::RUST,
        #[cfg(feature = "java")]
        &crate::java::JAVA,
        #[cfg(feature = "go")]
        &crate::go::GO,
        #[cfg(feature = "javascript")]
        &crate::javascript::JAVASCRIPT,
        #[cfg(feature = "c")]
        &crate::c::C,
    ];

    #[test]
    fn every_kind_is_in_a_grammar_of_its_language() {
        for language in LANGUAGES {
            for (name, kind) in language.syntax.kinds {
                let known = language.parts.grammars.iter().any(|grammar| grammar.knows(name));
                assert!(known, "{}: {name} ({kind:?})", language.syntax.name);
            }
        }
    }

    #[test]
    fn every_language_has_at_least_25_operators() {
        for language in LANGUAGES {
            assert!(language.operators().len() >= 25, "{}", language.syntax.name);
        }
    }

    #[test]
    fn tests_and_foreign_files_are_no_sources() {
        let source = |path: &str| {
            let path = RepoPath::new(path).unwrap();
            LANGUAGES.iter().any(|language| language.is_source_file(&path))
        };
        let test = |path: &str| {
            let path = RepoPath::new(path).unwrap();
            LANGUAGES.iter().any(|language| language.is_test_file(&path))
        };
        for path in [
            "tests/a.rs",
            "src/parser_tests.rs",
            "src/test/java/ATest.java",
            "pkg/a_test.go",
            "src/a.test.ts",
            "src/__tests__/a.js",
            "test/test_a.c",
        ] {
            assert!(test(path) && !source(path), "{path}");
        }
        for path in [
            "build.rs",
            "benches/a.rs",
            "vendor/a/a.go",
            "api/a.pb.go",
            "node_modules/a/index.js",
            "dist/a.js",
            "src/a.min.js",
            "src/a.d.ts",
            "third_party/a.c",
            "docs/conf.js",
        ] {
            assert!(!source(path) && !test(path), "{path}");
        }
        for path in ["src/a.rs", "src/main/java/A.java", "pkg/a.go", "src/a.tsx", "lib/a.c"] {
            assert!(source(path) && !test(path), "{path}");
        }
    }
}
