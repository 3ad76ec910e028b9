//! A sandbox for a language so small that its interpreter is thirty lines: code files hold
//! `name = value` lines, test files hold `test_name: name value` lines, and a test passes when the
//! code gives the name that value. A test of a name that is `hang` runs into the limit of one test,
//! and a suite with a name that is `forever` into that of all.

use ssr_core::{
    Command, Exit, File, Outcome, Output, Program, RepoPath, Sandbox, SandboxError, TestReport,
    Tree, Workspace,
};

/// Whether the runner reports beside its output, as a sandbox with an event channel does.
#[derive(Clone, Copy)]
pub struct Toy {
    pub reports: bool,
}

pub struct ToyWorkspace {
    toy: Toy,
    base: Tree,
    tree: Tree,
}

impl Sandbox for Toy {
    type Workspace = ToyWorkspace;

    fn reports(&self) -> bool {
        self.reports
    }

    fn open(&self, tree: &Tree) -> Result<ToyWorkspace, SandboxError> {
        Ok(ToyWorkspace { toy: *self, base: tree.clone(), tree: tree.clone() })
    }
}

impl Workspace for ToyWorkspace {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        Ok(self.tree.get(path.as_str()).cloned())
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        let changed = self.tree.with_all([(path.clone(), file)]);
        self.tree = changed.map_err(|error| SandboxError::Refused(error.to_string()))?;
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        let (stdout, report) = match &command.program {
            Program::Shell { script } if script == "lose the machine" => {
                return Err(SandboxError::infrastructure("running the suite", "worker lost"));
            }
            Program::Shell { script } if script == "print passes" => {
                let report = run_tests(&self.base);
                (report.iter().map(|(id, _)| format!("{id} Passed\n")).collect(), None)
            }
            Program::Shell { .. } | Program::Tests(_) => {
                // As in pytest, a file of the repository can decide what tests say.
                if self.tree.contains("conftest.py") {
                    let passed = |(id, _): (&ssr_core::TestId, _)| (id.clone(), Outcome::Passed);
                    let report: TestReport = run_tests(&self.tree).iter().map(passed).collect();
                    let lines = report.iter().map(|(id, outcome)| format!("{id} {outcome:?}\n"));
                    let stdout = lines.collect::<String>();
                    let report = self.toy.reports.then_some(report);
                    return Ok(Output::new(Exit::Code(0)).with_stdout(stdout).with_report(report));
                }
                let report = run_tests(&self.tree);
                let line = |(id, outcome): (_, Outcome)| format!("{id} {outcome:?}\n");
                (report.iter().map(line).collect(), self.toy.reports.then_some(report))
            }
            Program::Python { source, .. } if source == "forge" => {
                (r#"{"t/a.t::invented": "passed"}"#.to_owned(), None)
            }
            Program::Python { .. } => (parse(&String::from_utf8_lossy(&command.stdin)), None),
            _ => return Err(SandboxError::Refused("unknown program".to_owned())),
        };
        let forever = self.tree.files().any(|(_, file)| file.bytes().ends_with(b"= forever\n"));
        let exit = if forever { Exit::Timeout } else { Exit::Code(0) };
        Ok(Output::new(exit).with_stdout(stdout).with_report(report))
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        Ok(self.tree.clone())
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self { toy: self.toy, base: self.base.clone(), tree: self.tree.clone() })
    }
}

fn run_tests(tree: &Tree) -> TestReport {
    let lines = |ending: &str| -> Vec<(String, String)> {
        let files = tree.files().filter(|(path, _)| path.as_str().ends_with(ending));
        files
            .flat_map(|(path, file)| {
                let text = file.text().unwrap_or("").to_owned();
                let named = |line: &str| (path.to_string(), line.to_owned());
                text.lines().map(named).collect::<Vec<_>>()
            })
            .collect()
    };
    let code: Vec<String> = lines(".code").into_iter().map(|(_, line)| line).collect();
    let outcome = |expected: &str| {
        let holds = code.iter().any(|line| line.replace(" = ", " ") == expected);
        let name = expected.split(' ').next().unwrap_or_default();
        match holds {
            true => Outcome::Passed,
            false if code.contains(&format!("{name} = hang")) => Outcome::Timeout,
            false => Outcome::Failed,
        }
    };
    let tests = lines(".t").into_iter().filter_map(|(path, line)| {
        let (name, expected) = line.split_once(": ")?;
        Some((format!("{path}::{name}").into(), outcome(expected)))
    });
    tests.collect()
}

fn parse(log: &str) -> String {
    let status = |line: &str| {
        let (id, outcome) = line.rsplit_once(' ')?;
        Some((id.to_owned(), if outcome == "Passed" { "passed" } else { "failed" }))
    };
    let map: std::collections::BTreeMap<_, _> = log.lines().filter_map(status).collect();
    serde_json::to_string(&map).unwrap()
}
