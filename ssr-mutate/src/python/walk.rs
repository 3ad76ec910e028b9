//! The walk over the syntax tree of a Python file, which runs the operators.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::LazyLock;

use tree_sitter::{Node, Tree, TreeCursor};

use super::grammar::{Field, GRAMMAR, Kind};
use super::guards::{self, Reach};
use super::repair::{RepairFacts, RepairOrigin};
use super::scope::{Binding, Scope, ScopeKind};
use super::survey::{Class, Survey};
use super::values::Known;
use super::{names, operators};
use crate::finds::{Find, Finds};

/// What finds edits at a node.
pub(super) type Finder = for<'t> fn(&mut Walk<'t, '_>, Node<'t>);

/// Finders by the kind of node that they are called with, each with its number.
pub(super) type Dispatch = Vec<Vec<(usize, Finder)>>;

/// The finders of the operators.
static DISPATCH: LazyLock<Dispatch> = LazyLock::new(operators_by_kind);

/// The finders of all operators, by the kind of node that they are called with.
pub(super) fn operators_by_kind() -> Dispatch {
    let mut dispatch = vec![Vec::new(); Kind::COUNT];
    for (number, rule) in operators::rules().enumerate() {
        for kind in rule.kinds {
            dispatch[*kind as usize].push((number, rule.find));
        }
    }
    dispatch
}

/// One walk over the syntax tree of a file, for all operators at once.
///
/// Each node is entered once, shown to the rules of its kind, and left once. The walk keeps the
/// ancestors and the names in scope, so that a rule sees them without searching the tree.
pub(super) struct Walk<'t, 'f> {
    pub(super) text: &'t str,
    tree: &'t Tree,
    /// Made when an operator asks for it for the first time.
    survey: OnceCell<Rc<Survey<'t>>>,
    /// A cache of the latest answers of [`Walk::field`], because several rules ask for the same
    /// field of a node.
    fields: [Cell<Option<Answer<'t>>>; ANSWERS],
    dispatch: &'static Dispatch,
    /// Which operators run; empty for all.
    enabled: &'f [bool],
    /// Where nodes are shown to the finders.
    region: Range<usize>,
    /// What repairs are made of; only where they are looked for.
    facts: Option<&'f RepairFacts<'t>>,
    finds: &'f mut Finds,
    ancestors: Vec<(Node<'t>, Kind)>,
    module: Scope<'t>,
    /// The open classes and functions, outermost first.
    scopes: Vec<Scope<'t>>,
    /// The number of statements in each open block.
    blocks: Vec<usize>,
    /// The number of the rule that is running.
    rule: usize,
    /// The role of the last identifier in its parent.
    role: names::NameRole,
    known: Known,
}

/// How many answers of [`Walk::field`] are kept.
const ANSWERS: usize = 64;

/// The child of a node in a field.
#[derive(Clone, Copy)]
struct Answer<'t> {
    node: Node<'t>,
    field: Field,
    child: Option<Node<'t>>,
}

impl<'t, 'f> Walk<'t, 'f> {
    pub(super) fn new(
        text: &'t str,
        tree: &'t Tree,
        enabled: &'f [bool],
        finds: &'f mut Finds,
    ) -> Self {
        Self {
            text,
            tree,
            survey: OnceCell::new(),
            fields: [const { Cell::new(None) }; ANSWERS],
            dispatch: &DISPATCH,
            enabled,
            region: 0..usize::MAX,
            facts: None,
            finds,
            ancestors: Vec::new(),
            module: Scope::module(),
            scopes: Vec::new(),
            blocks: Vec::new(),
            rule: 0,
            role: names::NameRole::Other,
            known: Known::default(),
        }
    }

    /// Looks in the region alone, with these finders.
    pub(super) fn repairing(
        mut self,
        region: Range<usize>,
        dispatch: &'static Dispatch,
        facts: &'f RepairFacts<'t>,
    ) -> Self {
        (self.region, self.dispatch, self.facts) = (region, dispatch, Some(facts));
        self
    }

    pub(super) fn run(mut self) {
        let damaged = self.tree.root_node().has_error();
        let mut cursor = self.tree.walk();
        loop {
            let node = cursor.node();
            if node.is_named() && self.enter(node, &cursor, damaged) {
                if cursor.goto_first_child() {
                    continue;
                }
                self.leave();
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
                self.leave();
            }
        }
    }

    /// Runs the rules on a node. Returns whether to visit its children; [`Walk::leave`] follows
    /// then.
    fn enter(&mut self, node: Node<'t>, cursor: &TreeCursor<'t>, damaged: bool) -> bool {
        if node.is_error() {
            return false;
        }
        let kind = GRAMMAR.kind(node);
        let reach = guards::reach(self, node, kind);
        if reach == Reach::Nothing {
            return false;
        }
        if kind == Kind::Identifier {
            self.role = names::role(self, cursor.field_id());
            if self.role.reads() {
                self.read(node);
            }
        }
        let here = self.meets_region(node);
        // In a file with syntax errors, mutate only nodes that parsed without error.
        if here && !(damaged && node.has_error()) {
            for (number, find) in &self.dispatch[kind as usize] {
                if self.enabled.get(*number).copied().unwrap_or(true) {
                    self.rule = *number;
                    find(self, node);
                }
            }
        }
        // No name of a function elsewhere matters, except its own.
        if !here && kind == Kind::FunctionDefinition && self.scope().kind != ScopeKind::Function {
            if let Some(name) = self.field(node, Field::Name) {
                names::bind_definition(self, name);
            }
            return false;
        }
        if reach == Reach::Itself {
            return false;
        }
        self.ancestors.push((node, kind));
        self.open(node, kind);
        true
    }

    fn open(&mut self, node: Node<'t>, kind: Kind) {
        match kind {
            Kind::FunctionDefinition => self.open_scope(node, ScopeKind::Function),
            Kind::ClassDefinition => self.open_scope(node, ScopeKind::Class),
            Kind::Block => {
                self.blocks.push(statements(node));
                if self.is_branch(1) {
                    self.scope_mut().enter_branch();
                }
                names::bind_for_block(self);
            }
            Kind::ExceptClause | Kind::CaseClause => self.scope_mut().enter_branch(),
            Kind::ForStatement | Kind::WhileStatement => {
                let start = node.start_byte();
                self.scope_mut().loops.push(start);
            }
            _ => {}
        }
    }

    fn leave(&mut self) {
        let Some(&(node, kind)) = self.ancestors.last() else { return };
        match kind {
            Kind::FunctionDefinition | Kind::ClassDefinition => self.close_scope(node),
            Kind::Block => {
                self.blocks.pop();
                if self.is_branch(1) {
                    self.scope_mut().leave_branch();
                }
            }
            Kind::ExceptClause | Kind::CaseClause => self.scope_mut().leave_branch(),
            Kind::ForStatement | Kind::WhileStatement => {
                self.scope_mut().loops.pop();
            }
            _ => names::bind_after(self, node, kind),
        }
        self.ancestors.pop();
    }

    fn open_scope(&mut self, node: Node<'t>, kind: ScopeKind) {
        let name = GRAMMAR.field(node, Field::Name).map_or("", |name| self.text(name));
        let scope = self.scope().nested(kind, name, node.byte_range());
        self.scopes.push(scope);
    }

    fn close_scope(&mut self, node: Node<'t>) {
        if let Some(scope) = self.scopes.pop() {
            scope.felt().for_each(|find| self.finds.push(find));
        }
        if let Some(name) = GRAMMAR.field(node, Field::Name) {
            names::bind_definition(self, name);
        }
    }

    /// Whether the ancestor at this depth is a branch, a loop or a `try`, whose block may not run.
    fn is_branch(&self, depth: usize) -> bool {
        !matches!(
            self.ancestor(depth),
            Kind::FunctionDefinition | Kind::ClassDefinition | Kind::WithStatement | Kind::Module
        )
    }

    fn read(&mut self, node: Node<'t>) {
        let (name, at) = (self.text(node), node.start_byte());
        // A nested function may read a variable of an enclosing one: record the read in all scopes.
        self.scopes.iter_mut().for_each(|scope| scope.read(name, at));
    }

    /// The text of the node.
    pub(super) fn text(&self, node: Node<'_>) -> &'t str {
        &self.text[node.byte_range()]
    }

    /// The child of the node in that field.
    pub(super) fn field(&self, node: Node<'t>, field: Field) -> Option<Node<'t>> {
        let slot = &self.fields[((node.id() >> 3) + field as usize * 11) % ANSWERS];
        match slot.get() {
            Some(answer) if answer.node == node && answer.field == field => answer.child,
            _ => {
                let child = GRAMMAR.field(node, field);
                slot.set(Some(Answer { node, field, child }));
                child
            }
        }
    }

    /// The kind of the parent of the node being entered.
    pub(super) fn parent_kind(&self) -> Kind {
        self.ancestor(0)
    }

    /// The parent of the node being entered.
    pub(super) fn parent(&self) -> Option<Node<'t>> {
        self.ancestors.last().map(|(node, _)| *node)
    }

    /// The kind of the parent (0), its parent (1) and so on.
    pub(super) fn ancestor(&self, depth: usize) -> Kind {
        self.ancestor_node(depth).map_or(Kind::Other, |(_, kind)| kind)
    }

    pub(super) fn ancestor_node(&self, depth: usize) -> Option<(Node<'t>, Kind)> {
        self.ancestors.iter().rev().nth(depth).copied()
    }

    /// The role of the identifier that is being entered.
    pub(super) fn role(&self) -> names::NameRole {
        self.role
    }

    /// The kinds of values that operations are known to have.
    pub(super) fn known_values(&self) -> &Known {
        &self.known
    }

    /// The innermost scope.
    pub(super) fn scope(&self) -> &Scope<'t> {
        self.scopes.last().unwrap_or(&self.module)
    }

    /// The names with a value here, those of the innermost function first.
    pub(super) fn visible(&self) -> impl Iterator<Item = Binding<'t>> {
        let functions = self.scopes.iter().rev().filter(|scope| scope.kind == ScopeKind::Function);
        functions.flat_map(Scope::all_bindings)
    }

    pub(super) fn scope_mut(&mut self) -> &mut Scope<'t> {
        self.scopes.last_mut().unwrap_or(&mut self.module)
    }

    /// The facts about the whole file.
    pub(super) fn survey(&self) -> Rc<Survey<'t>> {
        Rc::clone(self.survey.get_or_init(|| Rc::new(Survey::of(self.text, self.tree))))
    }

    /// The innermost enclosing class.
    pub(super) fn class<'a>(&self, survey: &'a Survey<'t>) -> Option<&'a Class<'t>> {
        let class = self.scopes.iter().rev().find(|scope| scope.kind == ScopeKind::Class)?;
        survey.class_at(class.range.start)
    }

    /// The method of the innermost class that the walk is in, also from a function nested in it.
    pub(super) fn method(&self) -> Option<&Scope<'t>> {
        let class = self.scopes.iter().rposition(|scope| scope.kind == ScopeKind::Class)?;
        self.scopes.get(class + 1)
    }

    /// The number of statements in the innermost block, without comments.
    pub(super) fn siblings(&self) -> usize {
        self.blocks.last().copied().unwrap_or(usize::MAX)
    }

    /// Proposes to replace the whole node.
    pub(super) fn replace(&mut self, node: Node<'t>, replacement: impl Into<Cow<'static, str>>) {
        let (mut replacement, range) = (replacement.into(), node.byte_range());
        // Add a blank where two words would merge: `return(x)` must not become `returnNone`.
        let word =
            |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let (text, new) = (self.text.as_bytes(), replacement.as_bytes());
        let before = word(text[..range.start].last()) && word(new.first());
        let after = word(text.get(range.end)) && word(new.last());
        if before {
            replacement = format!(" {replacement}").into();
        }
        if after {
            replacement.to_mut().push(' ');
        }
        self.propose(node, range, replacement);
    }

    /// Proposes to replace `range`, which belongs to the node.
    pub(super) fn propose(
        &mut self,
        node: Node<'t>,
        range: Range<usize>,
        replacement: impl Into<Cow<'static, str>>,
    ) {
        let find = self.find(node, range, replacement.into());
        self.finds.push(find);
    }

    /// Proposes it only if `name` is read after the node. This is known when the scope is left, so
    /// the proposal waits until then.
    pub(super) fn propose_if_read(
        &mut self,
        name: &'t str,
        node: Node<'t>,
        range: Range<usize>,
        replacement: impl Into<Cow<'static, str>>,
    ) {
        let find = self.find(node, range, replacement.into());
        self.scope_mut().suspend(name, node.end_byte(), find);
    }

    /// What repairs are made of.
    pub(super) fn facts(&self) -> Option<&'f RepairFacts<'t>> {
        self.facts
    }

    /// Whether the node lies in the region, at least in part.
    fn meets_region(&self, node: Node<'t>) -> bool {
        node.start_byte() < self.region.end && self.region.start < node.end_byte()
    }

    /// Proposes to replace `range`, which belongs to the node, as a repair of that origin.
    pub(super) fn repair(
        &mut self,
        origin: RepairOrigin,
        node: Node<'t>,
        range: Range<usize>,
        replacement: impl Into<Cow<'static, str>>,
    ) {
        self.rule = origin.number();
        self.propose(node, range, replacement);
    }

    /// Proposes to replace the whole node, as a repair of that origin.
    pub(super) fn repair_whole(
        &mut self,
        origin: RepairOrigin,
        node: Node<'t>,
        replacement: impl Into<Cow<'static, str>>,
    ) {
        self.rule = origin.number();
        self.replace(node, replacement);
    }

    fn find(&self, node: Node<'t>, range: Range<usize>, replacement: Cow<'static, str>) -> Find {
        Find {
            operator: self.rule,
            range,
            replacement,
            line: node.start_position().row as u32 + 1,
            function: self.scope().function.clone(),
        }
    }
}

fn statements(block: Node<'_>) -> usize {
    let mut cursor = block.walk();
    block.named_children(&mut cursor).filter(|child| !child.is_extra()).count()
}
