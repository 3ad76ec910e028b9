//! Async code and waiting: `AWD`, `ASY`, `CVN`, `JND`.

use tree_sitter::Node;

use super::{shape, structural};
use crate::braces::Shape;
use crate::braces::grammar::{Field, Kind, children};
use crate::braces::statements;
use crate::braces::walk::Walk;
use crate::{Difficulty, Family};

pub(crate) const AWD: Shape = structural(shape(
    "AWD",
    Family::Concurrency,
    Difficulty::Medium,
    "Do not wait: drop an `await`",
    &[Kind::Await],
    drop_await,
));

pub(crate) const ASY: Shape = structural(shape(
    "ASY",
    Family::Concurrency,
    Difficulty::Medium,
    "Drop the `async` of a function that awaits nothing, or the `await` of a loop",
    &[Kind::Function, Kind::Closure, Kind::ForEach],
    drop_async,
));

pub(crate) const CVN: Shape = shape(
    "CVN",
    Family::Concurrency,
    Difficulty::Hard,
    "Wait once instead of as long as the condition asks for, or wake one instead of all",
    &[Kind::While, Kind::For, Kind::Call],
    wait_once,
);

pub(crate) const JND: Shape = structural(shape(
    "JND",
    Family::Concurrency,
    Difficulty::Hard,
    "Do not wait for other threads or tasks",
    &[Kind::ExpressionStatement, Kind::Call],
    join_nothing,
));

fn drop_await<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let [inner] = children(node)[..] else { return };
    if walk.syntax.name == "rust" {
        // Elsewhere a future would be of the wrong type.
        if walk.parent_kind() == Kind::ExpressionStatement {
            walk.replace(node, walk.text(inner).to_owned());
        }
        return;
    }
    walk.propose(node, node.start_byte()..inner.start_byte(), "");
}

fn drop_async<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    let text = walk.text(node);
    if walk.kind(node) == Kind::ForEach {
        if let Some(rest) = text.strip_prefix("for await") {
            let start = node.start_byte() + "for".len();
            let gap = rest.len() - rest.trim_start().len();
            walk.propose(node, start..start + " await".len() + gap.saturating_sub(1), "");
        }
        return;
    }
    let Some(body) = walk.field(node, Field::Body) else { return };
    let mut cursor = node.walk();
    let word = node.children(&mut cursor).find(|child| walk.text(*child) == "async");
    drop(cursor);
    if let Some(word) = word.filter(|_| !walk.text(body).contains("await")) {
        let rest = &walk.text[word.end_byte()..];
        let gap = rest.len() - rest.trim_start().len();
        walk.propose(node, word.start_byte()..word.end_byte() + gap, "");
    }
}

fn wait_once<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Call {
        if let Some(call) = walk.call(node) {
            let name = walk.text(call.name);
            let one = walk.syntax.wakes.iter().find(|(all, _)| *all == name);
            if let Some((_, one)) = one {
                walk.replace(call.name, *one);
            }
        }
        return;
    }
    let keyword = if walk.kind(node) == Kind::While { "while" } else { "for" };
    let Some(condition) = super::relational::condition(walk, node) else { return };
    let Some(body) = walk.field(node, Field::Body) else { return };
    let text = walk.text(body);
    let waits = walk.syntax.waits.iter().any(|wait| text.contains(&format!("{wait}(")));
    let jumps = text.contains("break") || text.contains("continue");
    if waits && !jumps && walk.text(condition) != "true" && walk.text(node).starts_with(keyword) {
        let start = node.start_byte();
        walk.propose(node, start..start + keyword.len(), "if");
    }
}

fn join_nothing<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.kind(node) == Kind::Call {
        return unbuffer(walk, node);
    }
    let mut inner = walk.expression(node);
    // Go: `<-done`
    if walk.syntax.name == "go" && walk.operator_text(inner) == "<-" {
        return statements::delete(walk, node);
    }
    let text = walk.text(inner);
    // `handle.join().unwrap()`, `await Promise.all(tasks)`
    loop {
        let next = match walk.kind(inner) {
            Kind::Await | Kind::Question => children(inner).first().copied(),
            Kind::Call if matches!(walk.callee(inner), "unwrap" | "expect" | "ok") => {
                walk.call(inner).and_then(|call| call.receiver)
            }
            _ => break,
        };
        let Some(next) = next else { return };
        inner = next;
    }
    let name = walk.callee(inner);
    let promises = walk.syntax.name != "javascript" || text.contains("Promise.");
    if walk.kind(inner) == Kind::Call && walk.syntax.joins.contains(&name) && promises {
        statements::delete(walk, node);
    }
}

/// Go: `make(chan T, n)` → `make(chan T)`.
fn unbuffer<'t>(walk: &mut Walk<'t, '_>, node: Node<'t>) {
    if walk.syntax.name != "go" || walk.callee(node) != "make" {
        return;
    }
    let Some(call) = walk.call(node) else { return };
    if let [channel, size] = children(call.arguments)[..]
        && walk.text(channel).contains("chan ")
    {
        walk.propose(node, channel.end_byte()..size.end_byte(), "");
    }
}
