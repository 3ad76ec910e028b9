//! Locks: `LKD`, `LKN`, `LKO`, `LKR`.

use tree_sitter::Node;

use super::{has_comment, shape, structural};
use crate::braces::Shape;
use crate::braces::facts::mentions;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements::{Statement, statement, swapped};
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

const STATEMENTS: &[Kind] = &[Kind::ExpressionStatement, Kind::Let, Kind::Sync];

pub(crate) const LKD: Shape = structural(shape(
    "LKD",
    Family::Concurrency,
    Difficulty::Hard,
    "Take no lock: delete the statements that take and give it back",
    STATEMENTS,
    drop_lock,
));

pub(crate) const LKN: Shape = structural(shape(
    "LKN",
    Family::Concurrency,
    Difficulty::Hard,
    "Hold a lock for less: a statement moves out of the critical section",
    STATEMENTS,
    narrow_lock,
));

pub(crate) const LKO: Shape = structural(shape(
    "LKO",
    Family::Concurrency,
    Difficulty::Hard,
    "Take two locks in the other order, where another function takes both as well",
    STATEMENTS,
    invert_locks,
));

pub(crate) const LKR: Shape = structural(shape(
    "LKR",
    Family::Concurrency,
    Difficulty::Medium,
    "Take a lock twice, or make a recursive one plain",
    &[Kind::ExpressionStatement, Kind::Let, Kind::Identifier],
    lock_twice,
));

/// A statement that acquires a lock.
struct Lock<'t> {
    /// The expression of the lock.
    what: &'t str,
    /// The function that releases it.
    give: &'static str,
    /// The name of the guard that releases it when it is dropped.
    guard: Option<&'t str>,
}

/// The lock that a statement acquires.
fn lock<'t>(walk: &Walk<'t, '_>, statement: Node<'t>) -> Option<Lock<'t>> {
    let declared = walk.declared(statement);
    let guard = declared.as_ref().and_then(|declared| declared.names.first()).copied();
    let mut inner = match &declared {
        Some(declared) => *declared.values.first()?,
        None => walk.expression(statement),
    };
    // `m.lock().unwrap()`, `await m.acquire()`
    loop {
        inner = match walk.kind(inner) {
            Kind::Await | Kind::Question => *children(inner).first()?,
            Kind::Call if matches!(walk.callee(inner), "unwrap" | "expect") => {
                walk.call(inner)?.receiver?
            }
            _ => break,
        };
    }
    let call = walk.call(inner)?;
    let name = walk.callee(inner);
    let (_, give) = walk.syntax.locks.iter().find(|(take, _)| *take == name)?;
    let what = match call.receiver {
        Some(receiver) => walk.text(receiver),
        None => walk.text(*children(call.arguments).first()?),
    };
    // In Rust the name is a guard that releases the lock; elsewhere it is a result.
    let guards = walk.rules().moves;
    (guard.is_none() != guards).then(|| Lock {
        what,
        give,
        guard: guard.map(|name| walk.text(name)),
    })
}

/// Whether the statement releases the lock.
fn gives_back<'t>(walk: &Walk<'t, '_>, statement: Node<'t>, lock: &Lock<'t>) -> bool {
    let inner = match walk.kind(statement) {
        Kind::Defer => match children(statement).first() {
            Some(inner) => *inner,
            None => return false,
        },
        _ => walk.expression(statement),
    };
    let Some(call) = walk.call(inner) else { return false };
    let what = call.receiver.or_else(|| children(call.arguments).first().copied());
    walk.callee(inner) == lock.give && what.is_some_and(|what| walk.text(what) == lock.what)
}

/// The statements after this one that release the lock, also nested ones.
fn returns_of<'t>(walk: &Walk<'t, '_>, taken: Statement<'t>, lock: &Lock<'t>) -> Vec<Node<'t>> {
    let mut found = Vec::new();
    let mut rest: Vec<Node<'t>> =
        std::iter::successors(taken.next(), Node::next_named_sibling).collect();
    while let Some(node) = rest.pop() {
        if matches!(walk.kind(node), Kind::ExpressionStatement | Kind::Defer)
            && gives_back(walk, node, lock)
        {
            found.push(node);
        } else if !matches!(walk.kind(node), Kind::Function | Kind::Closure) {
            rest.extend(children(node));
        }
    }
    found
}

fn drop_lock<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Sync {
        if let Some(body) = walk.field(node, Field::Body) {
            walk.replace(node, walk.text(body).to_owned());
        }
        return;
    }
    let Some(taken) = statement(walk, node) else { return };
    let Some(lock) = lock(walk, node) else { return };
    let lines = |node: Node<'t>| {
        let range = node.byte_range();
        walk.whole_lines(range.clone()).unwrap_or(range)
    };
    if let Some(guard) = lock.guard {
        // Only a guard that is not used to access the protected value can be dropped.
        let span = walk.function_span();
        if !walk.facts.is_read(guard, span, &node.byte_range()) {
            walk.propose(node, lines(node), "");
        }
        return;
    }
    if let [given] = returns_of(walk, taken, &lock)[..] {
        let (first, second) = (lines(node), lines(given));
        let between = walk.text[first.end..second.start].to_owned();
        walk.propose(node, first.start..second.end, between);
    }
}

fn narrow_lock<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Sync {
        return narrow_block(walk, node);
    }
    let Some(taken) = statement(walk, node) else { return };
    let Some(lock) = lock(walk, node) else { return };
    // `mu.Lock(); defer mu.Unlock(); first()` → `first(); mu.Lock(); defer mu.Unlock()`
    let mut last = node;
    if let Some(next) = taken.next().filter(|next| walk.kind(*next) == Kind::Defer) {
        if !gives_back(walk, next, &lock) {
            return;
        }
        last = next;
    }
    let all = std::iter::successors(last.next_named_sibling(), Node::next_named_sibling);
    let Some(moved) = all.into_iter().find(|next| !next.is_extra()) else { return };
    let between = &walk.text[last.end_byte()..moved.start_byte()];
    let guard = lock.guard.is_some_and(|guard| mentions(walk.text(moved), guard));
    let plain = matches!(
        walk.kind(moved),
        Kind::ExpressionStatement | Kind::If | Kind::Assignment | Kind::Update
    ) && !walk.jumps(moved)
        && !gives_back(walk, moved, &lock)
        && self::lock(walk, moved).is_none();
    let tail = walk.rules().tail_values && moved.next_named_sibling().is_none();
    if plain && !guard && !tail && !has_comment(between) {
        let held = &walk.text[node.start_byte()..last.end_byte()];
        let text = format!("{}{between}{held}", walk.text(moved));
        walk.propose(node, node.start_byte()..moved.end_byte(), text);
    }
}

/// Java: moves the last statement of a `synchronized` block behind it.
fn narrow_block<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let Some(body) = walk.field(node, Field::Body) else { return };
    let statements = walk.statements(body);
    let [.., before, last] = statements[..] else { return };
    let local = walk
        .facts
        .declared_in(&(body.start_byte()..before.end_byte()))
        .any(|name| mentions(walk.text(last), name));
    if walk.kind(last) == Kind::ExpressionStatement && !local && !walk.jumps(before) {
        let rest = &walk.text[last.end_byte()..body.end_byte()];
        let newline = format!("\n{}", walk.indent(node.start_byte()));
        let moved = format!("{rest}{newline}{}", walk.text(last));
        walk.propose(node, before.end_byte()..body.end_byte(), moved);
    }
}

fn invert_locks<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Sync {
        return invert_blocks(walk, node);
    }
    let Some(first) = statement(walk, node) else { return };
    let Some(second) = first.next() else { return };
    let (Some(a), Some(b)) = (lock(walk, node), lock(walk, second)) else { return };
    if a.what != b.what && both_elsewhere(walk, a.what, b.what) {
        let (range, text) = swapped(walk, node, second);
        walk.propose(node, range, text);
    }
}

/// Whether code outside of the current function acquires both locks as well.
fn both_elsewhere(walk: &Walk<'_, '_>, a: &str, b: &str) -> bool {
    let span = walk.function_span();
    let rest = [&walk.text[..span.start], &walk.text[span.end.min(walk.text.len())..]];
    let locked = |what: &str| {
        rest.iter().any(|text| {
            walk.syntax.locks.iter().any(|(take, _)| {
                text.contains(&format!("{what}.{take}("))
                    || text.contains(&format!("{take}({what}"))
            }) || text.contains(&format!("synchronized ({what})"))
        })
    };
    locked(a) && locked(b)
}

fn sync_target<'t>(walk: &Walk<'t, '_>, node: Node<'t>) -> Option<Node<'t>> {
    children(node).into_iter().find(|child| walk.kind(*child) == Kind::Parenthesized)
}

/// Java: `synchronized (a) { synchronized (b) { … } }`.
fn invert_blocks<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let (Some(outer), Some(body)) = (sync_target(walk, node), walk.field(node, Field::Body)) else {
        return;
    };
    let statements = walk.statements(body);
    let Some(inner) = statements.first().filter(|first| walk.kind(**first) == Kind::Sync) else {
        return;
    };
    let Some(target) = sync_target(walk, *inner) else { return };
    let (a, b) = (walk.text(outer), walk.text(target));
    let bare = |text: &str| text.trim_matches(['(', ')']).to_owned();
    if a != b && both_elsewhere(walk, &bare(a), &bare(b)) {
        let between = &walk.text[outer.end_byte()..target.start_byte()];
        let text = format!("{b}{between}{a}");
        walk.propose(node, outer.start_byte()..target.end_byte(), text);
    }
}

fn lock_twice<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Identifier {
        if walk.text(node) == "PTHREAD_MUTEX_RECURSIVE" {
            walk.replace(node, "PTHREAD_MUTEX_NORMAL");
        }
        return;
    }
    if statement(walk, node).is_none() || lock(walk, node).is_none() {
        return;
    }
    let newline = if walk.text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = match walk.whole_lines(node.byte_range()) {
        Some(_) => format!("{newline}{}", walk.indent(node.start_byte())),
        None => " ".to_owned(),
    };
    let mut again = walk.text(node).to_owned();
    // The first guard must outlive the second statement.
    if let Some(guard) = lock(walk, node).and_then(|lock| lock.guard) {
        again = again.replacen(guard, &format!("_{}", guard.trim_start_matches('_')), 1);
        if again == walk.text(node) {
            again = again.replacen(guard, &format!("{guard}_again"), 1);
        }
        again = again.replacen("let mut ", "let ", 1);
    }
    walk.propose(node, node.start_byte()..node.start_byte(), format!("{again}{gap}"));
}
