//! Runs a gate on the trees before and after a patch.

use serde::{Deserialize, Serialize};
use ssr_core::{Command, Exit, Output, Program, RepoPath, Sandbox, SandboxError, Tree, Workspace};

use super::finding::{Finding, Found, new_findings};
use super::{Gate, GateReport, GateVerdict, Tool};

const DRIVER: &str = include_str!("ssr_gate.py");

/// Where the tools look for their settings.
const CONFIGURATION: [&str; 10] = [
    ".mypy.ini",
    ".pylintrc",
    ".pylintrc.toml",
    "mypy.ini",
    "pylintrc",
    "pylintrc.toml",
    "pyproject.toml",
    "setup.cfg",
    "sitecustomize.py",
    "tox.ini",
];

/// Characters of output that a reason quotes.
const QUOTED: usize = 400;

/// What the driver is asked to do.
#[derive(Serialize)]
struct ToolRequest<'a> {
    tool: &'a str,
    args: &'a [String],
    files: Vec<&'a str>,
    modules: Vec<(&'a str, String)>,
    changed: Vec<&'a str>,
}

/// The line that the driver prints.
#[derive(Deserialize)]
struct ToolAnswer {
    gate: Said,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Findings(Vec<Found>),
    Broken(String),
}

/// Findings, or why there are none.
type Checked = Result<Vec<Finding>, String>;

pub(super) fn check<S: Sandbox>(
    gate: &Gate,
    sandbox: &S,
    before: &Tree,
    after: &Tree,
) -> Result<GateReport, SandboxError> {
    let mut changed = before.changed_paths(after);
    changed.retain(|path| !CONFIGURATION.contains(&path.as_str()));
    let python: Vec<&RepoPath> =
        changed.iter().filter(|path| path.extension() == Some("py")).collect();
    let by_file = !matches!(gate.tool, Tool::Command(_));
    if changed.is_empty() || (by_file && python.is_empty()) {
        return Ok(report(gate, Ok(Vec::new())));
    }
    let mut workspace = sandbox.open(before)?;
    let old = run(gate, &mut workspace, before, &python)?;
    // What goes makes room for what comes: a file may take the place of a folder.
    let (come, go): (Vec<_>, Vec<_>) =
        changed.iter().partition(|path| after.contains(path.as_str()));
    for path in go.into_iter().chain(come) {
        workspace.write(path, after.get(path.as_str()).cloned())?;
    }
    let new = run(gate, &mut workspace, after, &python)?;
    Ok(report(gate, compare(gate, (old, before), (new, after))))
}

fn compare(gate: &Gate, before: (Checked, &Tree), after: (Checked, &Tree)) -> Checked {
    let known = match before.0 {
        Ok(findings) => findings,
        Err(reason) => return Err(format!("before the patch: {reason}")),
    };
    match after.0 {
        Ok(findings) => Ok(new_findings((&known, before.1), (findings, after.1))),
        // Code of the repository runs here: what it does to the process is its own fault.
        Err(reason) if gate.tool == Tool::Smoke => Ok(vec![unplaced("does-not-end", reason)]),
        Err(reason) => Err(reason),
    }
}

fn report(gate: &Gate, checked: Checked) -> GateReport {
    let (verdict, findings) = match checked {
        Ok(findings) if findings.is_empty() => (GateVerdict::Passed, findings),
        Ok(findings) => (GateVerdict::Failed, findings),
        Err(reason) => (GateVerdict::Broken(reason), Vec::new()),
    };
    GateReport::new(gate.name(), verdict, findings)
}

fn run<W: Workspace>(
    gate: &Gate,
    workspace: &mut W,
    tree: &Tree,
    changed: &[&RepoPath],
) -> Result<Checked, SandboxError> {
    if let Tool::Command(script) = &gate.tool {
        let output = workspace.run(&Command::shell(script.as_str()).with_limits(gate.limits))?;
        return Ok(Ok(match ending(&output) {
            None => Vec::new(),
            Some(reason) => vec![unplaced("command-fails", reason)],
        }));
    }
    let there = || changed.iter().filter(|path| tree.contains(path.as_str()));
    if there().next().is_none() {
        return Ok(Ok(Vec::new()));
    }
    let request = ToolRequest {
        tool: gate.name(),
        args: &gate.args,
        files: there().map(|path| path.as_str()).collect(),
        modules: there().filter_map(|path| Some((path.as_str(), module(path)?))).collect(),
        changed: changed.iter().map(|path| path.as_str()).collect(),
    };
    let request = serde_json::to_string(&request)
        .map_err(|error| SandboxError::infrastructure("asking a gate", error))?;
    let mut command = Command::python(DRIVER).with_limits(gate.limits);
    command.program = Program::Python { source: DRIVER.to_owned(), args: vec![request] };
    let output = workspace.run(&command)?;
    Ok(answer(gate, &output))
}

fn answer(gate: &Gate, output: &Output) -> Checked {
    if let Some(reason) = ending(output) {
        return Err(format!("{} {reason}", gate.name()));
    }
    let text = output.stdout_text();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match serde_json::from_str(last) {
        Ok(ToolAnswer { gate: Said::Findings(found) }) => {
            Ok(found.into_iter().map(Finding::from).collect())
        }
        Ok(ToolAnswer { gate: Said::Broken(reason) }) => Err(reason),
        Err(_) => Err(format!("{} did not answer: {}", gate.name(), quote(&output.log()))),
    }
}

/// How a command that did not succeed ended.
fn ending(output: &Output) -> Option<String> {
    match &output.exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(format!("ended with status {code}: {}", quote(&output.log()))),
        Exit::Timeout => Some("ran out of time".to_owned()),
        Exit::OutOfMemory => Some("ran out of memory".to_owned()),
        other => Some(format!("was stopped: {other:?}")),
    }
}

/// The end of an output.
fn quote(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let text = text.trim();
    text[text.floor_char_boundary(text.len().saturating_sub(QUOTED))..].to_owned()
}

fn unplaced(rule: &str, message: String) -> Finding {
    Finding::new(rule, "error", message)
}

/// The name under which a file is imported; none for tests and scripts.
fn module(path: &RepoPath) -> Option<String> {
    let name = path.file_name();
    let is_test = name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py";
    let folders = ["test", "tests", "docs", "doc", "examples", "scripts", "tools", "benchmarks"];
    if is_test
        || matches!(name, "setup.py" | "__main__.py" | "noxfile.py")
        || path.components().any(|part| folders.contains(&part))
    {
        return None;
    }
    let path = path.as_str();
    let path = path.strip_prefix("src/").unwrap_or(path).strip_suffix(".py")?;
    let module = path.strip_suffix("/__init__").unwrap_or(path).replace('/', ".");
    let is_name = |part: &str| {
        !part.starts_with(|c: char| c.is_ascii_digit())
            && !part.is_empty()
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    module.split('.').all(is_name).then_some(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_imported_under_their_names_and_tests_are_not() {
        let module = |path: &str| module(&RepoPath::new(path).unwrap());
        assert_eq!(module("pkg/a.py").as_deref(), Some("pkg.a"));
        assert_eq!(module("src/pkg/__init__.py").as_deref(), Some("pkg"));
        for path in ["tests/a.py", "pkg/test_a.py", "setup.py", "pkg/my-script.py", "pkg/1.py"] {
            assert_eq!(module(path), None, "{path}");
        }
    }
}
