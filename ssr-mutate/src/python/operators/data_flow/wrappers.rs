//! A call around a value that is missing.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::expressions::{in_place_of, is_literal, only_argument};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// Functions and methods whose result can be replaced by their argument or receiver, although their
/// names match no word of the list below.
const SHAPING: &[&str] = &[
    "abs",
    "abspath",
    "basename",
    "casefold",
    "ceil",
    "conjugate",
    "dedent",
    "digest",
    "doit",
    "expandtabs",
    "expanduser",
    "expandvars",
    "fabs",
    "floor",
    "fsdecode",
    "fsencode",
    "hexdigest",
    "lstrip",
    "normcase",
    "normpath",
    "realpath",
    "reversed",
    "round",
    "rstrip",
    "sorted",
    "splitlines",
    "strip",
    "swapcase",
    "sympify",
    "title",
    "transpose",
    "trunc",
];

/// Words in the names of such functions.
const SHAPING_WORDS: &[&str] = &[
    "adapt",
    "align",
    "canonical",
    "canonicalize",
    "capfirst",
    "clamp",
    "clean",
    "coerce",
    "convert",
    "decode",
    "dedupe",
    "encode",
    "ensure",
    "escape",
    "expand",
    "filter",
    "flatten",
    "fold",
    "force",
    "format",
    "lower",
    "localize",
    "mark",
    "normalize",
    "pad",
    "prepare",
    "process",
    "quote",
    "reduce",
    "resolve",
    "sanitize",
    "simplify",
    "sort",
    "strip",
    "to",
    "trim",
    "truncate",
    "unescape",
    "unique",
    "unquote",
    "unwrap",
    "upper",
    "wrap",
];

pub(in crate::python::operators) static RULES: &[Rule] = &[Rule {
    operator: Operator {
        id: "FWD",
        version: 1,
        family: Family::DataFlow,
        difficulty: Difficulty::Medium,
        description: "Drop a call that shapes a value: `sorted(x)` → `x`, `s.strip()` → `s`, \
                      `normalize_path(x)` → `x`",
        examples: &[
            ("x = sorted(items)\n", "x = items\n"),
            ("y = s.strip().lower() + t\n", "y = s.strip() + t\n"),
            ("y = s.strip().lower() + t\n", "y = s.lower() + t\n"),
            (
                "import os\nx = os.path.normpath(a + b).split(c)\n",
                "import os\nx = (a + b).split(c)\n",
            ),
            ("rows = rows.filter(a=1, b=2).count()\n", "rows = rows.count()\n"),
            ("x = self._clean_name(name, strict=True)\n", "x = name\n"),
            ("x = abs(a if b\n        else c)\n", "x = (a if b\n        else c)\n"),
        ],
        untouched: &[
            "normalize(x)\n",
            "x = frobnicate(y)\n",
            "x = sorted(*y)\n",
            "x = sorted(a for a in b)\n",
            "x = \" a\".strip()\n",
            "x = y.strip\n",
            "x = reduce(f, y)\n",
            "x = format_table(rows, columns)\n",
        ],
        structural: false,
    },
    kinds: &[Kind::Call],
    find: drop_wrapper,
}];

fn drop_wrapper<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if matches!(walk.parent_kind(), Kind::ExpressionStatement | Kind::Await | Kind::Decorator) {
        return;
    }
    let parts = (walk.field(node, Field::Function), walk.field(node, Field::Arguments));
    let (Some(function), Some(arguments)) = parts else { return };
    let object = match GRAMMAR.kind(function) {
        Kind::Identifier => None,
        Kind::Attribute => walk.field(function, Field::Object),
        _ => return,
    };
    let name = match object {
        Some(_) => walk.field(function, Field::Attribute).map_or("", |name| walk.text(name)),
        None => walk.text(function),
    };
    if !shapes(name) {
        return;
    }
    // A method is replaced by its receiver, a function by its argument.
    let value = match object {
        Some(object) if is_value(walk, object) => Some(object),
        _ => shaped_argument(walk, node, arguments),
    };
    let Some(value) = value.filter(|value| !is_literal(*value)) else { return };
    walk.replace(node, in_place_of(walk, node, value));
}

pub(in crate::python) fn shapes(name: &str) -> bool {
    let words = || name.trim_start_matches('_').split('_');
    let verb = words().next().unwrap_or(name);
    SHAPING.contains(&name)
        || (SHAPING_WORDS.contains(&verb) && (words().count() > 1 || verb != "to"))
        || words().skip(1).any(|word| word.len() > 4 && SHAPING_WORDS.contains(&word))
}

/// The first argument where it is the only one without a name.
fn shaped_argument<'t>(
    walk: &Walk<'t, '_>,
    call: Node<'t>,
    arguments: Node<'t>,
) -> Option<Node<'t>> {
    only_argument(walk, call).or_else(|| {
        let (first, rest) = children(arguments).split_first().map(|(f, r)| (*f, r.to_vec()))?;
        let keyword = |argument: &Node<'t>| GRAMMAR.kind(*argument) == Kind::KeywordArgument;
        let splat = matches!(GRAMMAR.kind(first), Kind::ListSplat | Kind::DictionarySplat);
        let named = !rest.is_empty() && rest.iter().all(keyword);
        (GRAMMAR.kind(arguments) == Kind::ArgumentList && named && !keyword(&first) && !splat)
            .then_some(first)
    })
}

/// Whether the object of a method is a value, not a module, a class or the object itself.
pub(in crate::python) fn is_value<'t>(walk: &Walk<'t, '_>, object: Node<'t>) -> bool {
    let text = walk.text(object);
    if text.contains('(') {
        return text != "super()";
    }
    let (root, name) = (text.split('.').next(), text.rsplit('.').next().unwrap_or(text));
    let upper = name.starts_with(|first: char| first.is_ascii_uppercase());
    let imported = root.is_some_and(|root| walk.survey().imports.contains_key(root));
    !upper && !imported && !matches!(text, "self" | "cls")
}
