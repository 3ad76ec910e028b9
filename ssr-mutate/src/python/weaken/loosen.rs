//! The looser forms of an assertion, each as an edit of its expression.

use std::ops::Range;

use tree_sitter::Node;

use super::claim::{Claim, equal};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};

type Forms = Vec<(Range<usize>, String)>;

/// The looser forms, from the strongest to the weakest. Empty if there is no sensible one.
pub(super) fn forms(text: &str, statement: Node<'_>) -> Forms {
    let mut forms = match GRAMMAR.kind(statement) {
        Kind::AssertStatement => {
            statement.named_child(0).map_or_else(Vec::new, |node| condition(text, node))
        }
        Kind::ExpressionStatement => {
            statement.named_child(0).map_or_else(Vec::new, |node| call(text, node))
        }
        Kind::WithStatement => first_call(statement).map_or_else(Vec::new, |node| call(text, node)),
        _ => Vec::new(),
    };
    forms.retain(|(range, new)| text[range.clone()] != *new);
    forms
}

/// The looser forms of the condition of an `assert`.
fn condition(text: &str, node: Node<'_>) -> Forms {
    let of = |node: Node<'_>| &text[node.byte_range()];
    let whole = |claims: Vec<Claim>| -> Forms {
        claims.into_iter().map(|claim| (node.byte_range(), claim.condition())).collect()
    };
    match GRAMMAR.kind(node) {
        Kind::ParenthesizedExpression => match children(node)[..] {
            [inner] => condition(text, inner),
            _ => Vec::new(),
        },
        // Each of the two clauses alone.
        Kind::BooleanOperator => match children(node)[..] {
            [left, right] if operator(text, left, right) == "and" => {
                [left, right].map(|side| (node.byte_range(), of(side).to_owned())).into()
            }
            _ => Vec::new(),
        },
        Kind::ComparisonOperator => match children(node)[..] {
            [left, right] => {
                let mut forms = widened(text, node);
                forms.extend(whole(comparison(text, left, operator(text, left, right), right)));
                forms
            }
            _ => Vec::new(),
        },
        Kind::Call => {
            let name = GRAMMAR.field(node, Field::Function).map_or("", of);
            let arguments = GRAMMAR.field(node, Field::Arguments).map(children).unwrap_or_default();
            match (name, &arguments[..]) {
                ("all", [values]) => match GRAMMAR.kind(*values) {
                    // A generator may yield nothing, and `any` of nothing fails.
                    Kind::GeneratorExpression => Vec::new(),
                    _ => vec![(node.byte_range(), format!("any({})", of(*values)))],
                },
                ("isinstance", [value, _]) => whole(vec![Claim::not_none(of(*value))]),
                _ => whole(vec![Claim::not_none(of(node))]),
            }
        }
        Kind::Identifier | Kind::Attribute | Kind::Subscript => {
            whole(vec![Claim::not_none(of(node))])
        }
        _ => Vec::new(),
    }
}

/// The operator between two operands, with single blanks.
fn operator<'t>(text: &'t str, left: Node<'_>, right: Node<'_>) -> &'t str {
    text[left.end_byte()..right.start_byte()].trim()
}

fn comparison(text: &str, left: Node<'_>, operator: &str, right: Node<'_>) -> Vec<Claim> {
    let [l, r] = [left, right].map(|side| &text[side.byte_range()]);
    let literal =
        |node: Node<'_>| matches!(GRAMMAR.kind(node), Kind::List | Kind::Tuple | Kind::Set);
    match operator {
        "==" => equal(text, left, right),
        "!=" | "<=" | ">=" => vec![Claim::not_none(l)],
        "<" => vec![Claim::LessEqual(l.to_owned(), r.to_owned()), Claim::not_none(l)],
        ">" => vec![Claim::GreaterEqual(l.to_owned(), r.to_owned()), Claim::not_none(l)],
        "in" if literal(right) => vec![Claim::not_none(l)],
        "in" => vec![Claim::True(r.to_owned()), Claim::not_none(r)],
        "is" if matches!(GRAMMAR.kind(right), Kind::True | Kind::False) => {
            vec![Claim::instance(l, "bool")]
        }
        "is" if GRAMMAR.kind(right) != Kind::None => {
            vec![Claim::Equal(l.to_owned(), r.to_owned()), Claim::not_none(l)]
        }
        "is not" if GRAMMAR.kind(right) != Kind::None => vec![Claim::not_none(l)],
        _ => Vec::new(),
    }
}

/// The form in which `approx(x)` below the node has a wide tolerance.
fn widened(text: &str, node: Node<'_>) -> Forms {
    let approx = |side: &Node<'_>| {
        let name = match GRAMMAR.kind(*side) {
            Kind::Call => GRAMMAR.field(*side, Field::Function)?,
            _ => return None,
        };
        let name = &text[name.byte_range()];
        let arguments = children(GRAMMAR.field(*side, Field::Arguments)?);
        let value = &text[arguments.first()?.byte_range()];
        let wide = || (side.byte_range(), format!("{name}({value}, rel=0.5)"));
        (name.rsplit('.').next() == Some("approx")).then(wide)
    };
    children(node).iter().find_map(approx).into_iter().collect()
}

/// The looser forms of a call that asserts: unittest's methods and `raises`.
fn call(text: &str, node: Node<'_>) -> Forms {
    let fields = (GRAMMAR.field(node, Field::Function), GRAMMAR.field(node, Field::Arguments));
    let (Kind::Call, (Some(function), Some(arguments))) = (GRAMMAR.kind(node), fields) else {
        return Vec::new();
    };
    let function = &text[function.byte_range()];
    let (prefix, name) = match function.rsplit_once('.') {
        Some((object, name)) => (format!("{object}."), name),
        None => (String::new(), function),
    };
    let (keywords, values): (Vec<_>, Vec<_>) = children(arguments)
        .into_iter()
        .partition(|argument| GRAMMAR.kind(*argument) == Kind::KeywordArgument);
    let splat =
        |value: &Node<'_>| matches!(GRAMMAR.kind(*value), Kind::ListSplat | Kind::DictionarySplat);
    if values.iter().any(splat) {
        return Vec::new();
    }
    if matches!(name, "raises" | "warns") || name.contains("Raises") || name.contains("Warns") {
        return raising(text, node, &prefix, name, &values, &keywords);
    }
    // The name alone identifies only the methods of unittest.
    if prefix.is_empty() {
        return Vec::new();
    }
    let claims = method(text, name, &values);
    let rendered = claims.into_iter().map(|claim| (node.byte_range(), claim.method(&prefix)));
    let mut forms: Forms = rendered.collect();
    if let ("assertAlmostEqual", [a, b]) = (name, &values[..values.len().min(2)]) {
        let [a, b] = [a, b].map(|value| &text[value.byte_range()]);
        forms.insert(0, (node.byte_range(), format!("{prefix}{name}({a}, {b}, places=0)")));
    }
    forms
}

fn method(text: &str, name: &str, values: &[Node<'_>]) -> Vec<Claim> {
    let of = |node: Node<'_>| &text[node.byte_range()];
    match (name, values) {
        ("assertTrue" | "assertFalse", [a, ..]) => vec![Claim::not_none(of(*a))],
        (
            "assertEqual"
            | "assertEquals"
            | "assertListEqual"
            | "assertTupleEqual"
            | "assertDictEqual"
            | "assertSetEqual"
            | "assertSequenceEqual"
            | "assertMultiLineEqual",
            [a, b, ..],
        ) => equal(text, *a, *b),
        ("assertCountEqual", [a, b, ..]) => vec![
            Claim::Equal(format!("len({})", of(*a)), format!("len({})", of(*b))),
            Claim::not_none(of(*a)),
        ],
        ("assertAlmostEqual" | "assertNotEqual" | "assertIsInstance", [a, _, ..]) => {
            vec![Claim::not_none(of(*a))]
        }
        ("assertIn", [a, b, ..]) => comparison(text, *a, "in", *b),
        ("assertIs", [a, b, ..]) => comparison(text, *a, "is", *b),
        ("assertLess", [a, b, ..]) => comparison(text, *a, "<", *b),
        ("assertGreater", [a, b, ..]) => comparison(text, *a, ">", *b),
        ("assertLessEqual" | "assertGreaterEqual", [a, _, ..]) => vec![Claim::not_none(of(*a))],
        _ => Vec::new(),
    }
}

/// The forms without the pattern for the message, and with any exception.
fn raising(
    text: &str,
    node: Node<'_>,
    prefix: &str,
    name: &str,
    values: &[Node<'_>],
    keywords: &[Node<'_>],
) -> Forms {
    let of = |node: &Node<'_>| &text[node.byte_range()];
    let Some((exception, rest)) = values.split_first() else { return Vec::new() };
    let matches = |keyword: &&Node<'_>| of(keyword).starts_with("match");
    let any = if name.contains("arns") { "Warning" } else { "Exception" };
    // `assertRaisesRegex(E, "text", …)` says in its second argument what `match` says in pytest.
    let (loose, rest, matched) = match name.strip_suffix("Regex") {
        Some(loose) if !rest.is_empty() => (loose, &rest[1..], true),
        _ => (name, rest, keywords.iter().any(|keyword| matches(&keyword))),
    };
    let call = |exception: &str| {
        let kept = rest.iter().chain(keywords.iter().filter(|keyword| !matches(keyword)));
        let kept: String = kept.map(|argument| format!(", {}", of(argument))).collect();
        (node.byte_range(), format!("{prefix}{loose}({exception}{kept})"))
    };
    let mut forms = Vec::new();
    if matched {
        forms.push(call(of(exception)));
    }
    if of(exception) != any {
        forms.push(call(any));
    }
    forms
}

/// The first call in the head of a `with`.
fn first_call(statement: Node<'_>) -> Option<Node<'_>> {
    let mut node = statement.named_child(0)?;
    while GRAMMAR.kind(node) != Kind::Call {
        node = node.named_child(0)?;
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statements with all their looser forms, from the strongest to the weakest.
    const EXAMPLES: &[(&str, &[&str])] = &[
        (
            "assert f(x) == 3",
            &[
                "assert f(x) >= 3",
                "assert f(x) <= 3",
                "assert isinstance(f(x), int)",
                "assert f(x) is not None",
            ],
        ),
        (
            "assert 1.5 == f(x), m",
            &["assert f(x) >= 1.5, m", "assert f(x) <= 1.5, m", "assert f(x) is not None, m"],
        ),
        (
            "assert f(x) == -1",
            &["assert f(x) >= -1", "assert f(x) <= -1", "assert f(x) is not None"],
        ),
        (
            "assert f(x) == [1, a]",
            &["assert len(f(x)) == 2", "assert isinstance(f(x), list)", "assert f(x) is not None"],
        ),
        ("assert f(x) == (*a, 1)", &["assert isinstance(f(x), tuple)", "assert f(x) is not None"]),
        ("assert f(x) == {1: 2}", &["assert isinstance(f(x), dict)", "assert f(x) is not None"]),
        ("assert f(x) == 'a' 'b'", &["assert isinstance(f(x), str)", "assert f(x) is not None"]),
        ("assert f(x) == rb'a'", &["assert isinstance(f(x), bytes)", "assert f(x) is not None"]),
        ("assert f(x) == True", &["assert isinstance(f(x), bool)", "assert f(x) is not None"]),
        (
            "assert list(a) == list(b)",
            &["assert len(list(a)) == len(list(b))", "assert list(a) is not None"],
        ),
        ("assert (\n    f(x)\n    == y\n)", &["assert (\n    f(x) is not None\n)"]),
        (
            "assert x == pytest.approx(1, abs=1e-9)",
            &["assert x == pytest.approx(1, rel=0.5)", "assert x is not None"],
        ),
        ("assert a < b", &["assert a <= b", "assert a is not None"]),
        ("assert a > b", &["assert a >= b", "assert a is not None"]),
        ("assert a != b", &["assert a is not None"]),
        ("assert a in (1, 2)", &["assert a is not None"]),
        ("assert 'a' in f(x)", &["assert f(x)", "assert f(x) is not None"]),
        ("assert a is b", &["assert a == b", "assert a is not None"]),
        ("assert a is True", &["assert isinstance(a, bool)"]),
        ("assert a is None", &[]),
        ("assert a == None", &[]),
        ("assert a is not None", &[]),
        ("assert a not in b", &[]),
        ("assert not a", &[]),
        ("assert a == b == c", &[]),
        ("assert a == 1 and b", &["assert a == 1", "assert b"]),
        ("assert all([a, b])", &["assert any([a, b])"]),
        ("assert isinstance(a, T)", &["assert a is not None"]),
        ("assert a.b(c)", &["assert a.b(c) is not None"]),
        ("assert a, b", &["assert a is not None, b"]),
        (
            "self.assertEqual(f(x), [1])",
            &[
                "self.assertEqual(len(f(x)), 1)",
                "self.assertIsInstance(f(x), list)",
                "self.assertIsNotNone(f(x))",
            ],
        ),
        ("self.assertEqual(a, b, 'm')", &["self.assertIsNotNone(a)"]),
        ("self.assertListEqual(a, b)", &["self.assertIsNotNone(a)"]),
        (
            "self.assertCountEqual(a, b)",
            &["self.assertEqual(len(a), len(b))", "self.assertIsNotNone(a)"],
        ),
        ("self.assertTrue(a)", &["self.assertIsNotNone(a)"]),
        ("self.assertIn(a, b)", &["self.assertTrue(b)", "self.assertIsNotNone(b)"]),
        ("self.assertIs(a, b)", &["self.assertEqual(a, b)", "self.assertIsNotNone(a)"]),
        ("self.assertGreater(a, b)", &["self.assertGreaterEqual(a, b)", "self.assertIsNotNone(a)"]),
        (
            "self.assertAlmostEqual(a, b, delta=1)",
            &["self.assertAlmostEqual(a, b, places=0)", "self.assertIsNotNone(a)"],
        ),
        ("self.assertEqual(*a)", &[]),
        ("assert_equal(a, b)", &[]),
        ("self.fail()", &[]),
        (
            "with pytest.raises(E, match='e') as c:\n    f()",
            &[
                "with pytest.raises(E) as c:\n    f()",
                "with pytest.raises(Exception) as c:\n    f()",
            ],
        ),
        ("with raises(Exception):\n    f()", &[]),
        ("with pytest.warns(W):\n    f()", &["with pytest.warns(Warning):\n    f()"]),
        (
            "with self.assertRaisesRegex(E, 'e'):\n    f()",
            &["with self.assertRaises(E):\n    f()", "with self.assertRaises(Exception):\n    f()"],
        ),
        ("raises(E, f, 1, match='e')", &["raises(E, f, 1)", "raises(Exception, f, 1)"]),
        ("raises(E, lambda: f(1))", &["raises(Exception, lambda: f(1))"]),
    ];

    #[test]
    fn each_assertion_has_its_looser_forms() {
        for (text, expected) in EXAMPLES {
            let tree = GRAMMAR.parse(text).unwrap();
            let statement = tree.root_node().named_child(0).unwrap();
            let forms = forms(text, statement).into_iter();
            let loosened: Vec<_> = forms
                .map(|(range, new)| [&text[..range.start], &new, &text[range.end..]].concat())
                .collect();
            assert_eq!(loosened, *expected, "{text}");
            for text in &loosened {
                assert!(!GRAMMAR.parse(text).unwrap().root_node().has_error(), "{text}");
            }
        }
    }
}
