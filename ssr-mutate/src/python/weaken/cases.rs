//! Drops single cases of a parametrised test.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// The edits that drop the cases from the test's only `parametrize`. `None` if pytest's ids cannot
/// be derived from literals, or if no case would remain.
pub(super) fn dropping(
    text: &str,
    function: Node<'_>,
    wanted: &BTreeSet<&str>,
) -> Option<Vec<(Range<usize>, String)>> {
    let arguments = children(only_parametrize(text, function)?);
    // Keyword arguments (`ids`, `indirect`) change the ids or the meaning of the cases.
    let [names, values] = arguments[..] else { return None };
    let values_kind = GRAMMAR.kind(values);
    if !matches!(values_kind, Kind::List | Kind::Tuple) {
        return None;
    }
    let names = argument_names(text, names)?;
    let elements = children(values);
    let ids: Option<Vec<_>> =
        elements.iter().map(|element| case_id(text, *element, names)).collect();
    let ids = ids?;
    let distinct: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    if distinct.len() != ids.len() || !wanted.is_subset(&distinct) {
        return None;
    }
    let gone: Vec<bool> = ids.iter().map(|id| wanted.contains(id.as_str())).collect();
    let left = gone.iter().filter(|gone| !**gone).count();
    // A tuple of one element would need a trailing comma.
    if left == 0 || (left == 1 && values_kind == Kind::Tuple) {
        return None;
    }
    Some(removals(&elements, &gone).into_iter().map(|range| (range, String::new())).collect())
}

/// The arguments of the `parametrize` decorator, if there is exactly one.
fn only_parametrize<'t>(text: &str, function: Node<'t>) -> Option<Node<'t>> {
    let decorators = children(function).into_iter().filter(|c| GRAMMAR.kind(*c) == Kind::Decorator);
    let mut found = decorators.filter_map(|decorator| {
        let call = decorator.named_child(0)?;
        let name = GRAMMAR.field(call, Field::Function)?;
        let parametrizes = text[name.byte_range()].ends_with("parametrize");
        parametrizes.then(|| GRAMMAR.field(call, Field::Arguments))?
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The number of parameters that the first argument names.
fn argument_names(text: &str, node: Node<'_>) -> Option<usize> {
    match GRAMMAR.kind(node) {
        Kind::String => {
            Some(plain_text(text, node)?.split(',').filter(|n| !n.trim().is_empty()).count())
        }
        Kind::List | Kind::Tuple => Some(children(node).len()),
        _ => None,
    }
}

/// The id that pytest gives the case, if it can be derived from literals.
fn case_id(text: &str, element: Node<'_>, names: usize) -> Option<String> {
    let values = match GRAMMAR.kind(element) {
        Kind::Call => {
            let function = GRAMMAR.field(element, Field::Function)?;
            if !matches!(&text[function.byte_range()], "pytest.param" | "param") {
                return None;
            }
            let arguments = children(GRAMMAR.field(element, Field::Arguments)?);
            let (keywords, values): (Vec<_>, Vec<_>) =
                arguments.into_iter().partition(|a| GRAMMAR.kind(*a) == Kind::KeywordArgument);
            let id = keywords.iter().find(|keyword| text[keyword.byte_range()].starts_with("id"));
            if let Some(id) = id {
                return plain_text(text, GRAMMAR.field(*id, Field::Value)?).map(str::to_owned);
            }
            values
        }
        _ if names == 1 => vec![element],
        Kind::Tuple | Kind::List => children(element),
        _ => return None,
    };
    let parts: Option<Vec<_>> = values.iter().map(|value| value_id(text, *value)).collect();
    parts.filter(|parts| parts.len() == names).map(|parts| parts.join("-"))
}

fn value_id<'t>(text: &'t str, value: Node<'_>) -> Option<&'t str> {
    let literal = &text[value.byte_range()];
    let digits = literal.strip_prefix('-').unwrap_or(literal);
    match GRAMMAR.kind(value) {
        Kind::String => plain_text(text, value),
        Kind::True | Kind::False | Kind::None => Some(literal),
        Kind::Integer | Kind::UnaryOperator
            if digits.bytes().all(|b| b.is_ascii_digit()) && literal != "-0" =>
        {
            Some(literal)
        }
        _ => None,
    }
}

/// The content of a plain ASCII string without prefix and escapes.
fn plain_text<'t>(text: &'t str, string: Node<'_>) -> Option<&'t str> {
    let literal = &text[string.byte_range()];
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let content = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    let plain = content.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'\\');
    (plain && !content.contains(quote)).then_some(content)
}

/// The ranges that remove the elements, each together with one comma.
fn removals(elements: &[Node<'_>], gone: &[bool]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut index = 0;
    while index < elements.len() {
        let run = gone[index..].iter().take_while(|gone| **gone).count();
        if run == 0 {
            index += 1;
            continue;
        }
        let last = index + run - 1;
        ranges.push(match (elements.get(last + 1), index.checked_sub(1)) {
            (Some(next), _) => elements[index].start_byte()..next.start_byte(),
            (None, Some(before)) => elements[before].end_byte()..elements[last].end_byte(),
            (None, None) => return Vec::new(),
        });
        index = last + 1;
    }
    ranges
}
