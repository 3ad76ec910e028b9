//! Gates on real trees: what is new is found, and a tool that fails says so.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use ssr_core::{Limits, Tree};
use ssr_sandbox::{
    Gate, GateReport, GateVerdict, Guest, WasiSandbox, default_cache_dir, read_folder,
};

use crate::support::{fixture, installed, sandbox, tree};

/// The tools, with what they need. mypy is also published compiled, which no guest can load.
const TOOLS: [&str; 19] = [
    "pylint==4.1.4",
    "astroid==4.3.4",
    "dill==0.4.1",
    "isort==9.0.2",
    "mccabe==0.7.0",
    "mypy==1.18.2",
    "mypy_extensions==1.2.0",
    "pathspec==1.1.1",
    "platformdirs==4.14.5",
    "tomlkit==0.15.2",
    "typing_extensions==4.16.0",
    "--platform=any",
    "--implementation=py",
    "--abi=none",
    "--python-version=3.14",
    "--only-binary=:all:",
    "--no-deps",
    "--quiet",
    "--no-compile",
];

fn tools() -> &'static WasiSandbox {
    static SANDBOX: OnceLock<WasiSandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let guest = Guest::prepare(&default_cache_dir(), &|_| {}).unwrap();
        let packages = read_folder(installed(&TOOLS)).unwrap();
        let builder = WasiSandbox::builder(&guest).site_packages(packages);
        builder.preload(Gate::PRELOAD).build().unwrap()
    })
}

/// Path, line, column, rule and message of each finding.
type Findings = Vec<(String, u32, u32, String, String)>;

fn findings(report: &GateReport) -> Findings {
    let findings = report.findings.iter().map(|finding| {
        let path = finding.path.as_ref().map_or("", |path| path.as_str());
        let (rule, message) = (finding.rule.clone(), finding.message.clone());
        (path.to_owned(), finding.line, finding.column, rule, message)
    });
    findings.collect()
}

fn rules(report: &GateReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

fn trees() -> (Tree, Tree) {
    let read = |name: &str| read_folder(fixture("gates").join(name)).unwrap();
    (read("before"), read("after"))
}

/// What is new according to the tools of a usual machine.
fn native(tool: &str) -> Findings {
    let text = std::fs::read_to_string(fixture("gates/expected.json")).unwrap();
    serde_json::from_str::<BTreeMap<String, Findings>>(&text).unwrap().remove(tool).unwrap()
}

#[test]
fn pylint_finds_what_it_finds_natively_and_nothing_old() {
    let (before, after) = trees();
    let report = Gate::pylint().check(tools(), &before, &after).unwrap();
    assert_eq!(report.verdict, GateVerdict::Failed);
    assert_eq!(findings(&report), native("pylint"));
    assert!(!report.findings.is_empty());
}

#[test]
fn mypy_finds_what_it_finds_natively_and_nothing_old() {
    let (before, after) = trees();
    let report = Gate::mypy().check(tools(), &before, &after).unwrap();
    assert_eq!(report.verdict, GateVerdict::Failed, "{report:?}");
    assert_eq!(findings(&report), native("mypy"));
    assert!(!report.findings.is_empty());
}

#[test]
fn a_patch_without_python_passes_without_a_run() {
    let (before, _) = trees();
    let after = before.with(crate::support::path("a.txt"), crate::support::file("x")).unwrap();
    for gate in [Gate::pylint(), Gate::mypy(), Gate::smoke()] {
        let report = gate.check(sandbox(), &before, &after).unwrap();
        assert_eq!((report.verdict, report.findings.len()), (GateVerdict::Passed, 0));
    }
}

#[test]
fn a_patch_cannot_switch_a_gate_off() {
    let before = tree(&[("a.py", "X = 1\n")]);
    let after = tree(&[
        ("a.py", "X = undefined\n"),
        (".pylintrc", "[MAIN]\nignore-patterns=.*\n[MESSAGES CONTROL]\ndisable=all\n"),
        ("pylint/__init__.py", "raise SystemExit(0)\n"),
        ("pylint/lint.py", "def Run(*args): print('{\"messages\": []}')\n"),
        ("json.py", "def loads(text): return {'messages': []}\ndumps = loads\n"),
    ]);
    let report = Gate::pylint().check(tools(), &before, &after).unwrap();
    assert!(rules(&report).contains(&"undefined-variable"), "{report:?}");
}

#[test]
fn a_tool_that_is_missing_or_fails_says_nothing_about_the_patch() {
    let (before, after) = (tree(&[("a.py", "X = 1\n")]), tree(&[("a.py", "X = 2\n")]));
    let broken = |gate: Gate, sandbox| match gate.check(sandbox, &before, &after).unwrap().verdict {
        GateVerdict::Broken(reason) => reason,
        verdict => panic!("{verdict:?}"),
    };
    let missing = broken(Gate::pylint(), sandbox());
    assert!(missing.contains("pylint cannot be imported"), "{missing}");
    let refused = broken(Gate::pylint().with_args(["--no-such-option"]), tools());
    assert!(refused.contains("no-such-option"), "{refused}");
    let limits = Limits::default().with_cpu(Duration::from_millis(50));
    let slow = broken(Gate::mypy().with_limits(limits), tools());
    assert!(slow.contains("out of time"), "{slow}");
}

#[test]
fn smoke_rises_where_a_module_stops_working() {
    let before = tree(&[
        ("pkg/__init__.py", ""),
        ("pkg/a.py", "import pkg.b\n"),
        ("pkg/b.py", "X = 1\n"),
        ("old.py", "x = (\n"),
        ("test_x.py", "raise SystemExit\n"),
    ]);
    let check = |files: &[(&str, &str)]| {
        let changes = files
            .iter()
            .map(|(path, text)| (crate::support::path(path), Some(crate::support::file(text))));
        let after = before.with_all(changes).unwrap();
        let report = Gate::smoke().check(sandbox(), &before, &after).unwrap();
        findings(&report).into_iter().map(|f| (f.0, f.3)).collect::<Vec<_>>()
    };
    let found = |path: &str, rule: &str| vec![(path.to_owned(), rule.to_owned())];
    assert_eq!(check(&[("pkg/b.py", "X = 2\n"), ("test_x.py", "raise SystemExit(1)\n")]), []);
    assert_eq!(check(&[("old.py", "x = (\n\n")]), []);
    assert_eq!(check(&[("pkg/b.py", "X = (\n")]), found("pkg/b.py", "does-not-compile"));
    assert_eq!(check(&[("pkg/b.py", "X = Y\n")]), found("pkg/b.py", "cannot-be-imported"));
    assert_eq!(check(&[("pkg/b.py", "import os; os._exit(0)\n")]), found("", "does-not-end"));
}

#[test]
fn a_command_may_fail_when_it_did_before() {
    let (before, after) = (tree(&[("a", "1")]), tree(&[("b", "1")]));
    let check = |script: &str| Gate::command(script).check(sandbox(), &before, &after).unwrap();
    assert_eq!(check("true").verdict, GateVerdict::Passed);
    assert_eq!(check("false").verdict, GateVerdict::Passed);
    assert_eq!(rules(&check("cat a")), ["command-fails"]);
}
