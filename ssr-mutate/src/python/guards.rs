//! Code that no operator changes, because no test would notice, or because nobody makes such a
//! mistake.

use tree_sitter::Node;

use super::grammar::{Field, GRAMMAR, Kind};
use super::walk::Walk;

/// What operators may change of a node and its children.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Neither the node nor its children.
    Nothing,
    /// The node as a whole, but not its children.
    Itself,
    /// The node and its children.
    Everything,
}

/// Objects whose methods write messages.
const LOGGERS: &[&str] =
    &["logger", "_logger", "LOGGER", "logging", "log", "_log", "LOG", "warnings", "stderr"];

/// Functions that write messages, wait or define types.
const SILENT: &[&str] = &[
    "print",
    "pprint",
    "warn",
    "sleep",
    "TypeVar",
    "TypeVarTuple",
    "ParamSpec",
    "NewType",
    "NamedTuple",
    "namedtuple",
    "TypedDict",
    "getLogger",
];

/// Keyword arguments whose change no test notices.
const QUIET_KEYWORDS: &[&str] = &[
    "stacklevel",
    "timeout",
    "interval",
    "delay",
    "verbose",
    "help",
    "help_text",
    "verbose_name",
    "description",
    "doc",
    "msg",
    "message",
];

/// What operators may change of the node that is being entered.
pub(super) fn reach<'t>(walk: &Walk<'t, '_>, node: Node<'t>, kind: Kind) -> Reach {
    if is_arid(walk, node, kind) {
        return Reach::Nothing;
    }
    match kind {
        // They contain messages, templates and names of modules.
        Kind::String | Kind::ConcatenatedString | Kind::RaiseStatement | Kind::Decorator => {
            Reach::Itself
        }
        _ => Reach::Everything,
    }
}

fn is_arid<'t>(walk: &Walk<'t, '_>, node: Node<'t>, kind: Kind) -> bool {
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
        | Kind::CasePattern => true,
        Kind::FunctionDefinition => name(walk, node) == "__repr__",
        Kind::Call => is_silent(walk, node),
        Kind::KeywordArgument => is_quiet(walk, node),
        Kind::Assignment => is_version(walk, node) || is_pause(walk, node),
        Kind::IfStatement => is_main_or_typing(walk, node),
        Kind::ComparisonOperator => {
            let left = node.named_child(0).map_or("", |left| walk.text(left));
            left.starts_with("sys.version_info") || matches!(left, "sys.platform" | "os.name")
        }
        _ => false,
    }
}

/// Whether no test notices a change of the keyword argument.
pub(super) fn is_quiet<'t>(walk: &Walk<'t, '_>, argument: Node<'t>) -> bool {
    QUIET_KEYWORDS.contains(&name(walk, argument))
}

fn name<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> &'t str {
    walk.field(node, Field::Name).map_or("", |name| walk.text(name))
}

/// Whether the call writes a message, waits or defines a type.
pub(super) fn is_silent<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> bool {
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

/// `TIMEOUT = 30`: only a slow test, which waits that long, would notice.
fn is_pause<'t>(walk: &Walk<'t, '_>, assignment: Node<'t>) -> bool {
    let number = |value| matches!(GRAMMAR.kind(value), Kind::Integer | Kind::Float);
    let target = walk.field(assignment, Field::Left).map_or("", |left| walk.text(left));
    let target = target.to_ascii_lowercase();
    ["timeout", "interval", "delay"].iter().any(|pause| target.ends_with(pause))
        && walk.field(assignment, Field::Right).is_some_and(number)
}

/// `if __name__ == "__main__":` and `if TYPE_CHECKING:`.
fn is_main_or_typing<'t>(walk: &Walk<'t, '_>, statement: Node<'t>) -> bool {
    let condition = walk.field(statement, Field::Condition).map_or("", |c| walk.text(c));
    condition.contains("__main__") || condition.ends_with("TYPE_CHECKING")
}

fn is_assertion_message<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.parent_kind() == Kind::AssertStatement
        && walk.parent().and_then(|parent| parent.named_child(0)) != Some(node)
}
