//! Another variable, field or function: `VMI`, `AAU`, `AAD`, `WFN`, `WCR`.

use tree_sitter::Node;

use super::shape;
use crate::braces::Shape;
use crate::braces::facts::Signature;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::scope::Value;
use crate::braces::values::{self, can_replace};
use crate::braces::walk::{NameRole, Walk};
use crate::{Difficulty, Family};

/// The most other names that are proposed for one use.
const MISUSES: usize = 2;

pub(crate) const VMI: Shape = shape(
    "VMI",
    Family::DataFlow,
    Difficulty::Hard,
    "Use another variable: one that has a value there, in the same function, and seems to be of \
     the same type",
    &[Kind::Identifier],
    misuse_variable,
);

pub(crate) const AAU: Shape = shape(
    "AAU",
    Family::DataFlow,
    Difficulty::Hard,
    "Use another field of the same object",
    &[Kind::Member],
    misuse_field,
);

pub(crate) const AAD: Shape = shape(
    "AAD",
    Family::DataFlow,
    Difficulty::Medium,
    "Drop the access to a field: `x.y` → `x`",
    &[Kind::Member],
    drop_field,
);

pub(crate) const WFN: Shape = shape(
    "WFN",
    Family::DataFlow,
    Difficulty::Medium,
    "Call another function of the same file, or another method of the same class, that takes the \
     same",
    &[Kind::Call],
    call_another,
);

pub(crate) const WCR: Shape = shape(
    "WCR",
    Family::DataFlow,
    Difficulty::Medium,
    "Call the method of another object of the same type",
    &[Kind::Identifier],
    misuse_receiver,
);

fn misuse_variable<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() == NameRole::Value {
        misuse(walk, node);
    }
}

fn misuse_receiver<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.role() != NameRole::Receiver {
        return;
    }
    let is_method = match walk.ancestor(0) {
        Some((_, Kind::Call)) => true,
        Some((member, Kind::Member)) => walk.ancestor(1).is_some_and(|(call, kind)| {
            kind == Kind::Call && walk.field(call, Field::Function) == Some(member)
        }),
        _ => false,
    };
    if is_method {
        misuse(walk, node);
    }
}

fn misuse<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.scopes.innermost_function().is_none() {
        return;
    }
    let Some(used) = walk.scopes.binding(walk.text(node)) else { return };
    if walk.rules().moves && !is_borrowed(walk, used.ty, used.value) {
        return;
    }
    let target = assigned_name(walk);
    let mutable = walk.ancestor(0).is_some_and(|(parent, kind)| {
        kind == Kind::Reference && walk.text(parent).starts_with("&mut")
    });
    let mut others = walk.scopes.latest();
    others.retain(|other| {
        other.name != used.name
            && other.alias != Some(used.name)
            && used.alias != Some(other.name)
            && target != Some(other.name)
            && (!mutable || other.mutable)
            && can_replace(walk, (other.ty, other.value), (used.ty, used.value))
    });
    for other in others.into_iter().take(MISUSES) {
        walk.replace(node, other.name.to_owned());
    }
}

/// Whether a value of the type can be used there without moving it.
fn is_borrowed(walk: &Walk<'_, '_>, ty: Option<&str>, value: Value) -> bool {
    let copied = matches!(value, Value::Integer | Value::Float | Value::Bool)
        || ty.is_some_and(|ty| ty == "char" || (ty.starts_with('&') && !ty.starts_with("&mut")));
    copied || matches!(walk.parent_kind(), Kind::Reference | Kind::Member | Kind::Index)
}

/// The name that the node being entered is assigned to. Using that name would have no effect.
fn assigned_name<'t>(walk: &Walk<'t, '_>) -> Option<&'t str> {
    let depth = usize::from(walk.parent_kind() == Kind::Tuple);
    let (parent, kind) = walk.ancestor(depth)?;
    (kind == Kind::Assignment).then(|| walk.field(parent, Field::Left))?.map(|left| walk.text(left))
}

/// Whether the member is the function of a call.
fn is_called<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.ancestor(0).is_some_and(|(parent, kind)| {
        matches!(kind, Kind::Call | Kind::New) && walk.field(parent, Field::Function) == Some(node)
    })
}

/// Whether the node is the target of an assignment or of `delete`.
fn is_target<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> bool {
    walk.ancestor(0).is_some_and(|(parent, kind)| match kind {
        Kind::Assignment => walk.field(parent, Field::Left) == Some(node),
        Kind::Tuple => walk.ancestor(1).is_some_and(|(outer, kind)| {
            kind == Kind::Assignment && walk.field(outer, Field::Left) == Some(parent)
        }),
        Kind::Unary => matches!(walk.operator_text(parent), "&" | "delete" | "void"),
        Kind::Update | Kind::Reference => true,
        _ => false,
    })
}

fn misuse_field<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((object, name)) = walk.member(node) else { return };
    if is_called(walk, node) || walk.scopes.innermost_function().is_none() {
        return;
    }
    let receiver = walk.text(object);
    let class = match walk.kind(object) {
        Kind::This => walk.scopes.innermost_class().map(|class| (class.name, class.start)),
        _ => None,
    };
    let function = walk.scopes.innermost_function().map_or(0, |function| function.start);
    let home = class.map_or(function, |(_, start)| start);
    let of_type = values::type_of(walk, object).map(values::base_type);
    let class = class.map(|(name, _)| name).or(of_type).unwrap_or("");
    let used = walk.text(name);
    let ty = |field: &str| walk.facts.fields.get(&(class, field)).copied();
    let alike = |other: &str| match (ty(other), ty(used)) {
        (Some(a), Some(b)) => a == b,
        _ => !walk.rules().typed,
    };
    let seen: Vec<_> = walk.facts.members(home, receiver).to_vec();
    let others = seen.into_iter().filter(|other| *other != used && alike(other));
    let others: Vec<_> = others.take(MISUSES).collect();
    let assigned = is_target(walk, node);
    for other in others {
        // `a.x = a.y` must not become `a.y = a.y`.
        let same = walk.ancestor(0).is_some_and(|(parent, kind)| {
            kind == Kind::Assignment && walk.text(parent).contains(&format!("{receiver}.{other}"))
        });
        // A final field can be assigned only once.
        let written = assigned && walk.syntax.name == "java";
        if !same && !written {
            walk.replace(name, other.to_owned());
        }
    }
}

fn drop_field<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some((object, name)) = walk.member(node) else { return };
    if is_called(walk, node)
        || is_target(walk, node)
        || walk.parent_kind() == Kind::Member
        || walk.scopes.innermost_function().is_none()
    {
        return;
    }
    let object_kind = walk.kind(object);
    if walk.rules().typed {
        // A list's `node.next` is of the type of `node`.
        let types = [values::type_of(walk, object), values::type_of(walk, node)];
        if types[0].is_some() && types[0] == types[1] {
            walk.replace(node, walk.text(object).to_owned());
        }
        return;
    }
    let constant = walk.text(name).chars().all(|c| c.is_uppercase() || c == '_');
    let local = object_kind == Kind::Identifier && walk.scopes.binding(walk.text(object)).is_some();
    if (local || object_kind == Kind::Member) && !constant && !walk.text(node).contains("?.") {
        walk.replace(node, walk.text(object).to_owned());
    }
}

fn call_another<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(call) = walk.call(node) else { return };
    let name = walk.text(call.name);
    let own = walk.scopes.innermost_class().map_or("", |class| class.name);
    let class = match call.receiver {
        None => "",
        Some(receiver) if walk.kind(receiver) == Kind::This => own,
        Some(receiver) => match values::type_of(walk, receiver) {
            Some(ty) => values::base_type(ty),
            None => return,
        },
    };
    let arguments = children(call.arguments).len();
    let within = |function: &&Signature<'_>| {
        function.class == class || (call.receiver.is_none() && function.class == own)
    };
    let Some(called) = walk.facts.functions.iter().filter(within).find(|f| f.name == name) else {
        return;
    };
    let current = walk.scopes.innermost_function().map_or("", |function| function.name);
    // In C a function must be declared before its use.
    let below = |other: &Signature<'_>| walk.syntax.name == "c" && other.start > node.start_byte();
    let fits = |other: &&Signature<'_>| {
        other.name != name
            && other.name != current
            && other.class == called.class
            && other.parameters == called.parameters
            && other.result == called.result
            && other.is_static == called.is_static
            && !other.flexible
            && !below(other)
            && !matches!(other.name, "main" | "init" | "constructor" | "")
            && other.name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '#'))
    };
    if called.flexible || arguments != called.parameters.len() {
        return;
    }
    let others = walk.facts.functions.iter().filter(fits).map(|other| other.name.to_owned());
    let others: Vec<_> = others.take(MISUSES).collect();
    for other in others {
        walk.replace(call.name, other);
    }
}
