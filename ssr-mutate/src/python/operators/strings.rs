//! Strings and encodings.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind};
use crate::python::scope::Value;
use crate::python::walk::Walk;
use crate::python::{Rule, calls, values};
use crate::{Difficulty, Family, Operator};

/// Pairs of methods that do the same from opposite ends.
const MIRRORED: &[[&str; 2]] = &[
    ["lstrip", "rstrip"],
    ["find", "rfind"],
    ["index", "rindex"],
    ["startswith", "endswith"],
    ["split", "rsplit"],
    ["partition", "rpartition"],
    ["ljust", "rjust"],
    ["removeprefix", "removesuffix"],
    ["lower", "upper"],
    ["match", "fullmatch"],
    ["append", "appendleft"],
    ["pop", "popleft"],
];

/// Pairs of encodings, and of error handlers, that are easily confused.
const CODECS: &[(&str, &str)] = &[
    ("utf-8", "latin-1"),
    ("utf8", "latin-1"),
    ("UTF-8", "latin-1"),
    ("latin-1", "utf-8"),
    ("latin1", "utf-8"),
    ("iso-8859-1", "utf-8"),
    ("ascii", "utf-16"),
    ("strict", "ignore"),
    ("ignore", "strict"),
    ("replace", "strict"),
    ("surrogateescape", "ignore"),
];

pub(super) static RULES: &[Rule] = &[Rule {
    operator: Operator {
        id: "MSW",
        version: 1,
        family: Family::Strings,
        difficulty: Difficulty::Medium,
        description: "Call the mirror image of a method, such as `rstrip` for `lstrip`, or use \
                      another encoding or error handler",
        examples: &[
            ("x = line.lstrip()\n", "x = line.rstrip()\n"),
            ("ok = f(x).startswith(a)\n", "ok = f(x).endswith(a)\n"),
            ("a, b = line.split(\":\", 1)\n", "a, b = line.rsplit(\":\", 1)\n"),
            ("a = line.split(maxsplit=1)\n", "a = line.rsplit(maxsplit=1)\n"),
            ("ok = re.match(a, b)\n", "ok = re.fullmatch(a, b)\n"),
            ("x = queue.popleft()\n", "x = queue.pop()\n"),
            ("x = data.decode('utf-8', 'strict')\n", "x = data.decode('latin-1', 'strict')\n"),
            ("x = data.decode('utf-8', 'strict')\n", "x = data.decode('utf-8', 'ignore')\n"),
            ("x = text.encode()\n", "x = text.encode(\"latin-1\")\n"),
            ("x = open(a, encoding=\"utf-8\")\n", "x = open(a, encoding=\"latin-1\")\n"),
        ],
        untouched: &[
            "xs = line.split(\",\")\n",
            "i = items.index(x)\n",
            "x = soup.find(a)\n",
            "ok = re.match(\"a$\", b)\n",
            "ok = case.match(a)\n",
            "items.append(a)\n",
            "x = items.pop()\n",
            "x = json.decode(a)\n",
            "x = lstrip(a)\n",
        ],
        structural: false,
    },
    kinds: &[Kind::Call],
    find: mirror,
}];

fn mirror<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    swap_codec(walk, node);
    let (Some(name), Some(receiver)) = (calls::name_node(walk, node), calls::receiver(walk, node))
    else {
        return;
    };
    let text = walk.text(name);
    let image = MIRRORED.iter().find_map(|[left, right]| match text {
        _ if text == *left => Some(*right),
        _ if text == *right => Some(*left),
        _ => None,
    });
    let Some(image) = image else { return };
    let arguments = calls::arguments(walk, node);
    let known_text = || values::of(walk, receiver) == Value::Text;
    let fits = match text {
        // Without a limit, splitting from either side gives the same parts.
        "split" | "rsplit" => {
            arguments.len() == 2
                || arguments.iter().any(|argument| walk.text(*argument).starts_with("maxsplit"))
        }
        "find" | "index" => known_text() && !arguments.is_empty(),
        "match" | "fullmatch" => is_pattern(walk.text(receiver), walk, &arguments),
        "append" | "pop" => false,
        _ => true,
    };
    if fits {
        walk.replace(name, image);
    }
}

/// Whether the receiver looks like a regular expression, or the module of them, and the pattern
/// does not end where the text does.
fn is_pattern(receiver: &str, walk: &Walk<'_, '_>, arguments: &[Node<'_>]) -> bool {
    let name = receiver.rsplit('.').next().unwrap_or(receiver).to_ascii_lowercase();
    let anchored = |pattern: &Node<'_>| walk.text(*pattern).contains(['$', '\\']);
    match name.as_str() {
        "re" | "regex" => !arguments.first().is_some_and(anchored),
        name => ["_re", "regex", "pattern", "_rx"].iter().any(|suffix| name.ends_with(suffix)),
    }
}

fn swap_codec<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = calls::name(walk, node) else { return };
    let codec = matches!(name, "encode" | "decode") && calls::receiver(walk, node).is_some();
    let arguments = calls::arguments(walk, node);
    if codec && arguments.is_empty() {
        if let Some(list) =
            walk.field(node, Field::Arguments).filter(|list| walk.text(*list) == "()")
        {
            walk.replace(list, "(\"latin-1\")");
        }
        return;
    }
    for argument in arguments {
        let named =
            |name: &str| walk.field(argument, Field::Name).is_some_and(|n| walk.text(n) == name);
        let value = match GRAMMAR.kind(argument) {
            Kind::KeywordArgument if named("encoding") || named("errors") => {
                walk.field(argument, Field::Value)
            }
            Kind::String if codec || matches!(name, "bytes" | "str") => Some(argument),
            _ => None,
        };
        let Some(value) = value else { continue };
        let text = walk.text(value);
        let content = text.trim_matches(['"', '\'']);
        let other = CODECS.iter().find(|(codec, _)| *codec == content);
        if let (Some((_, other)), Some(quote)) = (other, text.chars().next())
            && matches!(quote, '"' | '\'')
        {
            walk.replace(value, format!("{quote}{other}{quote}"));
        }
    }
}
