//! Restores arguments, from other calls of the same function, its parameters and names in scope.

use std::collections::HashSet;

use tree_sitter::Node;

use super::facts::RepairFacts;
use super::idioms::{CallIdiom, ParameterIdiom};
use super::{Inverse, RepairOrigin};
use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::operators::data_flow::arguments::{OPTIONAL, callee};
use crate::python::walk::Walk;

pub(super) static INVERSES: &[Inverse] =
    &[Inverse { kinds: &[Kind::ArgumentList], find: restore_arguments }];

/// Values that the last argument of well-known functions often has.
const USUAL: &[(&str, &[&str])] = &[
    ("get", &["0", "\"\"", "''", "[]", "{}", "False", "()", "True", "1"]),
    ("getattr", &["None", "False", "0", "\"\"", "''", "()", "True"]),
    ("next", &["None", "default", "False"]),
    ("pop", &["None", "False", "0", "-1"]),
    ("range", &["-1", "2", "step"]),
    ("round", &["2", "1", "3"]),
    ("replace", &["1"]),
    ("rsplit", &["1"]),
    ("setdefault", &["[]", "{}", "0", "set()", "()"]),
    ("split", &["1", "maxsplit"]),
    ("sum", &["[]", "()", "1"]),
    ("strip", &["\" \"", "\"\\n\""]),
    ("rstrip", &["\"/\"", "\"\\n\"", "\"\\r\\n\""]),
    ("lstrip", &["\"/\"", "\".\""]),
    ("int", &["16", "2", "8", "base"]),
    ("log", &["2", "10", "base"]),
];

/// The names that are tried as passed on in one call.
const MOST_PASSED: usize = 24;

/// The arguments that a call has.
struct Given<'t> {
    list: Node<'t>,
    arguments: Vec<Node<'t>>,
    positional: Vec<&'t str>,
    keywords: Vec<&'t str>,
    open: bool,
}

/// An argument to restore.
struct Missing {
    origin: RepairOrigin,
    keyword: Option<String>,
    value: String,
}

fn restore_arguments<'t>(walk: &mut Walk<'t, '_>, list: Node<'t>) {
    let (Some(name), Some(facts)) = (callee(walk), walk.facts()) else { return };
    let given = given(walk, list);
    let mut missing = Vec::new();
    from_calls(facts, name, &given, &mut missing);
    from_parameters(walk, facts, name, &given, &mut missing);
    from_names(walk, facts, &given, &mut missing);
    usual(walk, facts, name, &given, &mut missing);
    passed_on(walk, facts, &given, &mut missing);
    let mut seen = HashSet::new();
    for one in missing {
        if seen.insert((one.keyword.clone(), one.value.clone())) {
            insert(walk, facts, name, &given, &one);
        }
    }
}

fn given<'t>(walk: &Walk<'t, '_>, list: Node<'t>) -> Given<'t> {
    let arguments = children(list);
    let mut given =
        Given { list, arguments, positional: Vec::new(), keywords: Vec::new(), open: false };
    for argument in given.arguments.clone() {
        match GRAMMAR.kind(argument) {
            Kind::KeywordArgument => {
                let name = walk.field(argument, Field::Name);
                given.keywords.extend(name.map(|name| walk.text(name)));
            }
            Kind::ListSplat | Kind::DictionarySplat => given.open = true,
            _ => given.positional.push(walk.text(argument)),
        }
    }
    given
}

/// Whether the value can be written here: a literal, or an expression of names that the file has.
fn is_known(facts: &RepairFacts<'_>, value: &str) -> bool {
    let root = value.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
    root.is_empty()
        || root.starts_with(|c: char| c.is_ascii_digit())
        || facts.knows(root)
        || matches!(root, "True" | "False" | "None" | "lambda" | "not" | "b" | "f" | "r")
}

fn from_calls(facts: &RepairFacts<'_>, name: &str, given: &Given<'_>, missing: &mut Vec<Missing>) {
    let next = given.positional.len();
    for (own, idioms) in facts.each() {
        for call in idioms.calls.get(name).map_or(&[][..], Vec::as_slice) {
            for (key, value) in &call.keywords {
                if !given.keywords.contains(&&**key) && is_known(facts, value) {
                    let origin = match own {
                        true => RepairOrigin::SiblingKeyword,
                        false => RepairOrigin::FarKeyword,
                    };
                    let (keyword, value) = (Some(key.to_string()), value.to_string());
                    missing.push(Missing { origin, keyword, value });
                }
            }
            if let Some(value) = call.positional.get(next)
                && !given.open
                && is_known(facts, value)
            {
                let origin = match own {
                    true => RepairOrigin::SiblingArgument,
                    false => RepairOrigin::FarArgument,
                };
                missing.push(Missing { origin, keyword: None, value: value.to_string() });
            }
        }
    }
}

fn from_parameters<'t>(
    walk: &Walk<'t, '_>,
    facts: &RepairFacts<'t>,
    name: &str,
    given: &Given<'t>,
    missing: &mut Vec<Missing>,
) {
    let found = facts.each().find_map(|(_, idioms)| idioms.parameters.get(name));
    let parameters: &[ParameterIdiom] = found.map_or(&[], Vec::as_slice);
    for (index, parameter) in parameters.iter().enumerate() {
        let Some(default) = &parameter.default else { continue };
        let name = &*parameter.name;
        if given.keywords.contains(&name) || index < given.positional.len() {
            continue;
        }
        let next = index == given.positional.len() && !parameter.keyword_only && !given.open;
        let mut add = |origin: RepairOrigin, by_place: RepairOrigin, value: &str| {
            if value != &**default {
                let keyword = Some(name.to_owned());
                missing.push(Missing { origin, keyword, value: value.to_owned() });
                if next {
                    let (origin, value) = (by_place, value.to_owned());
                    missing.push(Missing { origin, keyword: None, value });
                }
            }
        };
        if walk.scope().binding(name).is_some() {
            let unread = facts.uses(name, &walk.scope().range) < 2;
            match unread {
                true => add(RepairOrigin::UnreadKeyword, RepairOrigin::UnreadArgument, name),
                false => add(RepairOrigin::NamedKeyword, RepairOrigin::NamedArgument, name),
            }
        }
        let value = |text: &str| match text {
            "True" => Some("False"),
            "False" => Some("True"),
            "None" => Some("True"),
            "0" => Some("1"),
            _ => None,
        };
        if let Some(value) = value(default) {
            add(RepairOrigin::KeywordValue, RepairOrigin::FarArgument, value);
        }
        let attribute = format!("self.{name}");
        let of_self = facts.own().and_then(|own| own.members.get("self"));
        if of_self.is_some_and(|members| members.of(name) > 0) {
            add(RepairOrigin::NamedKeyword, RepairOrigin::NamedArgument, &attribute);
        }
        // `name=entry.name`
        let members = facts.own().map(|own| &own.members);
        let holders = members.into_iter().flatten().filter(|(_, members)| members.of(name) > 0);
        let mut holders: Vec<_> = holders.map(|(holder, _)| &**holder).collect();
        holders.sort_unstable();
        for holder in holders.into_iter().filter(|one| walk.scope().binding(one).is_some()) {
            let value = format!("{holder}.{name}");
            add(RepairOrigin::NamedKeyword, RepairOrigin::NamedArgument, &value);
        }
        let values = facts.each().filter_map(|(_, idioms)| idioms.keywords.get(name));
        for value in values.flat_map(|values| values.top(3)).take(4) {
            if is_known(facts, value) {
                add(RepairOrigin::KeywordValue, RepairOrigin::FarArgument, value);
            }
        }
        if next {
            for other in walk.scope().all_bindings().take(6) {
                let origin = match facts.uses(other.name, &walk.scope().range) < 2 {
                    true => RepairOrigin::UnreadArgument,
                    false => RepairOrigin::LocalArgument,
                };
                let value = other.name.to_owned();
                missing.push(Missing { origin, keyword: None, value });
            }
        }
    }
}

/// Variables that nothing reads may have been passed on under their own name.
fn from_names<'t>(
    walk: &Walk<'t, '_>,
    facts: &RepairFacts<'t>,
    given: &Given<'t>,
    missing: &mut Vec<Missing>,
) {
    for binding in walk.scope().all_bindings() {
        let name = binding.name;
        if !given.keywords.contains(&name) && facts.uses(name, &walk.scope().range) < 2 {
            let (origin, keyword) = (RepairOrigin::UnreadKeyword, Some(name.to_owned()));
            missing.push(Missing { origin, keyword, value: name.to_owned() });
        }
    }
}

/// In a call that passes variables or attributes on under their own names, others may have been.
fn passed_on<'t>(
    walk: &Walk<'t, '_>,
    facts: &RepairFacts<'t>,
    given: &Given<'t>,
    missing: &mut Vec<Missing>,
) {
    let value = |argument: &Node<'t>| walk.field(*argument, Field::Value).map(|v| walk.text(v));
    let pairs = || {
        let named = given.arguments.iter().filter(|a| GRAMMAR.kind(**a) == Kind::KeywordArgument);
        named.filter_map(value).zip(&given.keywords)
    };
    let mut add = |name: &str, value: String| {
        if !given.keywords.contains(&name) {
            let (origin, keyword) = (RepairOrigin::PassedKeyword, Some(name.to_owned()));
            missing.push(Missing { origin, keyword, value });
        }
    };
    if pairs().any(|(value, key)| value == *key) {
        for other in walk.visible().take(MOST_PASSED) {
            add(other.name, other.name.to_owned());
        }
    }
    if pairs().any(|(value, key)| value.strip_prefix("self.") == Some(*key)) {
        let members = facts.own().and_then(|own| own.members.get("self"));
        for name in members.map(|members| members.top(MOST_PASSED)).unwrap_or_default() {
            add(name, format!("self.{name}"));
        }
    }
}

fn usual<'t>(
    walk: &Walk<'t, '_>,
    facts: &RepairFacts<'t>,
    name: &str,
    given: &Given<'t>,
    missing: &mut Vec<Missing>,
) {
    let optional = OPTIONAL
        .iter()
        .find(|(callee, needed, _)| (*callee, *needed) == (name, given.positional.len()));
    let Some((_, _, default)) = optional.filter(|_| !given.open) else { return };
    for other in walk.scope().all_bindings().take(12) {
        let origin = match facts.uses(other.name, &walk.scope().range) < 2 {
            true => RepairOrigin::UnreadArgument,
            false => RepairOrigin::LocalArgument,
        };
        missing.push(Missing { origin, keyword: None, value: other.name.to_owned() });
    }
    let values = USUAL.iter().find(|(callee, _)| *callee == name).map_or(&[][..], |(_, v)| *v);
    for value in values.iter().filter(|value| *value != default && is_known(facts, value)) {
        let (origin, value) = (RepairOrigin::OptionalArgument, (*value).to_owned());
        missing.push(Missing { origin, keyword: None, value });
    }
}

/// Proposes the argument at the place that other calls give it, and a keyword also elsewhere.
fn insert<'t>(
    walk: &mut Walk<'t, '_>,
    facts: &RepairFacts<'t>,
    name: &str,
    given: &Given<'t>,
    missing: &Missing,
) {
    let argument = match &missing.keyword {
        Some(keyword) => format!("{keyword}={}", missing.value),
        None => missing.value.clone(),
    };
    if given.arguments.is_empty() {
        let (list, new) = (given.list, format!("({argument})"));
        return walk.repair(missing.origin, list, list.byte_range(), new);
    }
    let named = |one: &&Node<'t>| GRAMMAR.kind(**one) == Kind::KeywordArgument;
    let first_keyword = given.arguments.iter().position(|one| named(&one));
    let count = given.arguments.len();
    let Some(keyword) = &missing.keyword else {
        let splat = |one: &&Node<'t>| {
            matches!(GRAMMAR.kind(**one), Kind::KeywordArgument | Kind::DictionarySplat)
        };
        let at = given.arguments.iter().position(|one| splat(&one)).unwrap_or(count);
        return put(walk, given, missing.origin, at, &argument);
    };
    let first = first_keyword.unwrap_or(count);
    let best = place(facts, name, given, first, keyword);
    put(walk, given, missing.origin, best, &argument);
    // `**kwargs` and later keywords have any order.
    if missing.origin.weight() > RepairOrigin::KeywordElsewhere.weight() {
        for at in (first..=count).filter(|at| *at != best).take(4) {
            put(walk, given, RepairOrigin::KeywordElsewhere, at, &argument);
        }
    }
}

/// The place of a keyword among the arguments, in the order that other calls or the parameters have.
fn place(
    facts: &RepairFacts<'_>,
    name: &str,
    given: &Given<'_>,
    first: usize,
    keyword: &str,
) -> usize {
    let count = given.arguments.len();
    let has = |call: &&CallIdiom| {
        let keys = || call.keywords.iter().map(|(key, _)| &**key);
        keys().any(|key| key == keyword) && keys().any(|key| given.keywords.contains(&key))
    };
    let call =
        facts.each().find_map(|(_, idioms)| idioms.calls.get(name)?.iter().find(|call| has(call)));
    let parameters = facts.each().find_map(|(_, idioms)| idioms.parameters.get(name));
    let order: Vec<&str> = match (call, parameters) {
        (Some(call), _) => call.keywords.iter().map(|(key, _)| &**key).collect(),
        (None, Some(parameters)) => parameters.iter().map(|one| &*one.name).collect(),
        (None, None) => return last_place(given),
    };
    let Some(own) = order.iter().position(|key| *key == keyword) else { return last_place(given) };
    let later = |key: &&str| order.iter().position(|other| other == key).is_some_and(|at| at > own);
    match given.keywords.iter().position(later) {
        Some(index) => (first + index).min(count),
        None => last_place(given),
    }
}

/// Behind the last argument, or before a `**`.
fn last_place(given: &Given<'_>) -> usize {
    let stars = |one: &Node<'_>| GRAMMAR.kind(*one) == Kind::DictionarySplat;
    given.arguments.iter().position(stars).unwrap_or(given.arguments.len())
}

/// Proposes to insert the argument before the one at `at`, with the blanks that the others have.
fn put<'t>(
    walk: &mut Walk<'t, '_>,
    given: &Given<'t>,
    origin: RepairOrigin,
    at: usize,
    argument: &str,
) {
    let arguments = &given.arguments;
    let text = walk.text;
    let between = |a: Node<'t>, b: Node<'t>| &text[a.end_byte()..b.start_byte()];
    let own = arguments.windows(2).last().map(|pair| between(pair[0], pair[1]));
    let own = own.filter(|between| !between.contains('#')).map(str::to_owned);
    let separator = own.unwrap_or_else(|| {
        let lead =
            arguments.first().map(|one| &text[given.list.start_byte() + 1..one.start_byte()]);
        match lead.filter(|lead| lead.contains('\n') && !lead.contains('#')) {
            Some(lead) => format!(",{lead}"),
            None => ", ".to_owned(),
        }
    });
    match at.checked_sub(1).and_then(|before| arguments.get(before)) {
        Some(before) => {
            let end = before.end_byte();
            walk.repair(origin, given.list, end..end, format!("{separator}{argument}"));
        }
        None => {
            let Some(first) = arguments.first() else { return };
            let start = first.start_byte();
            walk.repair(origin, given.list, start..start, format!("{argument}{separator}"));
        }
    }
}
