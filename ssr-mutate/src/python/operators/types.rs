//! Types and conversions.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::calls;
use crate::python::expressions::{in_place_of, is_literal, only_argument};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::{ScopeKind, Value};
use crate::python::walk::Walk;
use crate::python::{statements, values};
use crate::{Difficulty, Family, Operator};

/// Objects that are never falsy, so that `not x` is the same as `x is None`.
const SOLID: &[&str] = &[
    "m", "match", "node", "parent", "func", "function", "callback", "cls", "klass", "type",
    "module", "model", "field", "loop", "lock", "task", "thread", "logger", "frame", "exc",
    "error", "spec",
];

/// Functions to which a list is as good as a tuple.
const TAKES_BOTH: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "frozenset",
    "iter",
    "join",
    "len",
    "list",
    "map",
    "max",
    "min",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
    "extend",
    "update",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "TCD",
            version: 1,
            family: Family::Types,
            difficulty: Difficulty::Medium,
            description: "Drop a conversion: `int(x)` → `x`",
            examples: &[
                ("n = int(text)\n", "n = text\n"),
                ("n = len(set(a + b))\n", "n = len(a + b)\n"),
                ("s = str(a or b).split()\n", "s = (a or b).split()\n"),
            ],
            untouched: &[
                "n = int(len(x))\n",
                "n = int(\"3\")\n",
                "n = int(x, 16)\n",
                "n = int(*x)\n",
                "s = tuple(x for x in y)\n",
                "s = \"%s\" % str(x)\n",
                "s = \"%s %s\" % (x, str(y))\n",
                "s = text.format(str(x))\n",
                "if bool(x):\n    f()\n",
                "for x in tuple(y):\n    f(x)\n",
                "int(x)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: drop_conversion,
    },
    Rule {
        operator: Operator {
            id: "TCS",
            version: 1,
            family: Family::Types,
            difficulty: Difficulty::Hard,
            description: "Exchange a conversion: `int` ↔ `float`, `str` ↔ `repr`, `list` ↔ `tuple`, \
                          `/` → `//`",
            examples: &[
                ("n = int(text)\n", "n = float(text)\n"),
                ("s = repr(x)\n", "s = str(x)\n"),
                ("d[tuple(key)] = 1\n", "d[list(key)] = 1\n"),
                ("half = n / 2\n", "half = n // 2\n"),
            ],
            untouched: &[
                "n = int(x, 16)\n",
                "s = str(len(x))\n",
                "s = repr(3)\n",
                "for x in list(y):\n    f(x)\n",
                "n = len(list(y))\n",
                "x = list(y) + z\n",
                "x = list(y).pop()\n",
                "def f(x):\n    y = list(x)\n    y.append(1)\n    return y\n",
                "p = root / name\n",
                "p = base_dir / \"a\"\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call, Kind::BinaryOperator],
        find: exchange_conversion,
    },
    Rule {
        operator: Operator {
            id: "ISN",
            version: 1,
            family: Family::Types,
            difficulty: Difficulty::Hard,
            description: "Drop one of the types that `isinstance` or `issubclass` asks for",
            examples: &[
                ("ok = isinstance(x, (int, float))\n", "ok = isinstance(x, int)\n"),
                ("ok = isinstance(x, (A, B, C))\n", "ok = isinstance(x, (A, C))\n"),
                ("ok = issubclass(x, (A, *others))\n", "ok = issubclass(x, (*others,))\n"),
            ],
            untouched: &[
                "ok = isinstance(x, int)\n",
                "ok = isinstance(x, types + (int,))\n",
                "ok = f(x, (A, B))\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: narrow_types,
    },
    Rule {
        operator: Operator {
            id: "TVF",
            version: 1,
            family: Family::Types,
            difficulty: Difficulty::Hard,
            description: "Take what is empty or zero for what is missing: `x is None` → `not x`, \
                          `x is not None` → `x`",
            examples: &[
                ("ok = limit is None\n", "ok = not limit\n"),
                ("if a.items is not None and b:\n    f()\n", "if a.items and b:\n    f()\n"),
                ("x = a if(value)is None else b\n", "x = a if not (value) else b\n"),
            ],
            untouched: &[
                "ok = match is None\n",
                "ok = re.match(a, b) is None\n",
                "ok = a is None is b\n",
                "ok = a is b\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ComparisonOperator],
        find: confuse_empty,
    },
    Rule {
        operator: Operator {
            id: "NCK",
            version: 1,
            family: Family::Types,
            difficulty: Difficulty::Medium,
            description: "Trust that a value is there: drop a check for `None`, or keep only the \
                          branch for when it is there. What IFD, GRD, CDL or TER make too is theirs \
                          where they are enabled",
            examples: &[
                (
                    "def f(x):\n    if x is None:\n        y = 1\n    else:\n        # Known.\n        y = \
                     x\n    return y\n",
                    "def f(x):\n    # Known.\n    y = x\n    return y\n",
                ),
                ("if x is not None:\n    y = x\nelse:\n    y = 1\n    z = 2\n", "y = x\n"),
            ],
            untouched: &[
                "if x:\n    y = x\nelse:\n    y = 1\n",
                "if x is None:\n    y = x\nelif z:\n    y = 1\nelse:\n    y = 2\n",
            ],
            structural: true,
        },
        kinds: &[Kind::IfStatement, Kind::BooleanOperator, Kind::ConditionalExpression],
        find: drop_null_check,
    },
];

/// The name of the plain function that is called, unless a local variable has its name.
fn plain_callee<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<Node<'t>> {
    let function = walk.field(call, Field::Function)?;
    let plain = GRAMMAR.kind(function) == Kind::Identifier;
    let local = || {
        walk.scope().kind == ScopeKind::Function
            && walk.scope().binding(walk.text(function)).is_some()
    };
    (plain && !local()).then_some(function)
}

fn drop_conversion<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(function) = plain_callee(walk, node) else { return };
    let Some(argument) = only_argument(walk, node).filter(|value| !is_literal(*value)) else {
        return;
    };
    let (parent, kind) = (walk.parent_kind(), GRAMMAR.kind(argument));
    let value = values::of(walk, argument);
    let iterated = matches!(parent, Kind::ForStatement | Kind::ForInClause);
    let tested = matches!(
        parent,
        Kind::IfStatement
            | Kind::ElifClause
            | Kind::WhileStatement
            | Kind::NotOperator
            | Kind::BooleanOperator
            | Kind::ConditionalExpression
    );
    let same = match walk.text(function) {
        "int" => value == Value::Integer,
        "float" => value == Value::Float,
        "str" => value == Value::Text || is_formatted(walk),
        "bytes" => value == Value::Text,
        "bool" => value == Value::Bool || tested,
        "tuple" => kind == Kind::Tuple || iterated,
        "set" | "frozenset" => matches!(kind, Kind::Set | Kind::SetComprehension),
        "complex" => false,
        _ => return,
    };
    if !same && parent != Kind::ExpressionStatement {
        walk.replace(node, in_place_of(walk, node, argument));
    }
}

/// Whether the value being entered is converted to text by its context.
fn is_formatted(walk: &Walk<'_, '_>) -> bool {
    let percent = |depth| {
        walk.ancestor_node(depth).is_some_and(|(node, kind)| {
            let operator = walk.field(node, Field::Operator).map_or("", |sign| walk.text(sign));
            kind == Kind::BinaryOperator && operator == "%"
        })
    };
    match walk.parent_kind() {
        Kind::BinaryOperator => percent(0),
        Kind::Tuple => percent(1),
        Kind::ArgumentList => walk.ancestor_node(1).is_some_and(|(call, kind)| {
            kind == Kind::Call && matches!(calls::name(walk, call), Some("format" | "print"))
        }),
        _ => false,
    }
}

fn exchange_conversion<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if GRAMMAR.kind(node) == Kind::BinaryOperator {
        return divide_whole(walk, node);
    }
    let Some(function) = plain_callee(walk, node) else { return };
    let Some(argument) = only_argument(walk, node) else { return };
    let value = values::of(walk, argument);
    let number = matches!(value, Value::Integer | Value::Float | Value::Bool);
    let exchanged = match walk.text(function) {
        "int" => "float",
        "float" if value != Value::Integer => "int",
        "str" if !number => "repr",
        "repr" if !number => "str",
        "list" if !takes_both(walk, node) => "tuple",
        "tuple" if !takes_both(walk, node) => "list",
        _ => return,
    };
    if walk.parent_kind() != Kind::ExpressionStatement {
        walk.replace(function, exchanged);
    }
}

fn divide_whole<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    const PLACES: &[&str] = &["path", "dir", "root", "parent", "folder", "base", "home", "cwd"];
    let part = |field| walk.field(node, field);
    let (Some(left), Some(operator), Some(right)) =
        (part(Field::Left), part(Field::Operator), part(Field::Right))
    else {
        return;
    };
    let text = walk.text(left).trim_end_matches("()").to_ascii_lowercase();
    let path = PLACES.iter().any(|place| text.ends_with(place));
    let joined = [left, right].iter().any(|side| values::of(walk, *side) == Value::Text);
    if walk.text(operator) == "/" && !path && !joined {
        walk.replace(operator, "//");
    }
}

/// Whether the context of the call accepts a list and a tuple alike, or raises an error at once.
fn takes_both<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    let Some((parent, kind)) = walk.ancestor_node(0) else { return true };
    match kind {
        Kind::ForStatement
        | Kind::ForInClause
        | Kind::Attribute
        | Kind::BinaryOperator
        | Kind::AugmentedAssignment
        | Kind::ListSplat
        | Kind::ComparisonOperator => true,
        Kind::Subscript => parent.start_byte() == node.start_byte(),
        Kind::ArgumentList => walk.ancestor_node(1).is_some_and(|(call, _)| {
            calls::name(walk, call).is_none_or(|name| TAKES_BOTH.contains(&name))
        }),
        Kind::Assignment => walk.field(parent, Field::Left).is_none_or(|left| {
            GRAMMAR.kind(left) != Kind::Identifier
                || walk.survey().is_changed(walk.text(left), walk.scope().range.clone())
        }),
        _ => false,
    }
}

fn narrow_types<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let asks = plain_callee(walk, node)
        .is_some_and(|name| matches!(walk.text(name), "isinstance" | "issubclass"));
    let types = calls::positional(walk, node).filter(|arguments| arguments.len() == 2);
    let Some(types) = types.and_then(|arguments| arguments.last().copied()) else { return };
    if !asks {
        return;
    }
    let all = match GRAMMAR.kind(types) {
        Kind::Tuple => children(types),
        _ => return,
    };
    let mut dropped = vec![0, all.len() / 2, all.len().wrapping_sub(1)];
    dropped.dedup();
    for index in dropped.into_iter().filter(|_| all.len() > 1) {
        let rest = all.iter().enumerate().filter(|(at, _)| *at != index);
        let rest: Vec<_> = rest.map(|(_, node)| walk.text(*node)).collect();
        let narrow = match rest[..] {
            [only] if !only.starts_with('*') => only.to_owned(),
            [only] => format!("({only},)"),
            _ => format!("({})", rest.join(", ")),
        };
        walk.replace(types, narrow);
    }
}

/// The operand of a comparison with `None`, and whether it is `is not None`.
fn null_check<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<(Node<'t>, bool)> {
    let node = match GRAMMAR.kind(node) {
        Kind::ParenthesizedExpression => node.named_child(0)?,
        _ => node,
    };
    if GRAMMAR.kind(node) != Kind::ComparisonOperator {
        return None;
    }
    let [operand, none] = children(node)[..] else { return None };
    let between = &walk.text[operand.end_byte()..none.start_byte()];
    let words: Vec<_> = between.split_whitespace().collect();
    let there = match words[..] {
        ["is"] | ["=="] => false,
        ["is", "not"] | ["!="] => true,
        _ => return None,
    };
    (GRAMMAR.kind(none) == Kind::None && !is_literal(operand)).then_some((operand, there))
}

fn confuse_empty<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((operand, there)) = null_check(walk, node) else { return };
    let text = walk.text(operand);
    let name = text.rsplit('.').next().unwrap_or(text);
    let searched = GRAMMAR.kind(operand) == Kind::Call
        && matches!(calls::name(walk, operand), Some("match" | "search" | "fullmatch"));
    let solid = searched
        || SOLID.iter().any(|solid| name == *solid || name.ends_with(&format!("_{solid}")))
        || values::of(walk, operand) == Value::Function;
    if !solid && !walk.text(node).contains('#') {
        walk.replace(node, if there { text.to_owned() } else { format!("not {text}") });
    }
}

fn drop_null_check<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    match GRAMMAR.kind(node) {
        Kind::IfStatement => keep_branch(walk, node),
        Kind::BooleanOperator => {
            let part = |field| walk.field(node, field);
            let (Some(left), Some(operator), Some(right)) =
                (part(Field::Left), part(Field::Operator), part(Field::Right))
            else {
                return;
            };
            // `x is not None and …`, `x is None or …`.
            let there = walk.text(operator) == "and";
            for (check, rest) in [(left, right), (right, left)] {
                if null_check(walk, check).is_some_and(|(_, asks)| asks == there)
                    && !walk.text(node).contains('#')
                {
                    walk.replace(node, walk.text(rest).to_owned());
                }
            }
        }
        _ => {
            let [yes, condition, no] = children(node)[..] else { return };
            let Some((_, there)) = null_check(walk, condition) else { return };
            let kept = if there { yes } else { no };
            if !walk.text(node).contains('#') {
                let text = walk.text(kept);
                walk.replace(
                    node,
                    match GRAMMAR.kind(kept) {
                        Kind::ConditionalExpression | Kind::Lambda => format!("({text})"),
                        _ => text.to_owned(),
                    },
                );
            }
        }
    }
}

fn keep_branch<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let condition = walk.field(node, Field::Condition);
    let Some((_, there)) = condition.and_then(|condition| null_check(walk, condition)) else {
        return;
    };
    let Some(body) = walk.field(node, Field::Consequence) else { return };
    let clauses = children(node)
        .into_iter()
        .filter(|child| matches!(GRAMMAR.kind(*child), Kind::ElifClause | Kind::ElseClause));
    let kept = match clauses.collect::<Vec<_>>()[..] {
        [] if there => body,
        [] => {
            let (range, replacement) = statements::deletion(walk, node);
            return walk.propose(node, range, replacement);
        }
        [clause] if GRAMMAR.kind(clause) == Kind::ElseClause => match there {
            true => body,
            false => match walk.field(clause, Field::Body) {
                Some(other) => other,
                None => return,
            },
        },
        _ => return,
    };
    if let Some((range, replacement)) = statements::unwrapping(walk, node, &[kept]) {
        walk.propose(node, range, replacement);
    }
}
