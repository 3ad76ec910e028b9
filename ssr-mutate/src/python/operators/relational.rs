//! Comparisons, conditions and boolean operators.

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
            id: "RBR",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Hard,
            description: "Move a boundary of whole numbers: `<` ↔ `<=`, `>` ↔ `>=`",
            examples: &[
                (
                    "while len(queue) < 3:\n    fill(queue)\n",
                    "while len(queue) <= 3:\n    fill(queue)\n",
                ),
                ("ok = 0 <= i and seen\n", "ok = 0 < i and seen\n"),
                ("ok = items.count(x) > 1\n", "ok = items.count(x) >= 1\n"),
            ],
            untouched: &["ok = price < 0.5\n", "ok = name < other\n", "ok = i == 3\n"],
            structural: false,
        },
        kinds: &[Kind::ComparisonOperator],
        find: move_boundary,
    },
    Rule {
        operator: Operator {
            id: "ROR",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Easy,
            description: "Negate a comparison: `<` ↔ `>=`, `>` ↔ `<=`, `==` ↔ `!=`",
            examples: &[
                ("ok = a == b\n", "ok = a != b\n"),
                ("if a < b < c:\n    swap()\n", "if a < b >= c:\n    swap()\n"),
            ],
            untouched: &[
                "ok = a in b\n",
                "if __name__ == \"__main__\":\n    main()\n",
                "if sys.version_info >= (3, 8):\n    new()\n",
                "assert ok, a == b\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ComparisonOperator],
        find: negate_comparison,
    },
    Rule {
        operator: Operator {
            id: "MNR",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Easy,
            description: "Negate a membership or identity: `in` ↔ `not in`, `is` ↔ `is not`",
            examples: &[
                ("ok = a in b\n", "ok = a not in b\n"),
                ("ok = a is not None\n", "ok = a is None\n"),
            ],
            untouched: &["for a in b:\n    use(a)\n", "ok = a == b\n"],
            structural: false,
        },
        kinds: &[Kind::ComparisonOperator],
        find: negate_membership,
    },
    Rule {
        operator: Operator {
            id: "IEQ",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Hard,
            description: "Confuse equality and identity: `==` ↔ `is`, `!=` ↔ `is not`. Often \
                          equivalent, so that no profile but `all` has it",
            examples: &[
                ("ok = a == b.c\n", "ok = a is b.c\n"),
                ("ok = a!=b\n", "ok = a is not b\n"),
                ("ok = a is  not b or c\n", "ok = a != b or c\n"),
            ],
            untouched: &[
                "ok = a is None\n",
                "ok = a is not Color.RED\n",
                "ok = a == 1\n",
                "ok = (-1) == a\n",
                "ok = \"a\" != a\n",
                "ok = a == (b, c)\n",
                "ok = a is MISSING\n",
                "ok = type(a) is type(b)\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ComparisonOperator],
        find: confuse_identity,
    },
    Rule {
        operator: Operator {
            id: "LCR",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Medium,
            description: "Exchange a boolean operator: `and` ↔ `or`",
            examples: &[
                ("ok = a and b\n", "ok = a or b\n"),
                ("x = x or default()\n", "x = x and default()\n"),
            ],
            untouched: &["ok = a or a\n", "ok = a & b\n", "logger.debug(a or b)\n"],
            structural: false,
        },
        kinds: &[Kind::BooleanOperator],
        find: exchange_connective,
    },
    Rule {
        operator: Operator {
            id: "CDL",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Hard,
            description: "Drop one clause of a condition: `a and b` → `a`, or `b`",
            examples: &[
                ("if a and b(c):\n    run()\n", "if a:\n    run()\n"),
                ("ok = a or not b\n", "ok = not b\n"),
            ],
            untouched: &["ok = a or a\n"],
            structural: false,
        },
        kinds: &[Kind::BooleanOperator],
        find: drop_clause,
    },
    Rule {
        operator: Operator {
            id: "NOD",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Easy,
            description: "Drop a negation: `not a` → `a`",
            examples: &[("if not items:\n    stop()\n", "if items:\n    stop()\n")],
            untouched: &["ok = a not in b\n"],
            structural: false,
        },
        kinds: &[Kind::NotOperator],
        find: drop_negation,
    },
    Rule {
        operator: Operator {
            id: "CNI",
            version: 1,
            family: Family::Relational,
            difficulty: Difficulty::Easy,
            description: "Negate the condition of an `if`, `elif` or `while`. Conditions that ROR, \
                          MNR or NOD already negate are left to them",
            examples: &[
                ("if a and b:\n    run()\n", "if not (a and b):\n    run()\n"),
                ("while queue.ready():\n    run()\n", "while not queue.ready():\n    run()\n"),
                (
                    "if a:\n    b()\nelif (c\n      or d):\n    e()\n",
                    "if a:\n    b()\nelif not (c\n      or d):\n    e()\n",
                ),
            ],
            untouched: &[
                "if a == b:\n    run()\n",
                "if not a:\n    run()\n",
                "while True:\n    run()\n",
                "if TYPE_CHECKING:\n    run()\n",
            ],
            structural: false,
        },
        kinds: &[Kind::IfStatement, Kind::ElifClause, Kind::WhileStatement],
        find: negate_condition,
    },
];

/// The operator tokens of a comparison, each with the operands on its two sides.
fn comparisons<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Vec<(Node<'t>, [Node<'t>; 2])> {
    let mut cursor = node.walk();
    let tokens: Vec<_> = node
        .children(&mut cursor)
        .filter(|child| !child.is_named() && !walk.text(*child).is_empty())
        .collect();
    let operands = children(node);
    if operands.len() != tokens.len() + 1 {
        return Vec::new();
    }
    tokens.into_iter().zip(operands.windows(2).map(|pair| [pair[0], pair[1]])).collect()
}

fn move_boundary<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (token, operands) in comparisons(walk, node) {
        let moved = match walk.text(token) {
            "<" => "<=",
            "<=" => "<",
            ">" => ">=",
            ">=" => ">",
            _ => continue,
        };
        let sides = operands.map(|operand| values::of(walk, operand));
        let whole = sides.contains(&Value::Integer);
        if whole && sides.iter().all(|side| matches!(side, Value::Integer | Value::Unknown)) {
            walk.replace(token, moved);
        }
    }
}

fn negate_comparison<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (token, _) in comparisons(walk, node) {
        let negated = match walk.text(token) {
            "<" => ">=",
            ">=" => "<",
            ">" => "<=",
            "<=" => ">",
            "==" => "!=",
            "!=" => "==",
            _ => continue,
        };
        walk.replace(token, negated);
    }
}

fn negate_membership<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (token, _) in comparisons(walk, node) {
        let mut words = walk.text(token).split_whitespace();
        let negated = match (words.next(), words.next()) {
            (Some("in"), None) => "not in",
            (Some("not"), Some("in")) => "in",
            (Some("is"), None) => "is not",
            (Some("is"), Some("not")) => "is",
            _ => continue,
        };
        walk.replace(token, negated);
    }
}

fn confuse_identity<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    for (token, operands) in comparisons(walk, node) {
        let mut words = walk.text(token).split_whitespace();
        let confused = match (words.next(), words.next()) {
            (Some("=="), None) => "is",
            (Some("!="), None) => "is not",
            (Some("is"), None) => "==",
            (Some("is"), Some("not")) => "!=",
            _ => continue,
        };
        if operands.iter().all(|operand| is_no_singleton(walk, *operand)) {
            // `a==b` has no blanks around the operator.
            let word = confused.starts_with('i');
            let blank = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_whitespace());
            let text = walk.text.as_bytes();
            let before = word && !blank(token.start_byte().checked_sub(1).map(|at| text[at]));
            let after = word && !blank(text.get(token.end_byte()).copied());
            let pad = |wanted| if wanted { " " } else { "" };
            walk.replace(token, format!("{}{confused}{}", pad(before), pad(after)));
        }
    }
}

/// Whether the operand may be equal to another object without being identical to it: names and
/// computed values, except classes, constants and members of enumerations.
fn is_no_singleton<'t>(walk: &Walk<'t, '_>, operand: Node<'t>) -> bool {
    let text = walk.text(operand);
    let last = text.rsplit('.').next().unwrap_or(text);
    let variable = last.starts_with(|c: char| c.is_lowercase() || c == '_');
    match GRAMMAR.kind(operand) {
        Kind::Identifier | Kind::Attribute => variable,
        Kind::Call => !text.starts_with("type("),
        Kind::Subscript => true,
        _ => false,
    }
}

/// The operands and the operator of a boolean operation with two different operands.
fn clauses<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<[Node<'t>; 3]> {
    let left = walk.field(node, Field::Left)?;
    let operator = walk.field(node, Field::Operator)?;
    let right = walk.field(node, Field::Right)?;
    (walk.text(left) != walk.text(right)).then_some([left, operator, right])
}

fn exchange_connective<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([_, operator, _]) = clauses(walk, node) else { return };
    let exchanged = if walk.text(operator) == "and" { "or" } else { "and" };
    walk.replace(operator, exchanged);
}

fn drop_clause<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, _, right]) = clauses(walk, node) else { return };
    // A comment between the clauses would comment out the code that is moved onto its line.
    if walk.text[left.end_byte()..right.start_byte()].contains('#') {
        return;
    }
    walk.replace(node, walk.text(left).to_owned());
    walk.replace(node, walk.text(right).to_owned());
}

fn drop_negation<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if let [argument] = children(node)[..] {
        walk.replace(node, walk.text(argument).to_owned());
    }
}

fn negate_condition<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(condition) = walk.field(node, Field::Condition) else { return };
    let text = walk.text(condition);
    match GRAMMAR.kind(condition) {
        Kind::NotOperator | Kind::True | Kind::False | Kind::Integer | Kind::None => {}
        Kind::ComparisonOperator if comparisons(walk, condition).len() == 1 => {}
        Kind::Identifier
        | Kind::Attribute
        | Kind::Call
        | Kind::Subscript
        | Kind::ParenthesizedExpression => {
            walk.replace(condition, format!("not {text}"));
        }
        _ => walk.replace(condition, format!("not ({text})")),
    }
}
