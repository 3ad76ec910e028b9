//! Weakening removes exactly the tests that it is given.
#![cfg(feature = "python")]

use ssr_core::{File, RepoPath, Seed, TestId, Tree};
use ssr_mutate::{Error, MutateErrorKind, NotFound, Style, weaken};

const TESTS: &str = include_str!("fixtures/test_inventory.py");

fn tree(text: &str) -> Tree {
    let file = File::new(text.as_bytes());
    Tree::from_files([(RepoPath::new("tests/test_a.py").unwrap(), file)]).unwrap()
}

/// The file after weakening `names` (without the path of the file).
fn weakened_with(text: &str, names: &[&str], style: Style) -> Result<String, Error> {
    let tree = tree(text);
    let ids = names.iter().map(|name| TestId::new(&format!("tests/test_a.py::{name}"))).collect();
    let patch = weaken(&tree, &ids, style, Seed::new(1))?.unwrap();
    let weakened = tree.apply(&patch).unwrap();
    assert_eq!(weakened.apply(&patch.reverse()).unwrap(), tree);
    Ok(weakened.get("tests/test_a.py").unwrap().text().unwrap().to_owned())
}

fn weakened(text: &str, names: &[&str]) -> String {
    weakened_with(text, names, Style::Delete).unwrap()
}

#[test]
fn a_deleted_test_leaves_no_gap() {
    let text = "import a\n\n\ndef test_x():\n    a()\n\n\n@mark\ndef test_y():\n    b()\n    # why\n\n\ndef test_z():\n    c()\n";
    assert_eq!(
        weakened(text, &["test_y"]),
        text.replace("@mark\ndef test_y():\n    b()\n    # why\n\n\n", "")
    );
    assert_eq!(weakened(text, &["test_z"]), text.replace("\n\n\ndef test_z():\n    c()\n", "\n"));
    assert_eq!(weakened(text, &["test_y", "test_z"]), "import a\n\n\ndef test_x():\n    a()\n");
    assert_eq!(weakened(text, &["test_x", "test_y", "test_z"]), "import a\n");
}

#[test]
fn the_comment_on_top_of_a_test_goes_with_it() {
    let text = "a = 1\n\n# About x.\n# More.\n@mark\ndef test_x():\n    b()\n\n\nc = 1\n";
    assert_eq!(weakened(text, &["test_x"]), "a = 1\n\nc = 1\n");
    let text = "a = 1\n# About a.\ndef test_x():\n    b()\n";
    assert_eq!(weakened(text, &["test_x"]), "a = 1\n# About a.\n");
}

#[test]
fn a_file_of_one_test_becomes_empty_and_a_class_or_branch_gets_a_pass() {
    assert_eq!(weakened("def test_x():\n    a()\n", &["test_x"]), "");
    let class = "class TestA:\n    def test_x(self):\n        a()\n\n    def test_y(self):\n        b()\n\n\nc = 1\n";
    assert_eq!(
        weakened(class, &["TestA::test_x", "TestA::test_y"]),
        "class TestA:\n    pass\n\n\nc = 1\n"
    );
    let branch = "if new:\n    def test_x():\n        a()\nelse:\n    b = 1\n";
    assert_eq!(weakened(branch, &["test_x"]), "if new:\n    pass\nelse:\n    b = 1\n");
}

#[test]
fn every_definition_of_a_name_goes_so_that_none_comes_back() {
    let text = "def test_x():\n    a()\n\n\ndef other():\n    pass\n\n\ndef test_x():\n    b()\n";
    assert_eq!(weakened(text, &["test_x"]), "def other():\n    pass\n");
}

#[test]
fn line_endings_and_a_missing_last_one_stay() {
    let text = "class T:\r\n    def test_x(self):\r\n        a()\r\n\r\nb = 1";
    assert_eq!(weakened(text, &["T::test_x"]), "class T:\r\n    pass\r\n\r\nb = 1");
    assert_eq!(weakened("a = 1\n\ndef test_x():\n    b()", &["test_x"]), "a = 1\n");
}

#[test]
fn a_case_of_literals_is_dropped_alone() {
    let text = "@pytest.mark.parametrize(\"a, b\", [\n    (1, \"x y\"),\n    (-2, None),\n    pytest.param(3, [], id=\"three\"),\n])\ndef test_x(a, b):\n    assert f(a) == b\n";
    let left = weakened(text, &["test_x[-2-None]"]);
    assert_eq!(left, text.replace("(-2, None),\n    ", ""));
    let left = weakened(text, &["test_x[1-x y]", "test_x[three]"]);
    assert_eq!(
        left,
        text.replace("(1, \"x y\"),\n    ", "")
            .replace(",\n    pytest.param(3, [], id=\"three\")", "")
    );
    assert_eq!(weakened(text, &["test_x[1-x y]", "test_x[-2-None]", "test_x[three]"]), "");
    assert_eq!(weakened(text, &["test_x[-2-None]", "test_x"]), "");
}

#[test]
fn a_case_whose_id_does_not_follow_from_literals_takes_the_test_along() {
    for decorators in [
        "@parametrize(\"a\", [1, [2]])\n",
        "@parametrize(\"a\", [1, 1.5])\n",
        "@parametrize(\"a\", cases)\n",
        "@parametrize(\"a\", [1, 1])\n",
        "@parametrize(\"a\", (1, 2))\n",
        "@parametrize(\"a\", [1, 2], ids=names)\n",
        "@parametrize(\"a\", [1, 2])\n@parametrize(\"b\", [1])\n",
        "@cases\n",
    ] {
        let text = format!("{decorators}def test_x(a):\n    assert a\n\n\nb = 1\n");
        assert_eq!(weakened(&text, &["test_x[1]"]), "b = 1\n", "{decorators}");
    }
}

#[test]
fn only_the_assertions_go_where_something_remains() {
    let text = "def test_x(a):\n    \"\"\"Doc.\"\"\"\n    b = f(a)\n    assert b == 1\n    for c in b:\n        assert c, \\\n            \"c\"\n    with pytest.raises(E):\n        g()\n    h()\n";
    let left = weakened_with(text, &["test_x"], Style::Assertions).unwrap();
    assert_eq!(
        left,
        "def test_x(a):\n    \"\"\"Doc.\"\"\"\n    b = f(a)\n    for c in b:\n        pass\n    h()\n"
    );

    let empty = "a = 1\n\n\ndef test_x():\n    \"\"\"Doc.\"\"\"\n    assert f() == 1\n";
    assert_eq!(weakened_with(empty, &["test_x"], Style::Assertions).unwrap(), "a = 1\n");
    let shared = "a = 1\n\n\ndef test_x():\n    b = f(); assert b == 1\n";
    assert_eq!(
        weakened_with(shared, &["test_x"], Style::Assertions).unwrap(),
        shared.replace("b == 1", "b is not None")
    );
    let method = "class T(TestCase):\n    def test_x(self):\n        b = f()\n        self.assertEqual(b, 1)\n";
    let left = weakened_with(method, &["T::test_x"], Style::Assertions).unwrap();
    assert_eq!(left, "class T(TestCase):\n    def test_x(self):\n        b = f()\n");
}

#[test]
fn assertions_take_their_loosest_form() {
    let text = "def test_x():\n    assert f(1) == [1, 2], \"f\"\n    assert f(2) is None\n    with raises(E, match=\"e\") as caught:\n        f()\n";
    let left = weakened_with(text, &["test_x"], Style::Loosen).unwrap();
    assert_eq!(
        left,
        "def test_x():\n    assert f(1) is not None, \"f\"\n    with raises(Exception) as caught:\n        f()\n"
    );
    let bare = "a = 1\n\n\ndef test_x():\n    assert f(2) is None\n";
    assert_eq!(weakened_with(bare, &["test_x"], Style::Loosen).unwrap(), "a = 1\n");
}

#[test]
fn a_file_without_tests_by_its_name_is_left_alone() {
    let file = File::new(*b"def test_x():\n    assert f()\n");
    let tree = Tree::from_files([(RepoPath::new("pkg/a.py").unwrap(), file)]).unwrap();
    let ids = ["pkg/a.py::test_x".into()].into();
    let error = weaken(&tree, &ids, Style::Delete, Seed::new(1)).unwrap_err();
    assert_eq!(error.kind(), MutateErrorKind::Weakening);
    let Error::TestsNotFound { missing } = error else { panic!("{error:?}") };
    assert_eq!(missing[0].1, NotFound::Source);
}

#[test]
fn an_inherited_test_is_hidden_in_its_class_unless_its_definition_goes() {
    let base =
        "class TestA:\n    def test_x(self):\n        a()\n\n    def test_y(self):\n        b()\n";
    let heir = "class TestB(TestA):\n    kind = dict\n\n    def test_z(self):\n        c()\n";
    let text = format!("{base}\n\n{heir}\n\nd = 1\n");
    assert_eq!(
        weakened(&text, &["TestB::test_x", "TestB::test_y"]),
        format!("{base}\n\n{heir}\n    test_x = None\n    test_y = None\n\n\nd = 1\n")
    );
    assert_eq!(
        weakened(&text, &["TestA::test_x", "TestB::test_x"]),
        text.replace("    def test_x(self):\n        a()\n\n", "")
    );
    let elsewhere = "class TestB(imported.TestA):\n    kind = dict";
    assert_eq!(
        weakened(elsewhere, &["TestB::test_x"]),
        format!("{elsewhere}\n    test_x = None\n")
    );
    let all = weakened(&text, &["TestB::test_x", "TestB::test_z"]);
    assert!(all.ends_with("    kind = dict\n\n    test_x = None\n\n\nd = 1\n"), "{all}");
}

#[test]
fn a_test_that_others_call_becomes_a_helper() {
    let text =
        "def test_x(f=1):\n    test_x\n    a.test_x(test_x=f)\n\n\ndef test_y():\n    test_x(2)\n";
    let renamed = "def _test_x(f=1):\n    _test_x\n    a.test_x(test_x=f)\n\n\ndef test_y():\n    _test_x(2)\n";
    assert_eq!(weakened(text, &["test_x"]), renamed);
    assert_eq!(weakened(text, &["test_x", "test_y"]), "");
    let asserting =
        "def test_x():\n    return 1\n\n\ndef test_y():\n    a()\n    assert test_x()\n";
    let left = weakened_with(asserting, &["test_x", "test_y"], Style::Assertions).unwrap();
    assert_eq!(left, "def _test_x():\n    return 1\n\n\ndef test_y():\n    a()\n");
    assert_eq!(weakened(text, &["test_y"]), text.split("\n\n\n").next().unwrap().to_owned() + "\n");
}

#[test]
fn a_mixed_style_follows_the_seed() {
    let tests: String =
        (0..20).map(|n| format!("def test_{n}():\n    a = f()\n    assert a == 1\n\n\n")).collect();
    let names: Vec<_> = (0..20).map(|n| format!("test_{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let left = weakened_with(&tests, &names, Style::Mixed).unwrap();
    assert_eq!(left, weakened_with(&tests, &names, Style::Mixed).unwrap());
    let (tests, loosened) = (left.matches("def ").count(), left.matches("is not None").count());
    assert!(tests < 20 && loosened > 0 && loosened < tests, "{left}");
}

#[test]
fn tests_without_a_definition_are_listed_with_the_reason() {
    let text = "class TestA:\n    def test_x(self):\n        pass\n";
    let reason = |name: &str| match weakened_with(text, &[name], Style::Delete) {
        Err(Error::TestsNotFound { missing }) => missing[0].1,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(reason("test_x"), NotFound::Function);
    assert_eq!(reason("TestB::test_x"), NotFound::Class);
    assert_eq!(reason("TestA::test_y"), NotFound::Method);
    assert_eq!(reason("pkg.mod.function"), NotFound::NotAFunction);

    let ids = ["a.py::test_x", "tests/test_a.py", "tests/test_a.py::TestA::test_x", "../x::test_y"];
    let error = weaken(&tree(text), &ids.map(TestId::new).into(), Style::Delete, Seed::new(1));
    let Err(Error::TestsNotFound { missing }) = error else { panic!("{error:?}") };
    let lost: Vec<_> = missing.iter().map(|(id, reason)| (id.as_str(), *reason)).collect();
    assert_eq!(
        lost,
        [
            ("../x::test_y", NotFound::File),
            ("a.py::test_x", NotFound::File),
            ("tests/test_a.py", NotFound::NotAFunction),
        ]
    );
}

#[test]
fn each_test_of_a_realistic_file_can_be_hidden_in_each_style() {
    let names = [
        "TestShelf::test_put",
        "TestShelf::test_overflow",
        "TestShelf::test_neighbours",
        "TestChecksum::test_empty",
        "TestChecksum::test_bytes",
        "test_merge[left0-right0-merged0]",
        "test_search[3-2]",
        "test_search[5--1]",
        "test_group",
        "test_windows",
    ];
    let mut all = String::new();
    for name in names {
        for style in [Style::Delete, Style::Assertions, Style::Loosen] {
            let tree = tree(TESTS);
            let ids = [TestId::new(&format!("tests/test_a.py::{name}"))].into();
            let patch = weaken(&tree, &ids, style, Seed::new(1)).unwrap().unwrap();
            all.push_str(&format!(
                "===== {name} {style:?}\n{}",
                String::from_utf8_lossy(&patch.to_bytes())
            ));
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn nothing_broken_is_no_patch() {
    assert_eq!(weaken(&tree(TESTS), &[].into(), Style::Mixed, Seed::new(1)).unwrap(), None);
}
