//! Poisoned tests parse, differ from the original where they should, and depend on the seed alone.
#![cfg(feature = "python")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use ssr_core::{Dose, File, Poison, RepoPath, Seed, TestId, Tree};
use ssr_mutate::TestPoison;

const TESTS: &str = include_str!("fixtures/test_inventory.py");

const NAMES: [&str; 9] = [
    "TestShelf::test_put",
    "TestShelf::test_overflow",
    "TestShelf::test_neighbours",
    "TestChecksum::test_empty",
    "TestChecksum::test_bytes",
    "test_merge[left0-right0-merged0]",
    "test_search[3-2]",
    "test_group",
    "test_windows",
];

fn tree(files: &[(&str, &str)]) -> Tree {
    let file =
        |(name, text): &(&str, &str)| (RepoPath::new(name).unwrap(), File::new(text.as_bytes()));
    Tree::from_files(files.iter().map(file)).unwrap()
}

fn ids(file: &str, names: &[&str]) -> BTreeSet<TestId> {
    names.iter().map(|name| TestId::new(&format!("{file}::{name}"))).collect()
}

fn poisoned_with(text: &str, names: &[&str], dose: Dose, seed: u64) -> Option<String> {
    let tests = tree(&[("test_a.py", text)]);
    let doubted = ids("test_a.py", names);
    let files = TestPoison.poison(&tests, &doubted, &BTreeSet::new(), dose, Seed::new(seed))?;
    Some(files.get("test_a.py")?.text()?.to_owned())
}

fn turn(number: u8) -> Dose {
    Dose::Turn(number)
}

fn parses(text: &str) -> bool {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_python::LANGUAGE.into()).unwrap();
    !parser.parse(text, None).unwrap().root_node().has_error()
}

#[test]
fn a_realistic_file_is_poisoned_in_every_way() {
    let mut all = String::new();
    for (name, dose) in
        [("copies", Dose::Copies(3)), ("turn 0", turn(0)), ("turn 1", turn(1)), ("turn 2", turn(2))]
    {
        let text = poisoned_with(TESTS, &NAMES, dose, 3).unwrap();
        all.push_str(&format!("===== {name}\n{text}"));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_realistic_file_is_emptied() {
    let (files, found) =
        TestPoison.hollow(&tree(&[("test_a.py", TESTS)]), &ids("test_a.py", &NAMES));
    assert_eq!(found, ids("test_a.py", &NAMES));
    insta::assert_snapshot!(files.get("test_a.py").unwrap().text().unwrap());
}

#[test]
fn a_test_has_copies_in_each_role() {
    let text = "def test_f():\n    got = f(1)\n    assert got == 4\n";
    for seed in 0..20 {
        let poisoned = poisoned_with(text, &["test_f"], Dose::Copies(3), seed).unwrap();
        assert_eq!(poisoned.matches("def test_f").count(), 4, "{poisoned}");
        assert_eq!(poisoned.matches("def test_f(").count(), 1, "{poisoned}");
        let harmless = poisoned.matches("== (4)").count();
        assert!((1..=2).contains(&harmless), "{poisoned}");
        let many = poisoned_with(text, &["test_f"], Dose::Copies(8), seed).unwrap();
        assert_eq!(many.matches("def test_f_").count(), 8, "{many}");
    }
    let first = |seed| poisoned_with(text, &["test_f"], Dose::Copies(3), seed).unwrap();
    let all: BTreeSet<String> = (0..20).map(first).collect();
    assert!(all.len() >= 18, "{}", all.len());
}

#[test]
fn each_turn_gives_each_role_once() {
    let text = "def test_f():\n    assert f(1) == 4\n";
    for seed in 0..20 {
        let turns: Vec<String> =
            (0..3).map(|n| poisoned_with(text, &["test_f"], turn(n), seed).unwrap()).collect();
        let harmless = turns.iter().filter(|text| text.contains("== (4)")).count();
        let value = turns.iter().filter(|text| !text.contains('4')).count();
        assert!(harmless == 1 && value <= 1, "{turns:?}");
        assert!(turns.iter().all(|text| text.matches("def ").count() == 1));
    }
}

#[test]
fn nothing_is_put_where_the_test_may_not_come_by() {
    let early = "def test_f():\n    if g():\n        return\n    assert f(1) == 4\n";
    for seed in 0..30 {
        let poisoned = poisoned_with(early, &["test_f"], Dose::Copies(3), seed).unwrap();
        let lines = |text: &str| text.lines().filter(|line| !line.is_empty()).count();
        assert_eq!(lines(&poisoned), 4 * lines(early), "{poisoned}");
    }
    let generator = "def test_f():\n    yield 1\n";
    assert_eq!(poisoned_with(generator, &["test_f"], Dose::Copies(3), 1), None);
    let expected = "def test_f():\n    with raises(E):\n        assert f(1) == 4\n    try:\n        assert g() == 5\n    except AssertionError:\n        pass\n";
    for seed in 0..30 {
        let poisoned = poisoned_with(expected, &["test_f"], Dose::Copies(3), seed).unwrap();
        assert_eq!(poisoned.matches("f(1) == 4\n").count(), 4, "{poisoned}");
        assert_eq!(poisoned.matches("g() == 5\n").count(), 4, "{poisoned}");
    }
    let line = "def test_f(): assert f(1) == 4\n";
    let poisoned = poisoned_with(line, &["test_f"], Dose::Copies(3), 1).unwrap();
    assert_eq!(poisoned.lines().filter(|line| line.starts_with("def test_f")).count(), 4);
}

#[test]
fn tests_are_found_where_they_are_inherited_or_made() {
    let base = "class Base:\n    def test_f(self):\n        assert f(1) == 4\n";
    let heir = "from base import Base\n\n\nclass TestHeir(Base):\n    kind = dict\n";
    let tests = tree(&[("base.py", base), ("test_a.py", heir)]);
    let doubted = ids("test_a.py", &["TestHeir::test_f"]);
    let seed = Seed::new(1);
    let files = TestPoison.poison(&tests, &doubted, &BTreeSet::new(), turn(0), seed).unwrap();
    assert_eq!(files.files().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["base.py"]);
    let made = "def make(kind):\n    class TestMade(Case):\n        def test_f(self):\n            self.assertEqual(f(kind), 4)\n    return TestMade\n\n\nTestLists = make(list)\n";
    let poisoned = poisoned_with(made, &["TestLists::test_f"], turn(1), 1).unwrap();
    assert_ne!(poisoned, made);
    let dotted: BTreeSet<TestId> = [TestId::new("tests.test_a.Base.test_f")].into();
    let django: BTreeSet<TestId> = [TestId::new("test_f (tests.test_a.Base)")].into();
    for doubted in [dotted, django] {
        let tests = tree(&[("tests/test_a.py", base), ("tests/test_b.py", base)]);
        let files = TestPoison.poison(&tests, &doubted, &BTreeSet::new(), turn(0), seed).unwrap();
        let paths: Vec<_> = files.files().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["tests/test_a.py"]);
    }
    let lost = ids("test_a.py", &["test_nowhere"]);
    assert_eq!(TestPoison.poison(&tests, &lost, &BTreeSet::new(), turn(0), seed), None);
}

#[test]
fn a_test_that_the_code_under_test_decorates_is_not_emptied() {
    let text = "@lib.traced\ndef test_f():\n    assert f(1) == 4\n\n\ndef test_g():\n    assert g() == 1\n";
    let (files, found) =
        TestPoison.hollow(&tree(&[("test_a.py", text)]), &ids("test_a.py", &["test_f", "test_g"]));
    assert_eq!(found, ids("test_a.py", &["test_g"]));
    let text = files.get("test_a.py").unwrap().text().unwrap();
    assert!(text.contains("assert f(1) == 4") && text.ends_with("def test_g():\n    pass\n"));
}

#[test]
fn set_ups_and_fixtures_around_a_test_are_emptied_too() {
    let text = "import pytest\n\n\n@pytest.fixture\ndef thing():\n    made = make()\n    yield made\n    made.close()\n\n\nclass TestA:\n    def setUp(self):\n        self.x = make()\n\n    def test_f(self, thing):\n        assert thing\n\n    def test_g(self):\n        assert self.x\n";
    let (files, _) =
        TestPoison.hollow(&tree(&[("test_a.py", text)]), &ids("test_a.py", &["TestA::test_f"]));
    let text = files.get("test_a.py").unwrap().text().unwrap();
    assert!(text.contains("def thing():\n    yield\n"), "{text}");
    assert!(text.contains("def setUp(self):\n        pass\n"), "{text}");
    assert!(text.contains("def test_f(self, thing):\n        pass\n"), "{text}");
    assert!(text.contains("assert self.x"), "{text}");
}

/// Statements of a test, and what an assertion may look like.
fn statement() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("4"),
        Just("-17"),
        Just("'a'"),
        Just("b'\\x00'"),
        Just("[]"),
        Just("[1, (2,),\n     ]"),
        Just("{}"),
        Just("{1: 2,  # why\n     }"),
        Just("(1, 2)"),
        Just("f(2)"),
        Just("None"),
        Just("True"),
        Just("1e400"),
        Just("\"\"\"a\n     b\"\"\""),
        Just("'a' 'b'"),
        Just("0x1f"),
        Just("(not x)"),
        Just("99999999999999999999"),
    ];
    let form = prop_oneof![
        Just("    assert f(x) == VALUE\n"),
        Just("    assert (\n        f(x)\n        == VALUE\n    ), 'm'  # why\n"),
        Just("    assert VALUE == f(x); y = 1\n"),
        Just("    self.assertEqual(f(x), VALUE)\n"),
        Just("    self.assertTrue(f(x), msg=VALUE)\n"),
        Just("    for x in VALUE:\n        assert x in f(x), x\n"),
        Just("    with open(x) as y:\n        eq_(y, VALUE)\n"),
        Just("    assert f(x) and VALUE\n"),
        Just("    x = VALUE\n"),
        Just("    def inner():\n        return VALUE\n"),
    ];
    (form, value).prop_map(|(form, value)| form.replace("VALUE", value))
}

proptest! {
    #[test]
    fn poison_changes_the_chosen_functions_alone(
        first in prop::collection::vec(statement(), 1..5),
        second in prop::collection::vec(statement(), 1..5),
        seed in any::<u64>(),
        number in 0_u8..3,
    ) {
        let head = "import lib\n\n\n@mark\ndef test_first(x):\n";
        let text = [head, &first.concat(), "\n\ndef test_second(x):\n", &second.concat()].concat();
        for dose in [turn(number), Dose::Copies(3)] {
            let poisoned = poisoned_with(&text, &["test_second"], dose, seed);
            prop_assert_eq!(&poisoned, &poisoned_with(&text, &["test_second"], dose, seed));
            // A test in which nothing can be changed stays.
            let Some(poisoned) = poisoned else { continue };
            let kept = [head, &first.concat(), "\n\n"].concat();
            prop_assert!(poisoned.starts_with(&kept), "{}", poisoned);
            prop_assert!(parses(&poisoned), "{}", poisoned);
            let copies = poisoned.matches("\ndef test_second").count();
            prop_assert_eq!(copies, if dose == Dose::Copies(3) { 4 } else { 1 });
        }
        let all = ["test_first", "test_second"];
        let (files, found) =
            TestPoison.hollow(&tree(&[("test_a.py", &text)]), &ids("test_a.py", &all[1..]));
        prop_assert_eq!(found.len(), 1);
        let hollow = files.get("test_a.py").unwrap().text().unwrap();
        prop_assert!(hollow.contains("def test_second(x):\n    pass"), "{}", hollow);
    }

    #[test]
    fn line_endings_stay(seed in any::<u64>()) {
        let text = "class T:\r\n    def test_f(self):\r\n        assert f(1) == 4\r\n";
        let poisoned = poisoned_with(text, &["T::test_f"], Dose::Copies(3), seed).unwrap();
        prop_assert_eq!(poisoned.matches('\n').count(), poisoned.matches("\r\n").count());
    }
}
