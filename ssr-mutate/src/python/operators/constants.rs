//! Literals and off-by-one mistakes.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::Value;
use crate::python::walk::Walk;
use crate::python::{Rule, values};
use crate::{Difficulty, Family, Operator};

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "CRP",
            version: 1,
            family: Family::Constants,
            difficulty: Difficulty::Medium,
            description: "Change a whole number by one. Subscripts and slices are left to IDX and \
                          SLB",
            examples: &[
                ("size = 8\n", "size = 9\n"),
                ("mask = 0xff\n", "mask = 0xfe\n"),
                ("x = n + 0\n", "x = n + -1\n"),
            ],
            untouched: &[
                "first = items[0]\n",
                "head = items[:2]\n",
                "__version__ = 1\n",
                "warnings.warn(text, stacklevel=2)\n",
                "z = 2j\n",
                "x: Literal[1] = y\n",
                "label = f\"{1}\"\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Integer],
        find: change_number,
    },
    Rule {
        operator: Operator {
            id: "IDX",
            version: 1,
            family: Family::Constants,
            difficulty: Difficulty::Medium,
            description: "Take the neighbour of an element: `a[i]` → `a[i + 1]`, `a[0]` → `a[-1]`",
            examples: &[
                ("first = items[0]\n", "first = items[-1]\n"),
                ("first = items[0]\n", "first = items[1]\n"),
                ("last = items[-1]\n", "last = items[-2]\n"),
                (
                    "for i in range(3):\n    use(items[i])\n",
                    "for i in range(3):\n    use(items[i + 1])\n",
                ),
            ],
            untouched: &[
                "value = table[key]\n",
                "value = table[\"a\"]\n",
                "head = items[1:]\n",
                "cell = matrix[0, 1]\n",
                "def f(kwargs):\n    return kwargs[0]\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Subscript],
        find: shift_index,
    },
    Rule {
        operator: Operator {
            id: "SLB",
            version: 2,
            family: Family::Constants,
            difficulty: Difficulty::Medium,
            description: "Move a bound of a slice by one, or drop the last: `a[i:j]` → \
                          `a[i + 1:j]`, `a[i:j - 1]`, `a[i:]`",
            examples: &[
                ("rest = items[1:]\n", "rest = items[2:]\n"),
                ("head = items[:n]\n", "head = items[:n - 1]\n"),
                ("part = items[i:n:2]\n", "part = items[i::2]\n"),
            ],
            untouched: &["copy = items[:]\n", "back = items[::-1]\n", "rest = items[i + 1:]\n"],
            structural: false,
        },
        kinds: &[Kind::Slice],
        find: shift_slice,
    },
    Rule {
        operator: Operator {
            id: "RNG",
            version: 1,
            family: Family::Constants,
            difficulty: Difficulty::Medium,
            description: "Move a bound of a range by one: `range(n)` → `range(n - 1)`, \
                          `range(1, n)`",
            examples: &[
                ("for i in range(n):\n    f(i)\n", "for i in range(n - 1):\n    f(i)\n"),
                ("for i in range(n):\n    f(i)\n", "for i in range(1, n):\n    f(i)\n"),
                ("xs = range(a, len(b))\n", "xs = range(a + 1, len(b))\n"),
            ],
            untouched: &["xs = range(*bounds)\n", "xs = other(n)\n"],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: shift_range,
    },
    Rule {
        operator: Operator {
            id: "BLR",
            version: 1,
            family: Family::Constants,
            difficulty: Difficulty::Medium,
            description: "Exchange `True` and `False`",
            examples: &[("found = False\n", "found = True\n")],
            untouched: &["while True:\n    run()\n", "flag: Literal[True] = x\n"],
            structural: false,
        },
        kinds: &[Kind::True, Kind::False],
        find: flip_boolean,
    },
];

fn change_number<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let in_slice = |kind| matches!(kind, Kind::Subscript | Kind::Slice);
    let signed = walk.parent_kind() == Kind::UnaryOperator;
    if in_slice(walk.parent_kind()) || (signed && in_slice(walk.ancestor(1))) {
        return;
    }
    for by in [1, -1] {
        if let Some(changed) = changed_literal(walk.text(node), by) {
            walk.replace(node, changed);
        }
    }
}

/// The literal for a number that differs by `by`, in the same base. `None` for complex numbers
/// and numbers of more than 64 bits.
fn changed_literal(literal: &str, by: i64) -> Option<String> {
    let digits = literal.replace('_', "");
    let (base, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ => (10, &digits[..]),
    };
    let value = i64::from_str_radix(digits, base).ok()?.checked_add(by)?;
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    Some(match base {
        16 => format!("{sign}0x{magnitude:x}"),
        8 => format!("{sign}0o{magnitude:o}"),
        2 => format!("{sign}0b{magnitude:b}"),
        _ => value.to_string(),
    })
}

/// The source of the expression plus or minus one.
pub(in crate::python) fn shifted<'t>(walk: &Walk<'t, '_>, node: Node<'t>, by: i64) -> String {
    let text = walk.text(node);
    let sign = if by < 0 { '-' } else { '+' };
    match GRAMMAR.kind(node) {
        Kind::Integer => changed_literal(text, by),
        Kind::UnaryOperator => negative_literal(text, by),
        _ => None,
    }
    .unwrap_or_else(|| match GRAMMAR.kind(node) {
        Kind::Integer
        | Kind::UnaryOperator
        | Kind::Identifier
        | Kind::Attribute
        | Kind::Call
        | Kind::Subscript
        | Kind::ParenthesizedExpression => format!("{text} {sign} 1"),
        Kind::BinaryOperator if !text.contains(['&', '|', '^', '<', '>']) => {
            format!("{text} {sign} 1")
        }
        _ => format!("({text}) {sign} 1"),
    })
}

fn negative_literal(text: &str, by: i64) -> Option<String> {
    let value: i64 = text.strip_prefix('-')?.parse().ok()?;
    Some((by - value).to_string())
}

fn shift_index<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [object, index] = children(node)[..] else { return };
    if values::of(walk, object) == Value::Mapping || is_mapping(walk.text(object)) {
        return;
    }
    let shifts: &[i64] = match (GRAMMAR.kind(index), walk.text(index)) {
        (Kind::Integer, "0") => &[-1, 1],
        (Kind::Integer, _) | (Kind::UnaryOperator, _) => &[1, -1],
        (Kind::Identifier, name) if is_position(walk, index, name) => &[1, -1],
        (Kind::BinaryOperator, _) if is_variable_sum(walk, index) => &[1, -1],
        (Kind::Call, text) if text.starts_with("len(") => &[-1],
        _ => return,
    };
    for by in shifts {
        walk.replace(index, shifted(walk, index, *by));
    }
}

fn is_position<'t>(walk: &Walk<'t, '_>, node: Node<'t>, name: &str) -> bool {
    values::is_position(name)
        || (walk.scope().binding(name).is_some() && values::of(walk, node) == Value::Integer)
}

/// A sum of variables.
fn is_variable_sum<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let operator = walk.field(node, Field::Operator).map_or("", |token| walk.text(token));
    matches!(operator, "+" | "-") && values::of(walk, node) == Value::Integer && !has_literal(node)
}

/// Whether the node is an operation on a literal: CRP changes those by one already.
pub(in crate::python) fn has_literal(node: Node<'_>) -> bool {
    GRAMMAR.kind(node) == Kind::BinaryOperator
        && children(node).iter().any(|side| GRAMMAR.kind(*side) == Kind::Integer)
}

fn is_mapping(object: &str) -> bool {
    let name = object.rsplit('.').next().unwrap_or(object);
    matches!(name, "d" | "kwargs" | "cache" | "environ" | "mapping" | "memo" | "registry")
        || ["dict", "map", "_by_id", "cache"].iter().any(|suffix| name.ends_with(suffix))
}

fn shift_slice<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut cursor = node.walk();
    let mut colons = 0;
    let mut bounds = [None; 2];
    for child in node.children(&mut cursor) {
        if child.is_named() && !child.is_extra() && colons < 2 {
            bounds[colons] = Some(child);
        }
        colons += usize::from(!child.is_named());
    }
    drop(cursor);
    for (bound, by) in [(bounds[0], 1), (bounds[1], -1)] {
        if let Some(bound) = bound.filter(|bound| !has_literal(*bound)) {
            walk.replace(bound, shifted(walk, bound, by));
        }
    }
    if let Some(last) = bounds[1] {
        walk.propose(last, last.byte_range(), "");
    }
}

fn shift_range<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(function), Some(arguments)) =
        (walk.field(node, Field::Function), walk.field(node, Field::Arguments))
    else {
        return;
    };
    if walk.text(function) != "range" || GRAMMAR.kind(arguments) != Kind::ArgumentList {
        return;
    }
    let plain = |argument: &Node<'t>| {
        !matches!(GRAMMAR.kind(*argument), Kind::ListSplat | Kind::KeywordArgument | Kind::Other)
    };
    let arguments = children(arguments);
    let (start, stop) = match arguments[..] {
        [stop] if plain(&stop) => (None, stop),
        [start, stop, ..] if plain(&start) && plain(&stop) => (Some(start), stop),
        _ => return,
    };
    match start {
        None => walk.replace(stop, format!("1, {}", walk.text(stop))),
        Some(start) if !has_literal(start) => walk.replace(start, shifted(walk, start, 1)),
        Some(_) => {}
    }
    if !has_literal(stop) {
        walk.replace(stop, shifted(walk, stop, -1));
    }
}

fn flip_boolean<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.parent_kind() == Kind::WhileStatement {
        return;
    }
    let flipped = if walk.text(node) == "True" { "False" } else { "True" };
    walk.replace(node, flipped);
}
