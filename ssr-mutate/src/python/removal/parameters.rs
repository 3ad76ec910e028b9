//! Removal of parameters (`PRD`).

use std::ops::Range;

use tree_sitter::Node;

use super::Remover;
use super::cleanup::{Cleanup, Unrepairable};
use super::slices::FunctionId;
use crate::python::grammar::{Field, GRAMMAR, Kind, children};

/// A parameter with a literal default.
pub(super) struct Parameter<'p, 'a> {
    pub(super) name: &'a str,
    node: Node<'p>,
    list: Node<'p>,
    /// The text of the default, and whether it is true as a condition.
    default: &'a str,
    truth: bool,
    /// Its position among the positional parameters; `None` if it is keyword-only.
    position: Option<usize>,
    method: bool,
}

impl<'a> Remover<'a> {
    /// The parameters that a function can lose.
    pub(super) fn parameters(&self, (module, function): FunctionId) -> Vec<Parameter<'_, 'a>> {
        let module = &self.package.modules[module];
        let function = &module.facts.functions[function];
        let unique = self.package.functions(function.name).len() == 1;
        let definition =
            module.node(&function.definition).filter(|_| unique && !function.decorated);
        let list = definition.and_then(|node| GRAMMAR.field(node, Field::Parameters));
        let Some(list) = list.filter(|_| !function.name.starts_with("__")) else {
            return Vec::new();
        };
        let all = children(list);
        let mut named_only = false;
        let mut found = Vec::new();
        for (index, node) in all.iter().copied().enumerate() {
            match GRAMMAR.kind(node) {
                Kind::KeywordSeparator | Kind::ListSplatPattern => named_only = true,
                Kind::DefaultParameter | Kind::TypedDefaultParameter => {}
                _ => continue,
            }
            let (Some(name), Some(value)) =
                (GRAMMAR.field(node, Field::Name), GRAMMAR.field(node, Field::Value))
            else {
                continue;
            };
            let default = module.slice(&value.byte_range());
            let truth = match GRAMMAR.kind(value) {
                Kind::True => true,
                Kind::False | Kind::None => false,
                Kind::Integer => !default.trim_start_matches(['0', '_']).is_empty(),
                Kind::String => !default.trim_matches(['"', '\'']).is_empty(),
                _ => continue,
            };
            // Removing the parameter could leave a bare `*` or `/` without parameters to separate.
            let separator = |node: Option<&Node<'_>>| {
                node.is_some_and(|node| matches!(module.slice(&node.byte_range()), "*" | "/"))
            };
            if separator(all.get(index + 1)) || index > 0 && separator(all.get(index - 1)) {
                continue;
            }
            let name = module.slice(&name.byte_range());
            let position = (!named_only).then_some(index);
            let method = function.class.is_some();
            found.push(Parameter { name, node, list, default, truth, position, method });
        }
        found
    }

    /// Removes the parameter, the code that handles it, and the arguments for it.
    pub(super) fn remove_parameter<'p>(
        &'p self,
        (module, function): FunctionId,
        parameter: &Parameter<'p, 'a>,
    ) -> Result<Cleanup<'p, 'a>, Unrepairable> {
        let mut cleanup = Cleanup::new(&self.package, &self.live);
        let own = &self.package.modules[module];
        let facts = &own.facts.functions[function];
        cleanup.cuts(module).element(parameter.list, parameter.node);
        let body = own.node(&facts.definition).and_then(|node| GRAMMAR.field(node, Field::Body));
        let body = body.ok_or(Unrepairable)?;
        // Removing a parameter that the body does not use is no bug.
        if self.fold(&mut cleanup, module, body, parameter)? == 0 {
            return Err(Unrepairable);
        }
        for (user, reference) in self.package.uses(facts.name).filter(|(_, r)| r.called) {
            let node = self.package.modules[user].node(&reference.range).ok_or(Unrepairable)?;
            let arguments = node.parent().and_then(|call| GRAMMAR.field(call, Field::Arguments));
            let Some(arguments) = arguments else { continue };
            let text = self.package.modules[user].text;
            if let Some(argument) = parameter.argument(arguments, text, reference.base.is_some()) {
                cleanup.cuts(user).element(arguments, argument);
            }
        }
        Ok(cleanup)
    }

    /// Removes every use of the parameter from the body, by evaluating the body with the default: a
    /// branch on the parameter is replaced by the branch that the default takes.
    fn fold<'p>(
        &'p self,
        cleanup: &mut Cleanup<'p, 'a>,
        module: usize,
        body: Node<'p>,
        parameter: &Parameter<'p, 'a>,
    ) -> Result<usize, Unrepairable> {
        let text = self.package.modules[module].text;
        let cuts = cleanup.cuts(module);
        let (mut open, mut handled) = (vec![body], 0);
        while let Some(node) = open.pop() {
            let kind = GRAMMAR.kind(node);
            let condition = GRAMMAR.field(node, Field::Condition);
            let holds = condition.and_then(|condition| parameter.holds(condition, text));
            match (kind, holds) {
                (Kind::IfStatement, Some(false)) => {
                    let mut cursor = node.walk();
                    let others: Vec<_> =
                        node.children_by_field_name("alternative", &mut cursor).collect();
                    match others[..] {
                        [] => cuts.statement(node),
                        [other] if GRAMMAR.kind(other) == Kind::ElseClause => {
                            let block = GRAMMAR.field(other, Field::Body).ok_or(Unrepairable)?;
                            cuts.replace(node.byte_range(), unwrapped(node, block, text)?);
                            if mentions(block, parameter.name, text) {
                                return Err(Unrepairable);
                            }
                        }
                        _ => return Err(Unrepairable),
                    }
                    handled += 1;
                }
                (Kind::IfStatement, Some(true)) => {
                    let block = GRAMMAR.field(node, Field::Consequence).ok_or(Unrepairable)?;
                    if mentions(block, parameter.name, text) {
                        return Err(Unrepairable);
                    }
                    cuts.replace(node.byte_range(), unwrapped(node, block, text)?);
                    handled += 1;
                }
                (Kind::ConditionalExpression, _) => match children(node)[..] {
                    [yes, condition, no] if parameter.holds(condition, text).is_some() => {
                        let holds = parameter.holds(condition, text) == Some(true);
                        let kept = if holds { yes } else { no };
                        if mentions(kept, parameter.name, text) {
                            return Err(Unrepairable);
                        }
                        cuts.replace(node.byte_range(), &text[kept.byte_range()]);
                        handled += 1;
                    }
                    _ => open.extend(children(node)),
                },
                (Kind::KeywordArgument, _) => {
                    let value = GRAMMAR.field(node, Field::Value).ok_or(Unrepairable)?;
                    match (parameter.is_meant(value, text), node.parent()) {
                        (true, Some(arguments)) => {
                            cuts.element(arguments, node);
                            handled += 1;
                        }
                        _ => open.push(value),
                    }
                }
                (Kind::Identifier, _) if parameter.is_meant(node, text) => {
                    let above = node.parent().ok_or(Unrepairable)?;
                    let is = |field| GRAMMAR.field(above, field) == Some(node);
                    match GRAMMAR.kind(above) {
                        Kind::Attribute if is(Field::Attribute) => {}
                        Kind::ArgumentList
                        | Kind::ComparisonOperator
                        | Kind::BooleanOperator
                        | Kind::NotOperator
                        | Kind::BinaryOperator
                        | Kind::ReturnStatement => {
                            cuts.replace(node.byte_range(), parameter.default);
                            handled += 1;
                        }
                        Kind::Assignment if is(Field::Right) => {
                            cuts.replace(node.byte_range(), parameter.default);
                            handled += 1;
                        }
                        _ => return Err(Unrepairable),
                    }
                }
                _ => open.extend(children(node)),
            }
        }
        Ok(handled)
    }
}

impl Parameter<'_, '_> {
    fn is_meant(&self, node: Node<'_>, text: &str) -> bool {
        GRAMMAR.kind(node) == Kind::Identifier && &text[node.byte_range()] == self.name
    }

    /// Whether a condition on the parameter alone is true for the default; `None` if it depends on
    /// something else.
    fn holds(&self, condition: Node<'_>, text: &str) -> Option<bool> {
        let none = self.default == "None";
        match (GRAMMAR.kind(condition), &children(condition)[..]) {
            (Kind::Identifier, _) => self.is_meant(condition, text).then_some(self.truth),
            (Kind::NotOperator, [inner]) => self.holds(*inner, text).map(|holds| !holds),
            (Kind::ComparisonOperator, [left, right])
                if self.is_meant(*left, text) && GRAMMAR.kind(*right) == Kind::None =>
            {
                let middle = text[left.end_byte()..right.start_byte()].trim();
                match middle {
                    "is" | "==" => Some(none),
                    "is not" | "!=" => Some(!none),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The argument of a call for this parameter.
    fn argument<'t>(&self, arguments: Node<'t>, text: &str, attribute: bool) -> Option<Node<'t>> {
        let all = children(arguments);
        let named = |argument: &&Node<'t>| {
            GRAMMAR
                .field(**argument, Field::Name)
                .is_some_and(|n| &text[n.byte_range()] == self.name)
        };
        let keywords = all.iter().filter(|a| GRAMMAR.kind(**a) == Kind::KeywordArgument);
        if let Some(argument) = keywords.clone().find(named) {
            return Some(*argument);
        }
        let position = self.position?.checked_sub(usize::from(self.method && attribute))?;
        let plain = |argument: &&Node<'t>| {
            !matches!(
                GRAMMAR.kind(**argument),
                Kind::KeywordArgument | Kind::ListSplat | Kind::DictionarySplat
            )
        };
        all.iter().take_while(plain).nth(position).copied()
    }
}

/// The statements of a block with the indentation of the statement around it.
fn unwrapped(around: Node<'_>, block: Node<'_>, text: &str) -> Result<String, Unrepairable> {
    let (outer, inner) = (around.start_position().column, block.start_position().column);
    let range: Range<usize> = block.byte_range();
    let multiline = |node: Node<'_>| {
        GRAMMAR.kind(node) == Kind::String && node.start_position().row != node.end_position().row
    };
    let mut open = vec![block];
    while let Some(node) = open.pop() {
        if multiline(node) {
            return Err(Unrepairable);
        }
        open.extend(children(node));
    }
    // A block on the line of its condition has no indentation to remove.
    let shift = inner
        .checked_sub(outer)
        .filter(|_| block.start_position().row > around.start_position().row);
    let mut lines = text[range].split_inclusive('\n');
    let mut result = lines.next().unwrap_or("").to_owned();
    for line in lines {
        let shift = shift.ok_or(Unrepairable)?;
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        result.push_str(&line[blank.min(shift)..]);
    }
    Ok(result)
}

fn mentions(node: Node<'_>, name: &str, text: &str) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if GRAMMAR.kind(node) == Kind::Identifier && &text[node.byte_range()] == name {
            return true;
        }
        open.extend(children(node));
    }
    false
}
