//! Removed functions fail when they are called, and the package can still be imported.
#![cfg(feature = "python")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use ssr_core::{File, Patch, RepoPath, Seed, Tree};
use ssr_mutate::{Bug, Location, Remover, ScaleOperator};

const OPERATORS: [ScaleOperator; 5] = [
    ScaleOperator::Body,
    ScaleOperator::Function,
    ScaleOperator::Parameter,
    ScaleOperator::File,
    ScaleOperator::Slice,
];

const PARCEL: [(&str, &str); 6] = [
    ("parcel/__init__.py", include_str!("fixtures/parcel/__init__.py")),
    ("parcel/cli.py", include_str!("fixtures/parcel/cli.py")),
    ("parcel/labels.py", include_str!("fixtures/parcel/labels.py")),
    ("parcel/parcel.py", include_str!("fixtures/parcel/parcel.py")),
    ("parcel/rates.py", include_str!("fixtures/parcel/rates.py")),
    ("parcel/units.py", include_str!("fixtures/parcel/units.py")),
];

fn tree(files: &[(&str, &str)]) -> Tree {
    let file =
        |(path, text): &(&str, &str)| (RepoPath::new(path).unwrap(), File::new(text.as_bytes()));
    Tree::from_files(files.iter().map(file)).unwrap()
}

/// The bug that removes the function or file of this name.
fn remove(tree: &Tree, operator: ScaleOperator, name: &str) -> Option<Bug> {
    let remover = Remover::new(tree);
    let candidates = remover.candidates(operator);
    let named = candidates.iter().find(|removal| match removal.place() {
        Location::Function(_, function) => function == name,
        Location::File(path) => path.as_str() == name,
        _ => false,
    });
    remover.remove(named?, Seed::new(1))
}

fn text<'a>(tree: &'a Tree, path: &str) -> &'a str {
    tree.get(path).and_then(File::text).unwrap()
}

fn every_bug(tree: &Tree) -> Vec<Bug> {
    let remover = Remover::new(tree);
    OPERATORS.iter().flat_map(|o| remover.sample(&[*o], usize::MAX, Seed::new(3))).collect()
}

/// Imports `parcel` and each of its modules in each folder below; prints what fails.
const IMPORT_ALL: &str = r#"
import importlib, pathlib, sys
sys.dont_write_bytecode = True
for root in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    sys.path.insert(0, str(root))
    names = ["parcel"] + [f"parcel.{p.stem}" for p in sorted(root.glob("parcel/[a-z]*.py"))]
    try:
        for name in names:
            importlib.import_module(name)
    except BaseException as error:
        print(root.name, name, repr(error))
    sys.path.pop(0)
    for name in [name for name in sys.modules if name.split(".")[0] == "parcel"]:
        del sys.modules[name]
    importlib.invalidate_caches()
"#;

fn write(tree: &Tree, folder: &Path) {
    for (path, file) in tree.files() {
        let path = folder.join(path.as_str());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.bytes()).unwrap();
    }
}

#[test]
fn all_removals_of_a_package() {
    let lines: Vec<_> = every_bug(&tree(&PARCEL)).iter().map(Bug::describe).collect();
    let mut sorted = lines.clone();
    sorted.sort();
    insta::assert_snapshot!(sorted.join("\n"));
}

#[test]
fn cpython_imports_every_package_from_which_something_was_removed() {
    let parcel = tree(&PARCEL);
    let folder = tempfile::tempdir().unwrap();
    let bugs = every_bug(&parcel);
    for (index, bug) in bugs.iter().enumerate() {
        write(&parcel.apply(bug.patch()).unwrap(), &folder.path().join(format!("{index:03}")));
    }
    let run = Command::new("python3").arg("-c").arg(IMPORT_ALL).arg(folder.path()).output();
    // Without CPython on this machine there is no oracle to ask.
    let Ok(run) = run else { return };
    let failures = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let explain = failures.lines().map(|line| {
        let bug = &bugs[line[..3].parse::<usize>().unwrap()];
        format!("{line}\n{}\n{}", bug.describe(), bug.patch())
    });
    assert!(
        bugs.len() > 50 && failures.is_empty(),
        "{} bugs\n{}",
        bugs.len(),
        explain.collect::<String>()
    );
}

#[test]
fn a_function_goes_with_its_imports_exports_and_registrations() {
    let parcel = tree(&PARCEL);
    let bug = remove(&parcel, ScaleOperator::Function, "stepped").unwrap();
    insta::assert_snapshot!(bug.patch().to_string());
    let bug = remove(&parcel, ScaleOperator::Function, "total").unwrap();
    insta::assert_snapshot!(bug.patch().to_string());
    let bug = remove(&parcel, ScaleOperator::Function, "Parcel._get_density").unwrap();
    insta::assert_snapshot!(bug.patch().to_string());
}

#[test]
fn a_file_goes_with_whatever_needs_it_on_import() {
    let bug = remove(&tree(&PARCEL), ScaleOperator::File, "parcel/labels.py").unwrap();
    assert_eq!(bug.paths().len(), 4);
    insta::assert_snapshot!(
        bug.patch().to_string().split("diff --git a/parcel/labels").next().unwrap()
    );
}

#[test]
fn a_parameter_goes_with_its_handling_and_its_arguments() {
    let parcel = tree(&PARCEL);
    let remover = Remover::new(&parcel);
    let all = remover.candidates(ScaleOperator::Parameter);
    let bugs: Vec<_> = all.iter().filter_map(|p| remover.remove(p, Seed::new(1))).collect();
    let patches: Vec<_> =
        bugs.iter().map(|b| format!("# {}\n{}", b.describe(), b.patch())).collect();
    insta::assert_snapshot!(patches.join("\n"));
}

#[test]
fn what_runs_on_import_and_what_tests_import_stays() {
    let parcel = tree(&PARCEL);
    for name in ["unit_of", "_lookup", "checked", "traced"] {
        for operator in [ScaleOperator::Body, ScaleOperator::Function, ScaleOperator::Slice] {
            assert_eq!(remove(&parcel, operator, name), None, "{operator} {name}");
        }
    }
    let test = ("tests/test_a.py", "from parcel import price\n\n\ndef test_a():\n    price(1)\n");
    let tested: Vec<_> = PARCEL.into_iter().chain([test]).collect();
    let tested = tree(&tested);
    assert_eq!(remove(&tested, ScaleOperator::Function, "price"), None);
    assert!(remove(&tested, ScaleOperator::Body, "price").is_some());
    let names = |remover: &Remover<'_>| remover.candidates(ScaleOperator::Function).len();
    let (spared, all) = (Remover::new(&tested), Remover::new(&tested).with_tested());
    assert_eq!(names(&spared) + 1, names(&all));
    let paths: BTreeSet<_> = every_bug(&tested).iter().flat_map(Bug::paths).collect();
    assert!(!paths.contains("tests/test_a.py"));
}

#[test]
fn a_slice_is_connected_by_calls_and_goes_with_the_calls() {
    let parcel = tree(&PARCEL);
    let bugs = Remover::new(&parcel).sample(&[ScaleOperator::Slice], usize::MAX, Seed::new(1));
    assert!(bugs.iter().all(|bug| bug.places().len() > 1), "{bugs:#?}");
    assert!(bugs.iter().any(|bug| bug.paths().len() > 1));
    let audit = Location::Function(RepoPath::new("parcel/rates.py").unwrap(), "audit".into());
    let with_audit = bugs.iter().filter(|bug| bug.places().contains(&audit));
    for bug in with_audit {
        let broken = parcel.apply(bug.patch()).unwrap();
        assert!(!text(&broken, "parcel/rates.py").contains("audit(parcel"), "{}", bug.patch());
    }
}

#[test]
fn stubs_generators_and_docstrings_keep_their_shape() {
    let source = "def a(x):\n    \"\"\"Doc.\"\"\"\n    y = x\n    return [y]\n\n\n\
                  def b(x):\n    yield x\n    yield x\n\n\ndef c(x): ...\n\n\n\
                  def d(x): return x + 1\n\n\ndef e(x):\n    pass\n";
    let tree = tree(&[("m.py", source)]);
    let remover = Remover::new(&tree);
    let mut bodies = BTreeSet::new();
    for removal in remover.candidates(ScaleOperator::Body) {
        for seed in 0..40 {
            let bug = remover.remove(&removal, Seed::new(seed)).unwrap();
            let broken = tree.apply(bug.patch()).unwrap();
            assert!(text(&broken, "m.py").contains("\"\"\"Doc.\"\"\""));
            bodies.insert(bug.describe());
        }
    }
    insta::assert_snapshot!(bodies.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Packages of functions that call each other, some of them damaged.
fn packages() -> impl Strategy<Value = Tree> {
    let line = prop::sample::select(vec![
        "from .a import f\n",
        "from .a import f as g, h\n",
        "from . import a, b\n",
        "from .b import *\n",
        "import pkg.a\n",
        "__all__ = ['f', 'g']\n",
        "def f(x, y=None):\n    if y is None:\n        y = 1\n    return g(x, y=y)\n",
        "def g(x, y=0):\n    f(x)\n    return x\n",
        "def h(*, y=False):\n    if y:\n        f(1)\n    else:\n        g(2)\n",
        "@f\ndef k(x=g, z: h = 1) -> f:\n    return [h(y=True)]\n",
        "class A(g, metaclass=h):\n    f = 1\n    def f(self): return self.g()\n",
        "class B:\n    def g(self, y=2):\n        return f(y)\n    v = property(g)\n",
        "T = (f, g)\nS = {f: g, 1: h}\n",
        "x = y = f; z = g(1)\n",
        "if f:\n    g()\nelse: h()\n",
        "try:\n    from .a import g\nexcept ImportError:\n    g = None\n",
        "def broken(:\n",
        "# é\r\n",
        "",
    ]);
    let file = || prop::collection::vec(line.clone(), 0..7).prop_map(|lines| lines.concat());
    [file(), file(), file()].prop_map(|[init, a, b]| {
        tree(&[("pkg/__init__.py", &init), ("pkg/a.py", &a), ("pkg/b.py", &b)])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_removal_changes_the_tree_applies_and_reverses(tree in packages(), seed: u64) {
        let remover = Remover::new(&tree).with_tested();
        let bugs = remover.sample(&OPERATORS, usize::MAX, Seed::new(seed));
        prop_assert_eq!(&bugs, &Remover::new(&tree).with_tested().sample(&OPERATORS, usize::MAX, Seed::new(seed)));
        let mut ids = BTreeSet::new();
        for bug in &bugs {
            prop_assert!(ids.insert(bug.id()));
            let broken = tree.apply(bug.patch()).unwrap();
            prop_assert_ne!(broken.hash(), tree.hash());
            prop_assert_eq!(&Patch::parse(&bug.patch().to_bytes()).unwrap(), bug.patch());
            prop_assert_eq!(&broken.apply(&bug.patch().reverse()).unwrap(), &tree);
            prop_assert!(!bug.places().is_empty());
        }
        let few = remover.sample(&OPERATORS, 2, Seed::new(seed));
        prop_assert_eq!(&few[..], &bugs[..bugs.len().min(2)]);
    }
}
