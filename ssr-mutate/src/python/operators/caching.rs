//! Caches, their keys and their invalidation.

use tree_sitter::Node;

use crate::python::grammar::{Field, GRAMMAR, Kind, children};
use crate::python::walk::Walk;
use crate::python::{Rule, calls, statements};
use crate::{Difficulty, Family, Operator};

/// Methods that remove entries of a cache.
const EVICTIONS: &[&str] =
    &["clear", "pop", "popitem", "delete", "delete_many", "discard", "remove", "evict"];

/// Names of cache keys.
const KEYS: &[&str] = &["key", "cache_key", "memo_key", "lookup_key"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        operator: Operator {
            id: "CIV",
            version: 1,
            family: Family::Caching,
            difficulty: Difficulty::Hard,
            description: "Do not invalidate a cache",
            examples: &[
                (
                    "def f(self):\n    self.x = 1\n    self._cache.clear()\n",
                    "def f(self):\n    self.x = 1\n",
                ),
                ("if a:\n    get_models.cache_clear()\n", "if a:\n    pass\n"),
                (
                    "def f(self):\n    self.__dict__.pop(\"x\", None); self.y = 1\n",
                    "def f(self):\n    pass; self.y = 1\n",
                ),
                (
                    "def f(self):\n    del self.total\n    del memo[a]\n",
                    "def f(self):\n    del memo[a]\n",
                ),
                (
                    "def f(self):\n    del self.total\n    del memo[a]\n",
                    "def f(self):\n    del self.total\n",
                ),
            ],
            untouched: &[
                "items.clear()\n",
                "x = cache.pop(a)\n",
                "del x\n",
                "del items[0]\n",
                "def __delattr__(self, name):\n    del x\n",
            ],
            structural: true,
        },
        kinds: &[Kind::ExpressionStatement, Kind::DeleteStatement],
        find: keep_stale,
    },
    Rule {
        operator: Operator {
            id: "CKD",
            version: 1,
            family: Family::Caching,
            difficulty: Difficulty::Hard,
            description: "Forget a part of the key of a cache, or cache a property that changes",
            examples: &[
                ("x = self._cache[a, b]\n", "x = self._cache[a]\n"),
                ("memo[(a, b, c)] = d\n", "memo[(a, c)] = d\n"),
                ("key = (a, f(b))\n", "key = (a,)\n"),
                ("cache_key = a, b, c\n", "cache_key = b, c\n"),
                (
                    "class A:\n    @cached_property\n    def a(self):\n        return 1\n\n    @property\n    def b(self):\n        return self.c\n",
                    "class A:\n    @cached_property\n    def a(self):\n        return 1\n\n    @cached_property\n    def b(self):\n        return self.c\n",
                ),
            ],
            untouched: &[
                "x = matrix[a, b]\n",
                "pair = (a, b)\n",
                "key = a\n",
                "class A:\n    @property\n    def b(self):\n        return self.c\n",
                "class A:\n    @cached_property\n    def a(self):\n        return 1\n\n    @property\n    def b(self):\n        return self.c\n\n    @b.setter\n    def b(self, c):\n        self.c = c\n",
            ],
            structural: false,
        },
        kinds: &[Kind::Subscript, Kind::Assignment, Kind::DecoratedDefinition],
        find: confuse_cache,
    },
];

/// Whether the last word of a dotted name is that of a cache.
fn is_cache(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    name.contains("cache") || name.contains("memo")
}

fn keep_stale<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(value) = node.named_child(0) else { return };
    let stale = match (GRAMMAR.kind(node), GRAMMAR.kind(value)) {
        (Kind::DeleteStatement, Kind::Attribute) => walk.text(value).starts_with("self."),
        (Kind::DeleteStatement, Kind::Subscript) => {
            value.named_child(0).is_some_and(|object| is_cache(walk.text(object)))
        }
        (Kind::ExpressionStatement, Kind::Call) => invalidates(walk, value),
        _ => false,
    };
    if stale {
        let (range, replacement) = statements::deletion(walk, node);
        walk.propose(node, range, replacement);
    }
}

fn invalidates<'t>(walk: &Walk<'t, '_>, call: Node<'t>) -> bool {
    let Some(name) = calls::name(walk, call) else { return false };
    let receiver = calls::receiver_name(walk, call);
    let evicts = EVICTIONS.contains(&name) && (is_cache(receiver) || receiver == "__dict__");
    evicts
        || name.starts_with("invalidate")
        || ["cache_clear", "clear_cache", "clear_caches", "reset_cache"]
            .iter()
            .any(|clear| name.trim_start_matches('_') == *clear)
}

fn confuse_cache<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    match GRAMMAR.kind(node) {
        Kind::Subscript => {
            let parts = children(node);
            let [object, keys @ ..] = &parts[..] else { return };
            if is_cache(walk.text(*object)) {
                match keys {
                    [key] => shorten(walk, *key),
                    keys => drop_parts(walk, keys),
                }
            }
        }
        Kind::Assignment => {
            let named = |left: Node<'t>| KEYS.contains(&walk.text(left));
            if walk.field(node, Field::Left).is_some_and(named)
                && let Some(key) = walk.field(node, Field::Right)
            {
                shorten(walk, key);
            }
        }
        _ => cache_property(walk, node),
    }
}

/// Drops one part of a tuple.
fn shorten<'t>(walk: &mut Walk<'t, '_>, key: Node<'t>) {
    let parts = children(key);
    match (GRAMMAR.kind(key), &parts[..]) {
        // With one part left it has to remain a tuple.
        (Kind::Tuple, [first, last]) => {
            for kept in [*first, *last] {
                walk.replace(key, format!("({},)", walk.text(kept)));
            }
        }
        (Kind::Tuple | Kind::ExpressionList, [_, _, _, ..]) => drop_parts(walk, &parts),
        _ => {}
    }
}

fn drop_parts<'t>(walk: &mut Walk<'t, '_>, parts: &[Node<'t>]) {
    for (index, part) in parts.iter().enumerate() {
        let range = match (parts.get(index + 1), index.checked_sub(1)) {
            (Some(next), _) => part.start_byte()..next.start_byte(),
            (None, Some(before)) => parts[before].end_byte()..part.end_byte(),
            (None, None) => return,
        };
        walk.propose(*part, range, "");
    }
}

/// `@property` → `@cached_property`, where the file has that name and nothing sets the property.
fn cache_property<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let decorators = children(node);
    let [decorator, definition] = decorators[..] else { return };
    let (Some(property), Some(name)) =
        (decorator.named_child(0), walk.field(definition, Field::Name))
    else {
        return;
    };
    if walk.text(property) != "property" || !walk.text.contains("@cached_property") {
        return;
    }
    let name = walk.text(name);
    if ["setter", "deleter"].iter().all(|set| !walk.text.contains(&format!("@{name}.{set}"))) {
        walk.replace(property, "cached_property");
    }
}
