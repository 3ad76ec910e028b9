//! Guesses the type and kind of value of an expression. A wrong guess only costs a mutant.

use tree_sitter::Node;

use super::grammar::{Field, Kind, children};
use super::scope::Value;
use super::syntax::Syntax;
use super::view::View;
use super::walk::Walk;

/// The kind of value that the expression seems to have.
pub(super) fn of<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Value {
    match walk.kind(node) {
        Kind::Integer if is_whole(walk, node) => Value::Integer,
        Kind::Integer | Kind::Float => Value::Float,
        Kind::Text | Kind::Template => Value::Text,
        Kind::True | Kind::False | Kind::InstanceOf => Value::Bool,
        Kind::List => Value::Sequence,
        Kind::Closure => Value::Function,
        Kind::Parenthesized => inner(node).map_or(Value::Unknown, |inner| of(walk, inner)),
        Kind::Unary => match walk.operator_text(node) {
            "!" => Value::Bool,
            "-" | "+" | "~" => children(node).last().map_or(Value::Unknown, |x| of(walk, *x)),
            _ => Value::Unknown,
        },
        Kind::Binary => of_operation(walk, node),
        Kind::Identifier => match walk.scopes.binding(walk.text(node)) {
            Some(binding) => binding.value,
            None if walk.rules().typed => Value::Unknown,
            None => of_name(walk.text(node)),
        },
        Kind::Member => {
            let Some((_, name)) = walk.member(node) else { return Value::Unknown };
            let name = walk.text(name);
            if walk.syntax.counts.contains(&name) {
                return Value::Integer;
            }
            of_type_or(walk, type_of(walk, node), Value::Unknown)
        }
        Kind::Call if walk.syntax.counts.contains(&walk.callee(node)) => Value::Integer,
        Kind::Call | Kind::Cast => of_type_or(walk, type_of(walk, node), Value::Unknown),
        _ => Value::Unknown,
    }
}

fn of_type_or(walk: &Walk<'_, '_>, ty: Option<&str>, otherwise: Value) -> Value {
    ty.map_or(otherwise, |ty| of_type(walk.syntax, ty))
}

fn of_operation<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Value {
    let Some([left, right]) = walk.sides(node) else { return Value::Unknown };
    match walk.operator_text(node) {
        "==" | "!=" | "===" | "!==" | "<" | "<=" | ">" | ">=" | "&&" | "||" => Value::Bool,
        "+" | "-" | "*" | "/" | "%" | "<<" | ">>" | "&" | "|" | "^" => {
            match (of(walk, left), of(walk, right)) {
                (Value::Text, _) | (_, Value::Text) => Value::Text,
                (Value::Float, _) | (_, Value::Float) => Value::Float,
                (Value::Integer, _) | (_, Value::Integer) => Value::Integer,
                _ => Value::Unknown,
            }
        }
        _ => Value::Unknown,
    }
}

fn inner(node: Node<'_>) -> Option<Node<'_>> {
    children(node).first().copied()
}

/// Whether the literal of a number is an integer.
pub(super) fn is_whole(view: &View<'_>, node: Node<'_>) -> bool {
    Number::parse(view.text(node)).is_some()
}

/// The literal of an integer.
pub(super) struct Number<'t> {
    prefix: &'t str,
    value: i64,
    suffix: &'t str,
}

impl<'t> Number<'t> {
    /// Parses a literal; `None` for fractions and for numbers of more than 64 bits.
    pub(super) fn parse(literal: &'t str) -> Option<Self> {
        let (prefix, radix) = match literal.get(..2) {
            Some("0x" | "0X") => (&literal[..2], 16),
            Some("0o" | "0O") => (&literal[..2], 8),
            Some("0b" | "0B") => (&literal[..2], 2),
            _ => ("", 10),
        };
        let rest = &literal[prefix.len()..];
        let digit =
            |c: char| c.is_digit(radix) || matches!(c, '_' | '\'') || (c == '-' && radix == 10);
        let (digits, suffix) = rest.split_at(rest.find(|c| !digit(c)).unwrap_or(rest.len()));
        // A leading zero means octal in some languages and is an error in others.
        let octal = radix == 10 && digits.len() > 1 && digits.starts_with('0');
        let known = suffix.is_empty()
            || suffix.chars().all(|c| matches!(c, 'u' | 'U' | 'l' | 'L'))
            || matches!(
                suffix.trim_start_matches(['i', 'u']),
                "8" | "16" | "32" | "64" | "128" | "size"
            );
        if octal || !known {
            return None;
        }
        let digits: String = digits.chars().filter(|c| !matches!(c, '_' | '\'')).collect();
        Some(Self { prefix, value: i64::from_str_radix(&digits, radix).ok()?, suffix })
    }

    /// The literal of the number plus `by`.
    pub(super) fn plus(&self, by: i64) -> Option<String> {
        let value = self.value.checked_add(by)?;
        if value < 0 && self.suffix.starts_with(['u', 'U']) {
            return None;
        }
        let sign = if value < 0 { "-" } else { "" };
        let (prefix, magnitude, suffix) = (self.prefix, value.unsigned_abs(), self.suffix);
        Some(match prefix {
            "" => format!("{sign}{magnitude}{suffix}"),
            "0x" | "0X" => format!("{sign}{prefix}{magnitude:x}{suffix}"),
            "0b" | "0B" => format!("{sign}{prefix}{magnitude:b}{suffix}"),
            _ => format!("{sign}{prefix}{magnitude:o}{suffix}"),
        })
    }
}

/// The type of the expression as it would be written, if the file tells.
pub(super) fn type_of<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<&'t str> {
    match walk.kind(node) {
        Kind::Identifier => walk.scopes.binding(walk.text(node)).and_then(|binding| binding.ty),
        Kind::Parenthesized => type_of(walk, inner(node)?),
        Kind::Integer if walk.syntax.name == "go" => Some("int"),
        Kind::Text if walk.syntax.name == "go" => Some("string"),
        Kind::True | Kind::False if walk.rules().typed => walk.syntax.booleans.first().copied(),
        Kind::Composite | Kind::New if walk.rules().typed => {
            walk.field(node, Field::Type).map(|ty| walk.text(ty))
        }
        Kind::Cast => walk.field(node, Field::Type).map(|ty| walk.text(ty)),
        Kind::Member => {
            let (object, name) = walk.member(node)?;
            let class = match walk.kind(object) {
                Kind::This => walk.scopes.innermost_class()?.name,
                _ => base_type(type_of(walk, object)?),
            };
            walk.facts.fields.get(&(class, walk.text(name))).copied()
        }
        Kind::Call => {
            let callee = walk.callee(node);
            match (walk.syntax.name, callee) {
                ("go", "len" | "cap") => Some("int"),
                ("rust", "len" | "count") => Some("usize"),
                _ => walk.facts.function(callee)?.result.filter(|ty| !ty.starts_with('(')),
            }
        }
        _ => None,
    }
}

/// The name of a type without references, pointers and parameters.
pub(super) fn base_type(ty: &str) -> &str {
    let ty = ty.trim_start_matches(['&', '*']).trim_start();
    let ty = ty.strip_prefix("mut ").or_else(|| ty.strip_prefix("struct ")).unwrap_or(ty);
    let ty = ty.strip_prefix("const ").unwrap_or(ty);
    ty.strip_prefix("struct ").unwrap_or(ty).split(['<', ' ', '*', '[']).next().unwrap_or(ty)
}

/// The kind of value of a type.
pub(super) fn of_type(syntax: &Syntax, ty: &str) -> Value {
    let ty = ty.trim();
    let plain = ty.strip_prefix("const ").unwrap_or(ty);
    if syntax.texts.contains(&plain) || syntax.texts.contains(&ty) {
        Value::Text
    } else if syntax.integers.contains(&plain) {
        Value::Integer
    } else if syntax.floats.contains(&plain) {
        Value::Float
    } else if syntax.booleans.contains(&plain) {
        Value::Bool
    } else if ty.starts_with('[') || ty.starts_with("Vec<") || ty.ends_with(']') {
        Value::Sequence
    } else if ty.starts_with("fn") || ty.starts_with("func") || ty.contains("=>") {
        Value::Function
    } else {
        Value::Unknown
    }
}

/// The kind of value that names like this mostly have.
pub(super) fn of_name(name: &str) -> Value {
    match name {
        "fn" | "func" | "f" | "g" | "cb" | "callback" | "predicate" | "handler" | "next"
        | "resolve" | "reject" | "done" => Value::Function,
        "text" | "name" | "line" | "prefix" | "suffix" | "word" | "path" | "str" => Value::Text,
        _ if is_position(name) => Value::Integer,
        "n" | "m" | "stop" | "end" | "size" | "count" | "length" | "depth" | "width" | "height"
        | "lo" | "hi" | "low" | "high" | "total" | "limit" | "len" => Value::Integer,
        _ => Value::Unknown,
    }
}

/// Whether the name is that of a position, not of a key.
pub(super) fn is_position(name: &str) -> bool {
    matches!(name, "i" | "j" | "k" | "idx" | "index" | "pos" | "position" | "start" | "offset")
        || ["_index", "_idx", "_pos", "Index", "Idx", "Pos"].iter().any(|end| name.ends_with(end))
}

/// Whether one value in place of the other is a bug that compiles, not an obvious type error.
pub(super) fn can_replace(
    walk: &Walk<'_, '_>,
    other: (Option<&str>, Value),
    used: (Option<&str>, Value),
) -> bool {
    let both = |value| other.1 == value && used.1 == value;
    if !walk.rules().typed {
        return match (other.0, used.0) {
            (Some(a), Some(b)) => a == b,
            _ => other.1 == used.1,
        };
    }
    (other.0.is_some() && other.0 == used.0 && !both(Value::Function))
        || (walk.rules().loose_numbers && both(Value::Integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_their_base_and_suffix() {
        let next = |literal| Number::parse(literal).and_then(|number| number.plus(1));
        assert_eq!(next("0xff").as_deref(), Some("0x100"));
        assert_eq!(next("1_000u64").as_deref(), Some("1001u64"));
        assert_eq!(next("7UL").as_deref(), Some("8UL"));
        assert_eq!(next("-1").as_deref(), Some("0"));
        assert_eq!(next("0b11").as_deref(), Some("0b100"));
        for other in ["1.5", "1e3", "010", "1n", "1f", "9223372036854775807", "", "x"] {
            assert_eq!(next(other), None, "{other}");
        }
        assert_eq!(Number::parse("0u8").unwrap().plus(-1), None);
    }
}
