//! C: what its nodes and words mean, and its operators.

mod operators;

use std::sync::LazyLock;

use ssr_core::RepoPath;
use tree_sitter::Language;

use crate::braces::{Brace, CompilerRules, Kind, Parts, Syntax, in_directory};

pub static C: Brace = Brace { syntax: &SYNTAX, parts: &PARTS };

static PARTS: LazyLock<Parts> = LazyLock::new(|| Parts::new(&SYNTAX, operators::RULES));

static SYNTAX: Syntax = Syntax {
    name: "c",
    extensions: &["c", "h"],
    grammars: &[(&["c", "h"], || Language::new(tree_sitter_c::LANGUAGE))],
    kinds: KINDS,
    rules: CompilerRules {
        typed: true,
        no_unused: false,
        no_unreachable: false,
        no_missing_value: true,
        moves: false,
        loose_numbers: true,
        tail_values: false,
    },
    is_test,
    is_foreign: |path| {
        path.file_name().contains("config.h") || path.file_name().ends_with(".tab.c")
    },
    nulls: &["NULL", "nullptr"],
    zero,
    integers: &[
        "char",
        "int",
        "long",
        "short",
        "unsigned",
        "signed",
        "unsigned int",
        "unsigned long",
        "unsigned char",
        "unsigned short",
        "long long",
        "unsigned long long",
        "size_t",
        "ssize_t",
        "ptrdiff_t",
        "off_t",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "uint64_t",
        "u8",
        "u16",
        "u32",
        "u64",
        "uintptr_t",
        "long int",
        "uint",
    ],
    floats: &["float", "double", "long double"],
    texts: &["char *", "char*"],
    booleans: &["bool", "_Bool"],
    counts: &["strlen", "sizeof", "len", "length", "size", "count", "strcmp", "memcmp", "strncmp"],
    silent: &[
        "printf",
        "fprintf",
        "puts",
        "fputs",
        "perror",
        "assert",
        "log",
        "syslog",
        "warn",
        "warnx",
        "err",
        "errx",
        "vfprintf",
        "debug",
        "static_assert",
        "_Static_assert",
        "printk",
    ],
    wrappers: &[
        "abs", "labs", "fabs", "tolower", "toupper", "ntohl", "ntohs", "htonl", "htons", "sqrt",
        "floor", "ceil", "round", "trunc", "fabsf", "sqrtf",
    ],
    opposites: &[
        ("fmin", "fmax"),
        ("MIN", "MAX"),
        ("min", "max"),
        ("floor", "ceil"),
        ("tolower", "toupper"),
        ("islower", "isupper"),
        ("isalpha", "isalnum"),
        ("htonl", "htons"),
    ],
    mirrored: &[("strchr", "strrchr"), ("memchr", "memrchr"), ("strspn", "strcspn")],
    releases: &["free", "fclose", "close", "munmap", "closedir", "fflush", "pclose", "kfree"],
    locks: &[
        ("pthread_mutex_lock", "pthread_mutex_unlock"),
        ("pthread_rwlock_wrlock", "pthread_rwlock_unlock"),
        ("pthread_rwlock_rdlock", "pthread_rwlock_unlock"),
        ("pthread_spin_lock", "pthread_spin_unlock"),
        ("mtx_lock", "mtx_unlock"),
        ("sem_wait", "sem_post"),
        ("spin_lock", "spin_unlock"),
        ("mutex_lock", "mutex_unlock"),
    ],
    waits: &["pthread_cond_wait", "pthread_cond_timedwait", "cnd_wait", "wait_event"],
    wakes: &[("pthread_cond_broadcast", "pthread_cond_signal"), ("cnd_broadcast", "cnd_signal")],
    joins: &["pthread_join", "thrd_join", "waitpid", "wait"],
    lookups: &["strcmp", "strncmp", "strstr", "getenv", "strcasecmp", "strpbrk", "strtok"],
    break_: "break;",
};

fn is_test(path: &RepoPath) -> bool {
    let stem = path.file_name().split('.').next().unwrap_or("");
    in_directory(path, &["test", "tests", "testing", "unittest", "unittests", "t", "testsuite"])
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
}

fn zero(ty: &str) -> Option<&'static str> {
    let plain = ty.trim_start_matches("static ").trim_start_matches("const ");
    Some(match plain {
        "float" | "double" | "long double" => "0.0",
        "bool" | "_Bool" => "false",
        ty if SYNTAX.integers.contains(&ty) => "0",
        ty if ty.ends_with('*') => "NULL",
        _ => return None,
    })
}

const KINDS: &[(&str, Kind)] = &[
    ("abstract_pointer_declarator", Kind::Arid),
    ("argument_list", Kind::Arguments),
    ("array_declarator", Kind::Arid),
    ("assignment_expression", Kind::Assignment),
    ("attribute_specifier", Kind::Arid),
    ("binary_expression", Kind::Binary),
    ("break_statement", Kind::Break),
    ("call_expression", Kind::Call),
    ("case_statement", Kind::Arm),
    ("cast_expression", Kind::Cast),
    ("char_literal", Kind::Character),
    ("compound_statement", Kind::Block),
    ("concatenated_string", Kind::Arid),
    ("conditional_expression", Kind::Ternary),
    ("continue_statement", Kind::Continue),
    ("declaration", Kind::Let),
    ("do_statement", Kind::DoWhile),
    ("else_clause", Kind::Else),
    ("enum_specifier", Kind::Class),
    ("expression_statement", Kind::ExpressionStatement),
    ("false", Kind::False),
    ("field_declaration", Kind::FieldDeclaration),
    ("field_expression", Kind::Member),
    ("field_identifier", Kind::FieldName),
    ("for_statement", Kind::For),
    ("function_declarator", Kind::Arid),
    ("function_definition", Kind::Function),
    ("gnu_asm_expression", Kind::Arid),
    ("goto_statement", Kind::Goto),
    ("identifier", Kind::Identifier),
    ("if_statement", Kind::If),
    ("init_declarator", Kind::Declarator),
    ("initializer_list", Kind::List),
    ("null", Kind::Null),
    ("number_literal", Kind::Integer),
    ("parameter_list", Kind::Arid),
    ("parenthesized_expression", Kind::Parenthesized),
    ("pointer_declarator", Kind::Arid),
    ("pointer_expression", Kind::Reference),
    ("preproc_call", Kind::Arid),
    ("preproc_def", Kind::Arid),
    ("preproc_elif", Kind::Statements),
    ("preproc_else", Kind::Statements),
    ("preproc_function_def", Kind::Arid),
    ("preproc_if", Kind::Statements),
    ("preproc_ifdef", Kind::Statements),
    ("preproc_include", Kind::Arid),
    ("primitive_type", Kind::Arid),
    ("return_statement", Kind::Return),
    ("sized_type_specifier", Kind::Arid),
    ("sizeof_expression", Kind::Arid),
    ("string_literal", Kind::Text),
    ("struct_specifier", Kind::Class),
    ("subscript_expression", Kind::Index),
    ("switch_statement", Kind::Switch),
    ("translation_unit", Kind::File),
    ("true", Kind::True),
    ("type_definition", Kind::Arid),
    ("type_descriptor", Kind::Arid),
    ("type_identifier", Kind::Arid),
    ("unary_expression", Kind::Unary),
    ("union_specifier", Kind::Class),
    ("update_expression", Kind::Update),
    ("while_statement", Kind::While),
];
