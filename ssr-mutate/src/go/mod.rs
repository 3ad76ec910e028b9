//! Go: what its nodes and words mean, and its operators.

mod operators;

use std::sync::LazyLock;

use ssr_core::RepoPath;
use tree_sitter::Language;

use crate::braces::{Brace, CompilerRules, Kind, Parts, Syntax, in_directory};

pub static GO: Brace = Brace { syntax: &SYNTAX, parts: &PARTS };

static PARTS: LazyLock<Parts> = LazyLock::new(|| Parts::new(&SYNTAX, operators::RULES));

static SYNTAX: Syntax = Syntax {
    name: "go",
    extensions: &["go"],
    grammars: &[(&["go"], || Language::new(tree_sitter_go::LANGUAGE))],
    kinds: KINDS,
    rules: CompilerRules {
        typed: true,
        no_unused: true,
        no_unreachable: false,
        no_missing_value: true,
        moves: false,
        loose_numbers: false,
        tail_values: false,
    },
    is_test: |path| {
        path.file_name().ends_with("_test.go")
            || in_directory(path, &["testdata", "test", "tests", "testing", "testutil"])
    },
    is_foreign,
    nulls: &["nil"],
    zero,
    integers: &[
        "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64",
        "uintptr", "byte", "rune",
    ],
    floats: &["float32", "float64"],
    texts: &["string"],
    booleans: &["bool"],
    counts: &["len", "cap", "Len"],
    silent: &[
        "log", "logger", "slog", "klog", "glog", "fmt", "Errorf", "Printf", "Println", "Logf",
        "Debugf", "Infof", "Warnf", "Fatalf", "panic", "errors",
    ],
    wrappers: &[
        "TrimSpace",
        "ToLower",
        "ToUpper",
        "Abs",
        "Clean",
        "Floor",
        "Ceil",
        "Sqrt",
        "Round",
        "Trunc",
        "Title",
    ],
    opposites: &[
        ("min", "max"),
        ("Min", "Max"),
        ("Floor", "Ceil"),
        ("Before", "After"),
        ("ToLower", "ToUpper"),
    ],
    mirrored: &[
        ("HasPrefix", "HasSuffix"),
        ("TrimPrefix", "TrimSuffix"),
        ("TrimLeft", "TrimRight"),
        ("Index", "LastIndex"),
        ("IndexByte", "LastIndexByte"),
        ("IndexAny", "LastIndexAny"),
        ("PushFront", "PushBack"),
        ("Front", "Back"),
    ],
    releases: &["Close", "Release", "Stop", "Flush", "Sync", "Shutdown", "close", "cancel"],
    locks: &[("Lock", "Unlock"), ("RLock", "RUnlock")],
    waits: &["Wait"],
    wakes: &[("Broadcast", "Signal")],
    joins: &["Wait", "Join"],
    lookups: &[
        "Get",
        "HasPrefix",
        "HasSuffix",
        "Contains",
        "Index",
        "Split",
        "TrimPrefix",
        "TrimSuffix",
        "Getenv",
        "Lookup",
        "EqualFold",
        "Cut",
    ],
    break_: "break",
};

fn is_foreign(path: &RepoPath) -> bool {
    let name = path.file_name();
    [".pb.go", "_gen.go", "_generated.go", "_string.go"].iter().any(|end| name.ends_with(end))
        || name.starts_with("zz_generated")
        || name == "doc.go"
}

fn zero(ty: &str) -> Option<&'static str> {
    Some(match ty {
        "string" => "\"\"",
        "bool" => "false",
        "error" | "any" | "interface{}" => "nil",
        ty if SYNTAX.integers.contains(&ty) || SYNTAX.floats.contains(&ty) => "0",
        ty if ["*", "[]", "map[", "func(", "chan "].iter().any(|start| ty.starts_with(start)) => {
            "nil"
        }
        _ => return None,
    })
}

const KINDS: &[(&str, Kind)] = &[
    ("argument_list", Kind::Arguments),
    ("array_type", Kind::Arid),
    ("assignment_statement", Kind::Assignment),
    ("binary_expression", Kind::Binary),
    ("block", Kind::Block),
    ("break_statement", Kind::Break),
    ("call_expression", Kind::Call),
    ("channel_type", Kind::Arid),
    ("communication_case", Kind::Arm),
    ("composite_literal", Kind::Composite),
    ("const_declaration", Kind::Constant),
    ("const_spec", Kind::Declarator),
    ("continue_statement", Kind::Continue),
    ("dec_statement", Kind::Update),
    ("default_case", Kind::Arm),
    ("defer_statement", Kind::Defer),
    ("expression_case", Kind::Arm),
    ("expression_list", Kind::Tuple),
    ("expression_statement", Kind::ExpressionStatement),
    ("expression_switch_statement", Kind::Switch),
    ("false", Kind::False),
    ("field_declaration", Kind::FieldDeclaration),
    ("field_identifier", Kind::FieldName),
    ("float_literal", Kind::Float),
    ("for_clause", Kind::ForClause),
    ("for_statement", Kind::For),
    ("func_literal", Kind::Closure),
    ("function_declaration", Kind::Function),
    ("function_type", Kind::Arid),
    ("generic_type", Kind::Arid),
    ("goto_statement", Kind::Goto),
    ("identifier", Kind::Identifier),
    ("if_statement", Kind::If),
    ("imaginary_literal", Kind::Arid),
    ("import_declaration", Kind::Arid),
    ("import_spec", Kind::Arid),
    ("inc_statement", Kind::Update),
    ("index_expression", Kind::Index),
    ("int_literal", Kind::Integer),
    ("interface_type", Kind::Arid),
    ("interpreted_string_literal", Kind::Text),
    ("iota", Kind::Arid),
    ("map_type", Kind::Arid),
    ("method_declaration", Kind::Function),
    ("nil", Kind::Null),
    ("package_clause", Kind::Arid),
    ("parameter_declaration", Kind::Parameter),
    ("parameter_list", Kind::Parameters),
    ("parenthesized_expression", Kind::Parenthesized),
    ("pointer_type", Kind::Arid),
    ("qualified_type", Kind::Arid),
    ("range_clause", Kind::RangeClause),
    ("raw_string_literal", Kind::Arid),
    ("return_statement", Kind::Return),
    ("rune_literal", Kind::Character),
    ("select_statement", Kind::Switch),
    ("selector_expression", Kind::Member),
    ("short_var_declaration", Kind::Let),
    ("slice_expression", Kind::Slice),
    ("slice_type", Kind::Arid),
    ("source_file", Kind::File),
    ("statement_list", Kind::Statements),
    ("struct_type", Kind::Arid),
    ("true", Kind::True),
    ("type_arguments", Kind::Arid),
    ("type_case", Kind::TypeArm),
    ("type_conversion_expression", Kind::Cast),
    ("type_declaration", Kind::Arid),
    ("type_identifier", Kind::Arid),
    ("type_parameter_list", Kind::Arid),
    ("type_spec", Kind::Class),
    ("type_switch_statement", Kind::Switch),
    ("unary_expression", Kind::Unary),
    ("var_declaration", Kind::Let),
    ("var_spec", Kind::Declarator),
    ("variadic_argument", Kind::Spread),
    ("variadic_parameter_declaration", Kind::Parameter),
];
