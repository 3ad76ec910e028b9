//! The kinds and fields of a tree-sitter grammar, mapped to those that all languages share.

use std::num::NonZeroU16;

use tree_sitter::{Language, Node, Parser, Tree};

use super::syntax::Syntax;

/// One tree-sitter grammar of a language, with its node and field names resolved to shared kinds
/// and fields. Names are looked up once here, so that the walk compares numbers only.
pub struct SyntaxGrammar {
    language: Language,
    kinds: Vec<Kind>,
    fields: Vec<Vec<NonZeroU16>>,
}

impl SyntaxGrammar {
    pub(super) fn new(language: Language, syntax: &Syntax) -> Self {
        let mut kinds = vec![Kind::Other; language.node_kind_count()];
        for (name, kind) in syntax.kinds {
            kinds[usize::from(language.id_for_node_kind(name, true))] = *kind;
        }
        // `id_for_node_kind` returns 0 for names that this grammar lacks.
        kinds[0] = Kind::Other;
        let ids = |(_, names): &(Field, &[&str])| {
            names.iter().filter_map(|name| language.field_id_for_name(name)).collect()
        };
        let fields = FIELDS.iter().map(ids).collect();
        Self { language, kinds, fields }
    }

    pub(super) fn kind(&self, node: Node<'_>) -> Kind {
        self.kinds.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Other)
    }

    /// The named child of the node in the field.
    pub(super) fn field<'t>(&self, node: Node<'t>, field: Field) -> Option<Node<'t>> {
        let ids = self.fields[field as usize].iter();
        ids.filter_map(|id| node.child_by_field_id(id.get())).find(Node::is_named)
    }

    pub(super) fn is_field(&self, id: Option<NonZeroU16>, field: Field) -> bool {
        id.is_some_and(|id| self.fields[field as usize].contains(&id))
    }

    /// Parses a text. `None` if the syntax tree is too deep (see [`crate::syntax::is_shallow`]), or
    /// if the linked grammar and the library have different versions.
    pub(super) fn parse(&self, text: &str) -> Option<Tree> {
        let mut parser = Parser::new();
        parser.set_language(&self.language).ok()?;
        parser.parse(text, None).filter(crate::syntax::is_shallow)
    }

    #[cfg(test)]
    pub(super) fn knows(&self, kind: &str) -> bool {
        self.language.id_for_node_kind(kind, true) != 0
    }
}

/// The named children that are not comments.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !child.is_extra()).collect()
}

/// The kind of a node, shared by all languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Types, attributes, imports, preprocessor definitions: never mutated.
    Arid,
    Arguments,
    Arm,
    Assignment,
    Await,
    Binary,
    Block,
    Break,
    Call,
    Cast,
    Catch,
    Character,
    Class,
    Closure,
    /// A Go literal with its type.
    Composite,
    Constant,
    Continue,
    /// One name of a declaration, with its initialiser.
    Declarator,
    Decorator,
    Defer,
    DoWhile,
    Else,
    ExpressionStatement,
    False,
    FieldDeclaration,
    FieldName,
    File,
    Finally,
    Float,
    For,
    ForClause,
    ForEach,
    Function,
    Goto,
    Identifier,
    If,
    Index,
    InstanceOf,
    Integer,
    /// A statement that declares names.
    Let,
    LetCondition,
    List,
    Loop,
    Macro,
    Member,
    New,
    Null,
    Object,
    Parameter,
    Parameters,
    Parenthesized,
    /// A pattern of a match: names that it binds and constants that it compares with.
    Pattern,
    Question,
    Range,
    RangeClause,
    /// `&x` and `*x`.
    Reference,
    Return,
    Slice,
    Spread,
    /// The node between a block and its statements in Go.
    Statements,
    Super,
    Switch,
    Sync,
    Template,
    Ternary,
    Text,
    This,
    Throw,
    True,
    Try,
    Tuple,
    TypeArm,
    Unary,
    Update,
    While,
    Other,
}

impl Kind {
    /// One more than the largest number of a kind.
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    pub(super) fn is_loop(self) -> bool {
        matches!(self, Self::For | Self::ForEach | Self::While | Self::DoWhile | Self::Loop)
    }

    /// Whether statements are direct children of such a node.
    pub(super) fn holds_statements(self) -> bool {
        matches!(self, Self::Block | Self::Statements | Self::File | Self::Arm | Self::TypeArm)
    }

    /// Whether names that are declared in such a node are visible only in it.
    pub(super) fn is_scope(self) -> bool {
        self.is_loop()
            || matches!(
                self,
                Self::Function
                    | Self::Closure
                    | Self::Class
                    | Self::Block
                    | Self::If
                    | Self::Arm
                    | Self::TypeArm
                    | Self::Catch
                    | Self::Try
            )
    }

    /// Whether an operand of this kind needs no parentheses.
    pub(super) fn is_primary(self) -> bool {
        matches!(
            self,
            Self::Identifier
                | Self::Member
                | Self::Call
                | Self::Index
                | Self::Parenthesized
                | Self::This
                | Self::Integer
                | Self::Float
                | Self::Text
                | Self::Character
                | Self::True
                | Self::False
                | Self::Null
        )
    }
}

/// The fields of nodes, shared by all languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Alternative,
    Arguments,
    Body,
    Condition,
    Consequence,
    Declarator,
    Function,
    Left,
    Name,
    Object,
    Parameters,
    Pattern,
    Result,
    Right,
    Start,
    Type,
    Value,
}

/// The names of each field in the grammars, in the order of [`Field`].
const FIELDS: &[(Field, &[&str])] = &[
    (Field::Alternative, &["alternative"]),
    (Field::Arguments, &["arguments"]),
    (Field::Body, &["body"]),
    (Field::Condition, &["condition"]),
    (Field::Consequence, &["consequence"]),
    (Field::Declarator, &["declarator"]),
    (Field::Function, &["function", "constructor"]),
    (Field::Left, &["left"]),
    (Field::Name, &["name"]),
    (Field::Object, &["object"]),
    (Field::Parameters, &["parameters"]),
    (Field::Pattern, &["pattern"]),
    (Field::Result, &["return_type", "result"]),
    (Field::Right, &["right"]),
    (Field::Start, &["initializer", "init"]),
    (Field::Type, &["type"]),
    (Field::Value, &["value"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_listed_in_their_order() {
        for (index, (field, _)) in FIELDS.iter().enumerate() {
            assert_eq!(*field as usize, index, "{field:?}");
        }
    }
}
