//! Copies and shared state: `CPD`, `SFD`, `CLV`.

use tree_sitter::Node;

use super::shape;
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const CPD: Shape = shape(
    "CPD",
    Family::State,
    Difficulty::Hard,
    "Share instead of copying",
    &[Kind::Call, Kind::New, Kind::List, Kind::Object],
    share,
);

pub(crate) const SFD: Shape = shape(
    "SFD",
    Family::State,
    Difficulty::Medium,
    "Forget `this`: `this.x = v` → `x = v`, where there is an `x`",
    &[Kind::Assignment],
    forget_this,
);

pub(crate) const CLV: Shape = shape(
    "CLV",
    Family::State,
    Difficulty::Hard,
    "Share a field between all objects of the class: a container becomes static",
    &[Kind::FieldDeclaration],
    make_static,
);

/// Constructors of Java whose only argument is copied.
const CONTAINERS: &[&str] = &[
    "ArrayList",
    "LinkedList",
    "ArrayDeque",
    "HashSet",
    "LinkedHashSet",
    "TreeSet",
    "HashMap",
    "LinkedHashMap",
    "TreeMap",
];

fn share<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let original = match walk.syntax.name {
        "javascript" => original_of_copy(walk, node),
        "java" => original_in_java(walk, node),
        "rust" => return share_count(walk, node),
        _ => None,
    };
    if let Some(original) = original.filter(|o| !matches!(walk.kind(*o), Kind::Spread)) {
        let inner = matches!(walk.parent_kind(), Kind::Member | Kind::Spread);
        let text =
            if inner { super::operand(walk, original) } else { walk.text(original).to_owned() };
        walk.replace(node, text);
    }
}

fn original_of_copy<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    match walk.kind(node) {
        Kind::List | Kind::Object => match children(node)[..] {
            [only] if walk.kind(only) == Kind::Spread => only.named_child(0),
            _ => None,
        },
        _ => {
            let call = walk.call(node)?;
            let arguments = children(call.arguments);
            let object = call.receiver.map_or("", |receiver| walk.text(receiver));
            match (object, walk.text(call.name), &arguments[..]) {
                ("", "structuredClone" | "cloneDeep", [only]) => Some(*only),
                ("Array", "from", [only]) => Some(*only),
                ("Object", "assign", [first, second]) if walk.text(*first) == "{}" => Some(*second),
                (_, "slice" | "concat", []) => call.receiver,
                _ => None,
            }
        }
    }
}

fn original_in_java<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    let call = walk.call(node)?;
    let arguments = children(call.arguments);
    let name = walk.text(call.name).split('<').next().unwrap_or("");
    match (walk.kind(node), &arguments[..]) {
        // A number is a capacity. A concrete type may not accept an interface.
        (Kind::New, [only]) if CONTAINERS.contains(&name) => {
            let of = crate::braces::values::type_of(walk, *only)?;
            let declared = walk.ancestor(1).and_then(|(outer, _)| walk.field(outer, Field::Type));
            let wanted = match walk.parent_kind() {
                Kind::Declarator => declared.map(|ty| walk.text(ty)),
                Kind::Return => walk.scopes.innermost_function().and_then(|f| f.result),
                Kind::Assignment => {
                    let (assignment, _) = walk.ancestor(0)?;
                    let [left, _] = walk.assignment(assignment)?;
                    crate::braces::values::type_of(walk, left)
                }
                _ => None,
            };
            (wanted == Some(of)).then_some(*only)
        }
        (Kind::Call, [only]) => {
            let object = call.receiver.map_or("", |receiver| walk.text(receiver));
            let wraps = matches!(
                (object, name),
                ("List" | "Set" | "Map", "copyOf")
                    | ("Collections", "unmodifiableList" | "unmodifiableSet" | "unmodifiableMap")
            );
            wraps.then_some(*only)
        }
        (Kind::Call, []) if name == "clone" => {
            let receiver = call.receiver?;
            let array = crate::braces::values::type_of(walk, receiver)?;
            array.ends_with("[]").then_some(receiver)
        }
        _ => None,
    }
}

/// Rust: `Rc::new((*a).clone())` → `Rc::clone(&a)`.
fn share_count<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    for shared in ["Rc", "Arc"] {
        let inner = text.strip_prefix(shared).and_then(|rest| rest.strip_prefix("::new((*"));
        if let Some(name) = inner.and_then(|inner| inner.strip_suffix(").clone())"))
            && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        {
            return walk.replace(node, format!("{shared}::clone(&{name})"));
        }
    }
}

fn forget_this<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some([left, _]) = walk.assignment(node) else { return };
    let Some((object, name)) = walk.member(left) else { return };
    let local = walk.scopes.binding(walk.text(name)).is_some();
    if walk.kind(object) == Kind::This && local && walk.operator_text(node) == "=" {
        walk.replace(left, walk.text(name).to_owned());
    }
}

fn make_static<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let modifiers = children(node).into_iter().find(|child| child.kind() == "modifiers");
    let words = modifiers.map_or("", |modifiers| walk.text(modifiers));
    let declarator = children(node).into_iter().find(|child| child.kind() == "variable_declarator");
    let value = declarator.and_then(|declarator| walk.field(declarator, Field::Value));
    let container = value.is_some_and(|value| {
        walk.kind(value) == Kind::New
            && walk.text(value).contains("()")
            && CONTAINERS.iter().any(|name| walk.text(value).contains(name))
    });
    let Some(ty) = walk.field(node, Field::Type) else { return };
    if container && !words.contains("static") && !words.contains('@') {
        let at = match walk.text(node).find("final ") {
            Some(last) if words.contains("final") => node.start_byte() + last,
            _ => ty.start_byte(),
        };
        walk.propose(node, at..at, "static ");
    }
}
