//! Signatures of functions, and whether the arguments of a call fit them.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// How a function can be called, and whether it returns a value.
#[derive(Default)]
pub(crate) struct Signature<'t> {
    pub(crate) name: &'t str,
    /// The parameters without the `self` or `cls` of a method.
    pub(crate) parameters: Vec<Parameter<'t>>,
    /// Whether it takes any number of positional arguments.
    pub(crate) star: bool,
    /// Whether it takes any keyword argument.
    pub(crate) stars: bool,
    pub(crate) is_async: bool,
    /// Whether it is a property: reading the name gives a value, not the function.
    pub(crate) property: bool,
    /// Whether a decorator other than `staticmethod` and `classmethod` may change the signature.
    pub(crate) decorated: bool,
    /// Whether it returns a value.
    pub(crate) returns: bool,
    pub(crate) generator: bool,
    /// Whether subclasses have to define it: it is decorated as abstract or raises
    /// `NotImplementedError`.
    pub(crate) is_abstract: bool,
}

pub(crate) struct Parameter<'t> {
    pub(crate) name: &'t str,
    pub(crate) default: Option<&'t str>,
    pub(crate) keyword_only: bool,
}

/// The arguments of a call.
#[derive(Default)]
pub(crate) struct Shape<'t> {
    pub(crate) positional: usize,
    pub(crate) keywords: Vec<&'t str>,
    /// Whether it contains `*args` or `**kwargs`, so that the rest is unknown.
    pub(crate) open: bool,
}

impl<'t> Shape<'t> {
    /// The shape of an argument list.
    pub(crate) fn of(text: &'t str, arguments: Node<'t>) -> Self {
        let mut shape = Self::default();
        // In `f(x for x in xs)` the generator is in the place of the argument list.
        if GRAMMAR.kind(arguments) != Kind::ArgumentList {
            shape.positional = 1;
            return shape;
        }
        for argument in children(arguments) {
            match GRAMMAR.kind(argument) {
                Kind::KeywordArgument => {
                    let name = GRAMMAR.field(argument, Field::Name);
                    shape.keywords.extend(name.map(|name| &text[name.byte_range()]));
                }
                Kind::ListSplat | Kind::DictionarySplat => shape.open = true,
                _ => shape.positional += 1,
            }
        }
        shape
    }
}

impl<'t> Signature<'t> {
    pub(crate) fn of(
        text: &'t str,
        function: Node<'t>,
        decorators: &[&'t str],
        method: bool,
    ) -> Self {
        let own = |node: Node<'t>| &text[node.byte_range()];
        let named = |names: &[&str]| decorators.iter().any(|decorator| names.contains(decorator));
        let is_static = named(&["staticmethod"]);
        let mut signature = Self {
            name: GRAMMAR.field(function, Field::Name).map_or("", own),
            is_async: own(function).starts_with("async"),
            property: decorators.iter().any(|name| name.ends_with("property")),
            decorated: decorators
                .iter()
                .any(|name| !matches!(*name, "staticmethod" | "classmethod")),
            is_abstract: decorators.iter().any(|name| name.contains("abstract")),
            ..Self::default()
        };
        let mut keyword_only = false;
        let parameters = GRAMMAR.field(function, Field::Parameters).map(children);
        let skipped = usize::from(method && !is_static);
        for parameter in parameters.unwrap_or_default().into_iter().skip(skipped) {
            let mut push = |name: Option<Node<'t>>, default: Option<Node<'t>>| {
                signature.parameters.push(Parameter {
                    name: name.map_or("", own),
                    default: default.map(own),
                    keyword_only,
                });
            };
            let first = || parameter.named_child(0);
            match GRAMMAR.kind(parameter) {
                Kind::Identifier => push(Some(parameter), None),
                Kind::DefaultParameter | Kind::TypedDefaultParameter => {
                    let part = |field| GRAMMAR.field(parameter, field);
                    push(part(Field::Name), part(Field::Value));
                }
                Kind::TypedParameter => match first().map(|name| GRAMMAR.kind(name)) {
                    Some(Kind::ListSplatPattern) => (signature.star, keyword_only) = (true, true),
                    Some(Kind::DictionarySplatPattern) => signature.stars = true,
                    _ => push(first(), None),
                },
                Kind::ListSplatPattern => (signature.star, keyword_only) = (true, true),
                Kind::DictionarySplatPattern => signature.stars = true,
                // A bare `*`; the `/` changes nothing here.
                _ => keyword_only |= own(parameter) == "*",
            }
        }
        signature
    }

    /// Whether a call with these arguments raises no `TypeError`.
    pub(crate) fn accepts(&self, shape: &Shape<'_>) -> bool {
        let by_place = self.parameters.iter().filter(|p| !p.keyword_only).count();
        if shape.open || (shape.positional > by_place && !self.star) {
            return false;
        }
        let known = |keyword: &str| self.parameters.iter().any(|p| p.name == keyword);
        let missing = |(index, p): (usize, &Parameter<'_>)| {
            let given = !p.keyword_only && index < shape.positional;
            let keyword = shape.keywords.contains(&p.name);
            // Given twice, or required and not given.
            (given && keyword) || (!given && !keyword && p.default.is_none())
        };
        (self.stars || shape.keywords.iter().all(|keyword| known(keyword)))
            && !self.parameters.iter().enumerate().any(missing)
    }

    /// Whether a call of one in place of the other gives the same kind of result.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.returns == other.returns
            && self.generator == other.generator
            && self.is_async == other.is_async
            && self.property == other.property
    }

    /// The parameter that takes the positional argument at `index`.
    pub(crate) fn positional(&self, index: usize) -> Option<&Parameter<'t>> {
        self.parameters.get(index).filter(|parameter| !parameter.keyword_only)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter<'t>> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
