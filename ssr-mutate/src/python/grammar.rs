//! The kinds and fields of the Python grammar as numbers.

use std::num::NonZeroU16;
use std::sync::LazyLock;

use tree_sitter::{Language, Node, Parser, Tree};

use crate::syntax;

/// The tree-sitter grammar of Python, with its node and field names resolved to [`Kind`] and
/// [`Field`]. Names are looked up once here, so that the walk compares numbers only.
pub(super) struct SyntaxGrammar {
    language: Language,
    kinds: Vec<Kind>,
    fields: Vec<Option<NonZeroU16>>,
}

pub(super) static GRAMMAR: LazyLock<SyntaxGrammar> = LazyLock::new(|| {
    let language = Language::new(tree_sitter_python::LANGUAGE);
    let mut kinds = vec![Kind::Other; language.node_kind_count()];
    for (kind, name) in Kind::NAMES {
        kinds[usize::from(language.id_for_node_kind(name, true))] = *kind;
    }
    // `id_for_node_kind` returns 0 for names that the grammar lacks.
    kinds[0] = Kind::Other;
    let fields = Field::NAMES.iter().map(|(_, name)| language.field_id_for_name(name)).collect();
    SyntaxGrammar { language, kinds, fields }
});

impl SyntaxGrammar {
    pub(super) fn kind(&self, node: Node<'_>) -> Kind {
        self.kinds.get(usize::from(node.kind_id())).copied().unwrap_or(Kind::Other)
    }

    pub(super) fn field<'t>(&self, node: Node<'t>, field: Field) -> Option<Node<'t>> {
        node.child_by_field_id(self.fields[field as usize]?.get())
    }

    pub(super) fn is_field(&self, id: Option<NonZeroU16>, field: Field) -> bool {
        id.is_some() && id == self.fields[field as usize]
    }

    /// Parses a text. `None` if the syntax tree is too deep (see [`syntax::is_shallow`]), or if the
    /// linked grammar and the library have different versions.
    pub(super) fn parse(&self, text: &str) -> Option<Tree> {
        self.parser()?.parse(text, None).filter(syntax::is_shallow)
    }

    /// A parser of the language. `None` if the linked grammar and the library have different
    /// versions.
    pub(super) fn parser(&self) -> Option<Parser> {
        let mut parser = Parser::new();
        parser.set_language(&self.language).ok()?;
        Some(parser)
    }
}

/// The named children that are not comments.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !child.is_extra()).collect()
}

/// The only named child.
pub(super) fn only_child(node: Node<'_>) -> Option<Node<'_>> {
    node.named_child(0).filter(|_| node.named_child_count() == 1)
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* } $($other:ident)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum $name { $($variant,)* $($other)? }

        impl $name {
            const NAMES: &[(Self, &str)] = &[$((Self::$variant, $text),)*];
        }
    };
}

names! {
    /// The node kinds that some operator or guard uses.
    Kind {
        AliasedImport = "aliased_import",
        ArgumentList = "argument_list",
        AsPattern = "as_pattern",
        AsPatternTarget = "as_pattern_target",
        AssertStatement = "assert_statement",
        Assignment = "assignment",
        Attribute = "attribute",
        AugmentedAssignment = "augmented_assignment",
        Await = "await",
        BinaryOperator = "binary_operator",
        Block = "block",
        BooleanOperator = "boolean_operator",
        BreakStatement = "break_statement",
        Call = "call",
        CaseClause = "case_clause",
        CasePattern = "case_pattern",
        ClassDefinition = "class_definition",
        Comment = "comment",
        ComparisonOperator = "comparison_operator",
        ConcatenatedString = "concatenated_string",
        ConditionalExpression = "conditional_expression",
        ContinueStatement = "continue_statement",
        Decorator = "decorator",
        DecoratedDefinition = "decorated_definition",
        DefaultParameter = "default_parameter",
        DeleteStatement = "delete_statement",
        Dictionary = "dictionary",
        DictionaryComprehension = "dictionary_comprehension",
        DictionarySplat = "dictionary_splat",
        DictionarySplatPattern = "dictionary_splat_pattern",
        DottedName = "dotted_name",
        ElifClause = "elif_clause",
        ElseClause = "else_clause",
        ExceptClause = "except_clause",
        ExpressionList = "expression_list",
        ExpressionStatement = "expression_statement",
        False = "false",
        FinallyClause = "finally_clause",
        Float = "float",
        ForInClause = "for_in_clause",
        ForStatement = "for_statement",
        FunctionDefinition = "function_definition",
        FutureImportStatement = "future_import_statement",
        GeneratorExpression = "generator_expression",
        GlobalStatement = "global_statement",
        Identifier = "identifier",
        IfClause = "if_clause",
        IfStatement = "if_statement",
        ImportFromStatement = "import_from_statement",
        ImportStatement = "import_statement",
        Integer = "integer",
        KeywordArgument = "keyword_argument",
        Lambda = "lambda",
        KeywordSeparator = "keyword_separator",
        LambdaParameters = "lambda_parameters",
        List = "list",
        ListComprehension = "list_comprehension",
        ListPattern = "list_pattern",
        ListSplat = "list_splat",
        ListSplatPattern = "list_splat_pattern",
        MatchStatement = "match_statement",
        Module = "module",
        NamedExpression = "named_expression",
        None = "none",
        NonlocalStatement = "nonlocal_statement",
        NotOperator = "not_operator",
        Pair = "pair",
        Parameters = "parameters",
        ParenthesizedExpression = "parenthesized_expression",
        PassStatement = "pass_statement",
        PatternList = "pattern_list",
        RaiseStatement = "raise_statement",
        ReturnStatement = "return_statement",
        Set = "set",
        SetComprehension = "set_comprehension",
        Slice = "slice",
        String = "string",
        Subscript = "subscript",
        True = "true",
        TryStatement = "try_statement",
        Tuple = "tuple",
        TuplePattern = "tuple_pattern",
        Type = "type",
        TypeAliasStatement = "type_alias_statement",
        TypeParameter = "type_parameter",
        TypedDefaultParameter = "typed_default_parameter",
        TypedParameter = "typed_parameter",
        UnaryOperator = "unary_operator",
        WhileStatement = "while_statement",
        WithClause = "with_clause",
        WithItem = "with_item",
        WithStatement = "with_statement",
        Yield = "yield",
    }
    Other
}

impl Kind {
    /// One more than the largest number of a kind.
    pub(super) const COUNT: usize = Self::Other as usize + 1;
}

names! {
    /// The fields that some operator or guard uses.
    Field {
        Alias = "alias",
        Alternative = "alternative",
        Arguments = "arguments",
        Attribute = "attribute",
        Body = "body",
        Condition = "condition",
        Consequence = "consequence",
        Definition = "definition",
        FormatSpecifier = "format_specifier",
        Function = "function",
        Key = "key",
        Left = "left",
        ModuleName = "module_name",
        Name = "name",
        Object = "object",
        Operator = "operator",
        Operators = "operators",
        Parameters = "parameters",
        Right = "right",
        Subscript = "subscript",
        Superclasses = "superclasses",
        Type = "type",
        Value = "value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_field_exists_in_the_grammar() {
        for (kind, name) in Kind::NAMES {
            assert_ne!(GRAMMAR.language.id_for_node_kind(name, true), 0, "{kind:?}");
        }
        for (field, name) in Field::NAMES {
            assert!(GRAMMAR.language.field_id_for_name(name).is_some(), "{field:?}");
        }
    }
}
