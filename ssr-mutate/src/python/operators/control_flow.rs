//! Branches, loops and returns.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::statements;
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "IFD",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Delete an `if` that has no `elif` or `else`",
            examples: &[
                (
                    "def f(x):\n    if x is None:\n        x = 1\n    return x\n",
                    "def f(x):\n    return x\n",
                ),
                ("def f(x):\n    if x:\n        g()\n", "def f(x):\n    pass\n"),
            ],
            untouched: &["if a:\n    b()\nelse:\n    c()\n", "if TYPE_CHECKING:\n    import a\n"],
            structural: true,
        },
        kinds: &[Kind::IfStatement],
        find: delete_if,
    },
    Rule {
        operator: Operator {
            id: "BCS",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Medium,
            description: "Exchange `break` and `continue`, except where the loop would never end",
            examples: &[(
                "for x in xs:\n    if x:\n        break\n",
                "for x in xs:\n    if x:\n        continue\n",
            )],
            untouched: &["while True:\n    if a():\n        break\n"],
            structural: false,
        },
        kinds: &[Kind::BreakStatement, Kind::ContinueStatement],
        find: exchange_jump,
    },
    Rule {
        operator: Operator {
            id: "RTV",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Return nothing, or an empty value of the same kind",
            examples: &[
                ("def f(x):\n    return x + 1\n", "def f(x):\n    return None\n"),
                ("def f(x):\n    return [x]\n", "def f(x):\n    return []\n"),
                ("def f(x):\n    return(x)\n", "def f(x):\n    return None\n"),
            ],
            untouched: &[
                "def f():\n    return None\n",
                "def f():\n    return\n",
                "def f():\n    return NotImplemented\n",
                "def f():\n    return False\n",
                "class A:\n    def __repr__(self):\n        return name\n",
            ],
            structural: false,
        },
        kinds: &[Kind::ReturnStatement],
        find: return_nothing,
    },
    Rule {
        operator: Operator {
            id: "TER",
            version: 1,
            family: Family::ControlFlow,
            difficulty: Difficulty::Easy,
            description: "Swap the values of a conditional expression, or always take one of them",
            examples: &[
                ("x = a if ready else b\n", "x = b if ready else a\n"),
                ("x = a if ready else b\n", "x = b\n"),
            ],
            untouched: &["x = a if ready else a\n"],
            structural: false,
        },
        kinds: &[Kind::ConditionalExpression],
        find: decide_otherwise,
    },
];

fn delete_if<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.field(node, Field::Alternative).is_none() {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

fn exchange_jump<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let mut ancestors = (0..).map_while(|depth| walk.ancestor_node(depth));
    let innermost =
        ancestors.find(|(_, kind)| matches!(kind, Kind::WhileStatement | Kind::ForStatement));
    let Some((parent, _)) = innermost else { return };
    if GRAMMAR.kind(node) == Kind::ContinueStatement {
        return walk.replace(node, "break");
    }
    let condition = walk.field(parent, Field::Condition);
    let endless = condition.is_some_and(|c| matches!(walk.text(c), "True" | "1"));
    if !endless {
        walk.replace(node, "continue");
    }
}

fn return_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = node.named_child(0) else { return };
    let (kind, text) = (GRAMMAR.kind(value), walk.text(value));
    // Without its only `yield`, a generator would become a function.
    if matches!(kind, Kind::None | Kind::Comment)
        || text == "NotImplemented"
        || text.contains("yield")
    {
        return;
    }
    // `False` and `None` are the same to nearly every caller.
    if kind != Kind::False {
        walk.replace(value, "None");
    }
    let empty = match kind {
        Kind::List | Kind::ListComprehension => "[]",
        Kind::Dictionary | Kind::DictionaryComprehension => "{}",
        Kind::Tuple | Kind::ExpressionList => "()",
        Kind::Set | Kind::SetComprehension => "set()",
        Kind::String | Kind::ConcatenatedString if text.starts_with(['"', '\'', 'f']) => "\"\"",
        _ => return,
    };
    if text != empty && text != "''" {
        walk.replace(value, empty);
    }
}

fn decide_otherwise<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [yes, condition, no] = children(node)[..] else { return };
    if walk.text(yes) == walk.text(no) || walk.text(node).contains('#') {
        return;
    }
    let operand = |value| match GRAMMAR.kind(value) {
        Kind::ConditionalExpression | Kind::Lambda => format!("({})", walk.text(value)),
        _ => walk.text(value).to_owned(),
    };
    let (yes, no) = (operand(yes), operand(no));
    walk.replace(node, format!("{no} if {} else {yes}", walk.text(condition)));
    walk.replace(node, yes);
    walk.replace(node, no);
}
