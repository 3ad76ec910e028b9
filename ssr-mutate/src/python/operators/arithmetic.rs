//! Arithmetic operators and their operands.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::scope::Value;
use crate::python::values;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "AOR",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Easy,
            description: "Exchange an arithmetic operator: `+` ↔ `-`, `*` → `+`, `/` → `*`, \
                          `//` → `/`, `%` → `//`, `**` → `*`",
            examples: &[
                ("mid = low + size\n", "mid = low - size\n"),
                ("mid = n // 2\n", "mid = n / 2\n"),
            ],
            untouched: &[
                "line = \"%s\" % name\n",
                "line = name + \"\\n\"\n",
                "items = items + [x]\n",
                "def f(a: int + b): pass\n",
            ],
            structural: false,
        },
        kinds: &[Kind::BinaryOperator],
        find: exchange_operator,
    },
    Rule {
        operator: Operator {
            id: "AOD",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Easy,
            description: "Drop one operand: `a + b` → `a`, or `b`",
            examples: &[
                ("mid = low + size // 2\n", "mid = low\n"),
                ("mid = low + size // 2\n", "mid = size // 2\n"),
                ("x = f(a  # a\n      - b)\n", "x = f(b)\n"),
                ("return(a)*b\n", "return b\n"),
                ("x = items + [y]\n", "x = items\n"),
                ("x = a - -b ** c\n", "x = -b ** c\n"),
            ],
            untouched: &[
                "x = a + 0\n",
                "x = 1 * a\n",
                "x = a ** 1\n",
                "line = name + \"\\n\"\n",
                "line = \"%s\" % name\n",
                "x: int | None = y\n",
            ],
            structural: false,
        },
        kinds: &[Kind::BinaryOperator],
        find: drop_operand,
    },
    Rule {
        operator: Operator {
            id: "OSW",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Medium,
            description: "Swap the operands of an operator that does not commute: \
                          `a - b` → `b - a`",
            examples: &[
                ("width = right - left\n", "width = left - right\n"),
                ("x = a / (b + c)\n", "x = (b + c) / a\n"),
                ("x = a - b * c\n", "x = (b * c) - a\n"),
            ],
            untouched: &["x = a + b\n", "x = a - a\n", "line = \"%s\" % name\n"],
            structural: false,
        },
        kinds: &[Kind::BinaryOperator],
        find: swap_operands,
    },
    Rule {
        operator: Operator {
            id: "BWR",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Medium,
            description: "Exchange a bitwise operator: `&` ↔ `|`, `^` → `&`, `<<` ↔ `>>`",
            examples: &[
                ("both = flags & mask\n", "both = flags | mask\n"),
                ("half = n >> 1\n", "half = n << 1\n"),
            ],
            untouched: &["x: int | None = 1\n"],
            structural: false,
        },
        kinds: &[Kind::BinaryOperator],
        find: exchange_bitwise,
    },
    Rule {
        operator: Operator {
            id: "UOD",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Easy,
            description: "Drop a sign or an inversion: `-x` → `x`, `~x` → `x`",
            examples: &[("y = -x\n", "y = x\n"), ("last = a[-1]\n", "last = a[1]\n")],
            untouched: &["y = +x\n", "y = -0\n"],
            structural: false,
        },
        kinds: &[Kind::UnaryOperator],
        find: drop_sign,
    },
    Rule {
        operator: Operator {
            id: "ASR",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Easy,
            description: "Exchange an updating operator: `+=` ↔ `-=`, `*=` → `+=`, `|=` ↔ `&=`, …",
            examples: &[("n += 1\n", "n -= 1\n"), ("flags |= bit\n", "flags &= bit\n")],
            untouched: &["text += \"\\n\"\n", "items += [x]\n"],
            structural: false,
        },
        kinds: &[Kind::AugmentedAssignment],
        find: exchange_update,
    },
    Rule {
        operator: Operator {
            id: "AUA",
            version: 1,
            family: Family::Arithmetic,
            difficulty: Difficulty::Medium,
            description: "Overwrite instead of updating, in a loop: `+=` → `=`",
            examples: &[("for x in xs:\n    total += x\n", "for x in xs:\n    total = x\n")],
            untouched: &["total += x\n"],
            structural: false,
        },
        kinds: &[Kind::AugmentedAssignment],
        find: overwrite,
    },
];

/// The left operand, the operator and the right operand, unless one is text or a display: there
/// the operators concatenate and format.
fn operation<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<[Node<'t>; 3]> {
    let left = walk.field(node, Field::Left)?;
    let operator = walk.field(node, Field::Operator)?;
    let right = walk.field(node, Field::Right)?;
    let joins =
        |side| matches!(values::of(walk, side), Value::Text | Value::Sequence | Value::Mapping);
    (!joins(left) && !joins(right)).then_some([left, operator, right])
}

fn exchange_operator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([_, operator, _]) = operation(walk, node) else { return };
    let exchanged = match walk.text(operator) {
        "+" => "-",
        "-" => "+",
        "*" => "+",
        "/" => "*",
        "//" => "/",
        "%" => "//",
        "**" => "*",
        _ => return,
    };
    walk.replace(operator, exchanged);
}

fn drop_operand<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(left), Some(operator), Some(right)) = (
        walk.field(node, Field::Left),
        walk.field(node, Field::Operator),
        walk.field(node, Field::Right),
    ) else {
        return;
    };
    let text = [left, right].iter().any(|side| values::of(walk, *side) == Value::Text);
    let operator = walk.text(operator);
    // Only a sum of displays has operands of the same kind.
    if text || (operator != "+" && operation(walk, node).is_none()) {
        return;
    }
    let (left, right) = (walk.text(left), walk.text(right));
    let neutral = |operand| match operator {
        "+" | "-" | "|" | "^" | "<<" | ">>" => matches!(operand, "0" | "[]" | "()"),
        "*" | "/" | "//" | "**" => operand == "1",
        _ => false,
    };
    if !neutral(left) && !neutral(right) {
        walk.replace(node, left.to_owned());
        walk.replace(node, right.to_owned());
    }
}

fn swap_operands<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, operator, right]) = operation(walk, node) else { return };
    let operator = match walk.text(operator) {
        sign @ ("-" | "/" | "//" | "%" | "**" | "<<" | ">>") => sign,
        _ => return,
    };
    let between = &walk.text[left.end_byte()..right.start_byte()];
    if walk.text(left) == walk.text(right) || between.contains('#') {
        return;
    }
    let operand = |side| match GRAMMAR.kind(side) {
        Kind::BinaryOperator | Kind::UnaryOperator | Kind::Await => {
            format!("({})", walk.text(side))
        }
        _ => walk.text(side).to_owned(),
    };
    walk.replace(node, format!("{} {operator} {}", operand(right), operand(left)));
}

fn exchange_bitwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([_, operator, _]) = operation(walk, node) else { return };
    let exchanged = match walk.text(operator) {
        "&" => "|",
        "|" => "&",
        "^" => "&",
        "<<" => ">>",
        ">>" => "<<",
        _ => return,
    };
    walk.replace(operator, exchanged);
}

fn drop_sign<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [argument] = children(node)[..] else { return };
    let text = walk.text(argument);
    if walk.text(node).starts_with(['-', '~']) && text != "0" {
        walk.replace(node, text.to_owned());
    }
}

fn exchange_update<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([_, operator, _]) = operation(walk, node) else { return };
    let exchanged = match walk.text(operator) {
        "+=" => "-=",
        "-=" => "+=",
        "*=" => "+=",
        "/=" => "*=",
        "//=" => "/=",
        "|=" => "&=",
        "&=" => "|=",
        "^=" => "&=",
        "<<=" => ">>=",
        ">>=" => "<<=",
        _ => return,
    };
    walk.replace(operator, exchanged);
}

fn overwrite<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    // Outside of a loop this differs from the original only if the target is not zero or empty.
    if walk.scope().loops.is_empty() {
        return;
    }
    if let Some(operator) = walk.field(node, Field::Operator) {
        walk.replace(operator, "=");
    }
}
