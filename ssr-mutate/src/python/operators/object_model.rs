//! Classes, inheritance and decorators.

use tree_sitter::Node;

use crate::python::Rule;
use crate::python::calls;
use crate::python::grammar::{Field, GRAMMAR, Kind, children, only_child};
use crate::python::scope::ScopeKind;
use crate::python::statements;
use crate::python::survey::{Class, Signature, Survey};
use crate::python::walk::Walk;
use crate::{Difficulty, Family, Operator};

/// Methods that `object` has too, or that are optional in Python.
const INHERITED: &[&str] = &[
    "__bool__",
    "__copy__",
    "__deepcopy__",
    "__eq__",
    "__format__",
    "__getstate__",
    "__reduce__",
    "__reduce_ex__",
    "__str__",
];

/// Bases without methods that a class could call.
const HOLLOW: &[&str] = &["object", "ABC", "Generic", "Protocol"];

/// Bases without which the class statement raises an error.
const VITAL: &[&str] = &["type", "NamedTuple", "TypedDict", "Enum", "IntEnum", "StrEnum", "Flag"];

/// Decorators whose removal no test notices.
const QUIET: &[&str] = &[
    "overload",
    "override",
    "final",
    "deprecated",
    "runtime_checkable",
    "no_type_check",
    "cache",
    "cached",
    "cacheit",
    "lru_cache",
    "memoize",
    "setter",
    "getter",
    "deleter",
];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "SCL",
            version: 1,
            family: Family::ObjectModel,
            difficulty: Difficulty::Medium,
            description: "Delete a call of the overridden method",
            examples: &[
                (
                    "class A(B):\n    def close(self):\n        super().close()\n        self.x = 1\n",
                    "class A(B):\n    def close(self):\n        self.x = 1\n",
                ),
                (
                    "class A(B):\n    def __init__(self, x):\n        B.__init__(self, x)\n",
                    "class A(B):\n    def __init__(self, x):\n        pass\n",
                ),
                (
                    "class A(B):\n    async def close(self):\n        await super().close()\n        \
                     self.x = 1\n",
                    "class A(B):\n    async def close(self):\n        self.x = 1\n",
                ),
            ],
            untouched: &[
                "class A:\n    def __init__(self):\n        super().__init__()\n        self.x = 1\n",
                "class A(object):\n    def f(self):\n        super().f()\n",
                "class E(ValueError):\n    def __init__(self, x):\n        super().__init__(x)\n",
                "class B:\n    pass\n\nclass A(B):\n    def __init__(self):\n        \
                 super().__init__()\n",
                "class A(B):\n    def f(self):\n        return super().f()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement],
        find: delete_super_call,
    },
    Rule {
        operator: Operator {
            id: "IOD",
            version: 1,
            family: Family::ObjectModel,
            difficulty: Difficulty::Hard,
            description: "Delete a method that a base class has too",
            examples: &[
                (
                    "class A:\n    def f(self, x):\n        return x\n\nclass B(A):\n    y = 1\n\n    def \
                     f(self, x):\n        return x + 1\n",
                    "class A:\n    def f(self, x):\n        return x\n\nclass B(A):\n    y = 1\n\n",
                ),
                (
                    "class A(B):\n    def f(self):\n        return super().f() + 1\n",
                    "class A(B):\n    pass\n",
                ),
                (
                    "class A:\n    def g(self):\n        pass\n\n    def __eq__(self, other):\n        \
                     return self.x == other.x\n",
                    "class A:\n    def g(self):\n        pass\n\n",
                ),
                (
                    "class A(B):\n    x = 1\n    @property\n    def f(self):\n        return super().f\n\n\
                     class C(A):\n    @property\n    def f(self):\n        return 2\n",
                    "class A(B):\n    x = 1\n    @property\n    def f(self):\n        return super().f\n\n\
                     class C(A):\n    pass\n",
                ),
            ],
            untouched: &[
                "class A(B):\n    def f(self):\n        return 1\n",
                "class A:\n    def f(self):\n        raise NotImplementedError\n\nclass B(A):\n    def \
                 f(self):\n        return 1\n",
                "class A:\n    def f(self):\n        return 0\n\nclass B(A):\n    def f(self, x):\n        \
                 return 1\n",
                "class A:\n    def f(self):\n        return 0\n\nclass B(A):\n    def f(self):\n        \
                 return 1\n\n    g = f\n",
                "class A(B):\n    @property\n    def f(self):\n        return super().f(1)\n\n    \
                 @f.setter\n    def f(self, x):\n        super().f(x)\n",
                "class A(B):\n    def __init__(self, x):\n        super().__init__()\n",
            ],
            structural: true,
        },
        kinds: &[Kind::FunctionDefinition, Kind::DecoratedDefinition],
        find: delete_override,
    },
    Rule {
        operator: Operator {
            id: "BCR",
            version: 1,
            family: Family::ObjectModel,
            difficulty: Difficulty::Easy,
            description: "Remove a base class",
            examples: &[
                ("class A(B, C):\n    x = 1\n", "class A(C):\n    x = 1\n"),
                ("class A(B, metaclass=M):\n    x = 1\n", "class A(metaclass=M):\n    x = 1\n"),
                ("class A(m.B):\n    x = 1\n", "class A:\n    x = 1\n"),
                ("class E(A, ValueError):\n    pass\n", "class E(A):\n    pass\n"),
            ],
            untouched: &[
                "class A:\n    pass\n",
                "class A(object):\n    pass\n",
                "class A(Generic[T]):\n    pass\n",
                "class E(ValueError):\n    pass\n",
                "class A(enum.Enum):\n    X = 1\n",
                "class A(metaclass=M):\n    pass\n",
                "class A(*bases):\n    pass\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ClassDefinition],
        find: remove_base,
    },
    Rule {
        operator: Operator {
            id: "DDL",
            version: 1,
            family: Family::ObjectModel,
            difficulty: Difficulty::Medium,
            description: "Delete a decorator",
            examples: &[
                (
                    "class A:\n    @property\n    def f(self):\n        return 1\n",
                    "class A:\n    def f(self):\n        return 1\n",
                ),
                (
                    "@functools.wraps(f)\n@g  # why\ndef h():\n    return 1\n",
                    "@functools.wraps(f)\ndef h():\n    return 1\n",
                ),
                ("@total_ordering\nclass A:\n    x = 1\n", "class A:\n    x = 1\n"),
            ],
            untouched: &[
                "@lru_cache(maxsize=None)\ndef f(x):\n    return x\n",
                "@typing.overload\ndef f(x):\n    return x\n",
                "class A:\n    @property\n    def f(self):\n        return 1\n\n    @f.setter\n    def \
                 f(self, x):\n        pass\n",
                "class A:\n    @abstractmethod\n    def f(self):\n        pass\n",
            ],
            structural: true,
        },
        kinds: &[Kind::Decorator],
        find: delete_decorator,
    },
    Rule {
        operator: Operator {
            id: "SUP",
            version: 1,
            family: Family::ObjectModel,
            difficulty: Difficulty::Hard,
            description: "Call the wrong one of several overrides: `super().f()` → `self.f()` in \
                          another method, `super()` → `super(Base, self)`, which skips a class",
            examples: &[
                (
                    "class A(B):\n    def f(self):\n        return 1\n\n    def g(self):\n        return \
                     super().f()\n",
                    "class A(B):\n    def f(self):\n        return 1\n\n    def g(self):\n        return \
                     self.f()\n",
                ),
                (
                    "class A:\n    def f(self):\n        return 1\n\nclass B(A):\n    def f(self):\n        \
                     return 2\n\nclass C(B):\n    def f(self):\n        return super().f() + 1\n",
                    "class A:\n    def f(self):\n        return 1\n\nclass B(A):\n    def f(self):\n        \
                     return 2\n\nclass C(B):\n    def f(self):\n        return super(B, self).f() + 1\n",
                ),
            ],
            untouched: &[
                // The method would call itself endlessly.
                "class A(B):\n    def f(self):\n        return super().f()\n",
                "class A(B):\n    def g(self):\n        return super().f()\n",
                "class A(B):\n    def f(self):\n        return 1\n\n    @classmethod\n    def \
                 g(cls):\n        return super().f()\n",
                "class A:\n    pass\n\nclass B(A):\n    def f(self):\n        return 2\n\nclass C(B):\n    \
                 def f(self):\n        return super().f() + 1\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Call],
        find: call_wrong_override,
    },
];

/// The name of the method if the call is `super().name(…)`.
fn called_on_super<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> Option<&'t str> {
    let object = calls::receiver(walk, call).filter(|object| walk.text(*object) == "super()");
    calls::name(walk, call).filter(|_| object.is_some())
}

/// The name of the method if the call is `Base.name(self, …)`.
fn called_on_base<'t>(walk: &Walk<'t, '_>, class: &Class<'t>, call: Node<'t>) -> Option<&'t str> {
    let object = walk.text(calls::receiver(walk, call)?);
    let first = calls::arguments(walk, call).first().map(|first| walk.text(*first));
    let named = class.bases.contains(&object) && first == Some("self");
    calls::name(walk, call).filter(|_| named)
}

fn delete_super_call<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = only_child(node) else { return };
    let call = match GRAMMAR.kind(value) {
        Kind::Await => value.named_child(0),
        Kind::Call => Some(value),
        _ => None,
    };
    let Some(call) = call.filter(|call| GRAMMAR.kind(*call) == Kind::Call) else { return };
    let survey = walk.survey();
    let Some(class) = walk.class(&survey).filter(|class| !is_root(class)) else { return };
    let name = called_on_super(walk, call).or_else(|| called_on_base(walk, class, call));
    let Some(name) = name else { return };
    let message = name == "__init__" && class.bases.iter().any(|base| is_exception(base));
    if !message && is_inherited(&survey, class, name) {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

/// Whether a base may have the method: a base in this file has it, or some base is in another file.
fn is_inherited<'t>(survey: &Survey<'t>, class: &Class<'t>, name: &str) -> bool {
    match survey.method(class, name, false) {
        Some(method) => !method.is_abstract,
        None => !survey.is_closed(class),
    }
}

fn last(name: &str) -> &str {
    let name = name.split('[').next().unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name)
}

fn is_root(class: &Class<'_>) -> bool {
    class.bases.iter().all(|base| HOLLOW.contains(&last(base)))
}

fn is_exception(base: &str) -> bool {
    ["Error", "Exception", "Warning"].iter().any(|ending| last(base).ends_with(ending))
}

fn delete_override<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.scope().kind != ScopeKind::Class || walk.parent_kind() != Kind::Block {
        return;
    }
    let function = match GRAMMAR.kind(node) {
        Kind::DecoratedDefinition => walk.field(node, Field::Definition),
        _ => Some(node),
    };
    let name = function.filter(|function| GRAMMAR.kind(*function) == Kind::FunctionDefinition);
    let Some(name) = name.and_then(|function| walk.field(function, Field::Name)) else { return };
    let name = walk.text(name);
    let survey = walk.survey();
    let Some(class) = walk.class(&survey) else { return };
    let Some(method) = class.method(name) else { return };
    let alone = class.methods.iter().filter(|other| other.name == name).count() == 1;
    let plain = alone && (!method.decorated || method.property) && name != "__repr__";
    if plain && !class.mentioned.contains(&name) && has_other(walk, &survey, class, method, node) {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

/// Whether another method is used when this one is removed.
fn has_other<'t>(
    walk: &Walk<'t, '_>,
    survey: &Survey<'t>,
    class: &Class<'t>,
    method: &Signature<'t>,
    node: Node<'t>,
) -> bool {
    if let Some(other) = survey.method(class, method.name, false) {
        return !other.is_abstract
            && other.property == method.property
            && other.parameters.len() == method.parameters.len();
    }
    let open = method.name != "__init__" || (method.star && method.stars);
    let calls_it = || walk.text(node).contains(&format!("super().{}(", method.name));
    INHERITED.contains(&method.name) || (open && !is_root(class) && calls_it())
}

fn remove_base<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(list) = walk.field(node, Field::Superclasses) else { return };
    let arguments = children(list);
    let base = |argument: &&Node<'t>| {
        !matches!(
            GRAMMAR.kind(**argument),
            Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
        )
    };
    let bases = arguments.iter().filter(base).count();
    for (index, argument) in arguments.iter().enumerate() {
        let name = last(walk.text(*argument));
        let refused = HOLLOW.contains(&name) || VITAL.contains(&name);
        if !base(&argument) || refused || (bases == 1 && is_exception(name)) {
            continue;
        }
        let range = match (index.checked_sub(1), arguments.get(index + 1)) {
            (Some(before), _) => arguments[before].end_byte()..argument.end_byte(),
            (None, Some(next)) => argument.start_byte()..next.start_byte(),
            (None, None) => list.byte_range(),
        };
        walk.propose(*argument, range, "");
    }
}

fn delete_decorator<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node).trim_start_matches('@').trim_start();
    let name = last(text.split(['(', ' ', '#', '\n']).next().unwrap_or(text).trim_end());
    if QUIET.contains(&name) || name.contains("abstract") || is_half_of_property(walk, name) {
        return;
    }
    if let Some(lines) = statements::whole_lines(walk.text, node.byte_range()) {
        walk.propose(node, lines, "");
    }
}

/// Whether a setter needs the property.
fn is_half_of_property(walk: &Walk<'_, '_>, decorator: &str) -> bool {
    if !decorator.ends_with("property") || walk.scope().kind != ScopeKind::Class {
        return false;
    }
    let survey = walk.survey();
    let definition = walk.parent().and_then(|parent| walk.field(parent, Field::Definition));
    let name = definition.and_then(|function| walk.field(function, Field::Name));
    let name = name.map_or("", |name| walk.text(name));
    walk.class(&survey).is_none_or(|class| {
        class.methods.iter().filter(|method| method.name == name).count() != 1
            || class.mentioned.contains(&name)
    })
}

fn call_wrong_override<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(name) = called_on_super(walk, node) else { return };
    let Some(object) = calls::receiver(walk, node) else { return };
    let survey = walk.survey();
    let Some(class) = walk.class(&survey) else { return };
    let Some(current) = walk.method() else { return };
    let mut ancestors = (0..).map_while(|depth| walk.ancestor_node(depth));
    let function = ancestors.find(|(_, kind)| *kind == Kind::FunctionDefinition);
    let of_self = function.is_some_and(|(function, _)| {
        let parameters = walk.field(function, Field::Parameters).map_or("", |p| walk.text(p));
        function.byte_range() == current.range && parameters.starts_with("(self")
    });
    if !of_self {
        return;
    }
    let own = class.method(name).is_some_and(|method| !method.property);
    let in_another = current.name != name && own;
    // A class between this one and the next that has the method.
    let skipped = class.bases.first().copied().filter(|base| {
        survey.class(base).is_some_and(|class| {
            class.method(name).is_some() && survey.method(class, name, false).is_some()
        })
    });
    if in_another {
        walk.replace(object, "self");
    }
    if let Some(base) = skipped {
        walk.replace(object, format!("super({base}, self)"));
    }
}
