//! Code that no operator touches: changing it breaks nothing that a test could see, or breaks it
//! in a way that no one would write.

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind};
use super::walk::Walk;

/// Objects whose methods write messages.
const LOGGERS: &[&str] =
    &["logger", "_logger", "LOGGER", "logging", "log", "_log", "LOG", "warnings"];

/// Functions that write messages or define types.
const SILENT: &[&str] = &[
    "print",
    "pprint",
    "warn",
    "TypeVar",
    "TypeVarTuple",
    "ParamSpec",
    "NewType",
    "NamedTuple",
    "namedtuple",
    "TypedDict",
    "getLogger",
];

/// Keyword arguments that tests do not feel.
const QUIET_KEYWORDS: &[&str] =
    &["stacklevel", "timeout", "verbose", "help", "description", "doc", "msg", "message"];

/// Whether neither the node nor anything in it may be mutated.
pub(super) fn is_arid<'t>(walk: &Walk<'t, '_>, node: Node<'t>, kind: Kind) -> bool {
    if is_assertion_message(walk, node) {
        return true;
    }
    match kind {
        Kind::Comment
        | Kind::Type
        | Kind::TypeParameter
        | Kind::TypeAliasStatement
        | Kind::ImportStatement
        | Kind::ImportFromStatement
        | Kind::FutureImportStatement
        | Kind::Decorator
        | Kind::CasePattern
        // Messages, format strings and templates.
        | Kind::String
        | Kind::ConcatenatedString
        | Kind::RaiseStatement => true,
        Kind::FunctionDefinition => name(walk, node) == "__repr__",
        Kind::Call => is_silent(walk, node),
        Kind::KeywordArgument => QUIET_KEYWORDS.contains(&name(walk, node)),
        Kind::Assignment => is_version(walk, node),
        Kind::IfStatement => is_main_or_typing(walk, node),
        Kind::ComparisonOperator => {
            let left = node.named_child(0).map_or("", |left| walk.text(left));
            left.starts_with("sys.version_info") || matches!(left, "sys.platform" | "os.name")
        }
        _ => false,
    }
}

fn name<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> &'t str {
    walk.field(node, Field::Name).map_or("", |name| walk.text(name))
}

fn is_silent<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> bool {
    let Some(function) = walk.field(call, Field::Function) else { return false };
    match GRAMMAR.kind(function) {
        Kind::Identifier => SILENT.contains(&walk.text(function)),
        Kind::Attribute => {
            let part = |field| walk.field(function, field).map_or("", |part| walk.text(part));
            let object = part(Field::Object);
            let object = object.rsplit('.').next().unwrap_or(object);
            LOGGERS.contains(&object) || SILENT.contains(&part(Field::Attribute))
        }
        _ => false,
    }
}

/// `__version__ = …`, `__all__ = …`, `VERSION = …`.
fn is_version<'t>(walk: &Walk<'t, '_>, assignment: Node<'t>) -> bool {
    let Some(left) = walk.field(assignment, Field::Left) else { return false };
    if GRAMMAR.kind(left) != Kind::Identifier {
        return false;
    }
    let name = walk.text(left);
    (name.starts_with("__") && name.ends_with("__"))
        || ["version", "version_info"].iter().any(|version| name.eq_ignore_ascii_case(version))
}

/// `if __name__ == "__main__":` and `if TYPE_CHECKING:`.
fn is_main_or_typing<'t>(walk: &Walk<'t, '_>, statement: Node<'t>) -> bool {
    let condition = walk.field(statement, Field::Condition).map_or("", |c| walk.text(c));
    condition.starts_with("__name__") || condition.ends_with("TYPE_CHECKING")
}

fn is_assertion_message<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.parent_kind() == Kind::AssertStatement
        && walk.parent().and_then(|parent| parent.named_child(0)) != Some(node)
}
