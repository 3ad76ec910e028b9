//! Gates: checks that a patch has to pass beside its tests. They know nothing but the trait
//! `Sandbox`.

mod finding;
mod run;

use std::time::Duration;

use ssr_core::{Limits, Sandbox, SandboxError, Tree};

pub use finding::Finding;

/// A check of a patch: what it finds in the changed Python files that was not there before.
///
/// A gate is a value. A pipeline holds those that it wants and applies them to any [`Sandbox`]:
///
/// ```no_run
/// use ssr_core::Tree;
/// use ssr_sandbox::{Gate, GateVerdict, Guest, WasiSandbox, default_cache_dir, read_folder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (before, after) = (Tree::new(), Tree::new());
/// let guest = Guest::prepare(&default_cache_dir(), &|_| {})?;
/// let packages = read_folder("packages")?; // pip install --target packages pylint
/// let sandbox = WasiSandbox::builder(&guest)
///     .site_packages(packages)
///     .preload(Gate::PRELOAD)
///     .build()?;
/// for gate in [Gate::smoke(), Gate::pylint()] {
///     let report = gate.check(&sandbox, &before, &after)?;
///     if report.verdict == GateVerdict::Failed {
///         println!("{}: {:#?}", report.gate, report.findings);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// The tools read their configuration from the tree before the patch, so that a patch cannot switch a
/// gate off there; comments in the code that silence a tool are honoured. What they find is matched by
/// file, rule, message and the text of the line, so that code may move within its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    tool: Tool,
    args: Vec<String>,
    limits: Limits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tool {
    Pylint,
    Mypy,
    Smoke,
    Command(String),
}

impl Gate {
    /// Modules for [`WasiSandboxBuilder::preload`](crate::WasiSandboxBuilder::preload), so that no
    /// gate has to import its tool.
    pub const PRELOAD: [&str; 4] =
        ["pylint.lint", "pylint.reporters.json_reporter", "astroid", "mypy.main"];

    fn new(tool: Tool, args: &[&str], cpu: Duration) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { tool, args, limits: Limits::default().with_cpu(cpu) }
    }

    /// Errors and warnings of pylint, which must be among the installed packages. It has 90 s a run.
    #[must_use]
    pub fn pylint() -> Self {
        Self::new(Tool::Pylint, &["--disable=C,R,I"], Duration::from_secs(90))
    }

    /// Type errors of mypy, which must be among the installed packages: for WASI a version up to
    /// 1.18, as later ones need native code. Packages without types count as `Any`. The first of the
    /// two runs of a check reads the stubs of the standard library, which takes seconds; it has
    /// 180 s a run.
    #[must_use]
    pub fn mypy() -> Self {
        let args = ["--ignore-missing-imports", "--follow-imports=silent"];
        Self::new(Tool::Mypy, &args, Duration::from_secs(180))
    }

    /// Changed files compile, and those that are modules and no tests can be imported, within 30 s.
    ///
    /// It runs code of the patch, which could forge the answer: it finds accidents. Whether a patch is
    /// right is decided by tests.
    #[must_use]
    pub fn smoke() -> Self {
        Self::new(Tool::Smoke, &[], Duration::from_secs(30))
    }

    /// A bash script succeeds within 30 s, unless it failed before the patch too.
    #[must_use]
    pub fn command(script: impl Into<String>) -> Self {
        Self::new(Tool::Command(script.into()), &[], Duration::from_secs(30))
    }

    /// Replaces the options of the tool (default: see the gate). Those that decide its output format
    /// stay.
    #[must_use]
    pub fn with_args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the limits of one run; a check has two.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the gate is called in reports: `pylint`, `mypy`, `smoke` or `command`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.tool {
            Tool::Pylint => "pylint",
            Tool::Mypy => "mypy",
            Tool::Smoke => "smoke",
            Tool::Command(_) => "command",
        }
    }

    /// Checks the patch that leads from `before` to `after`.
    ///
    /// # Errors
    /// Only when the sandbox fails. A tool that is missing or crashes is a
    /// [`GateVerdict::Broken`].
    pub fn check<S: Sandbox>(
        &self,
        sandbox: &S,
        before: &Tree,
        after: &Tree,
    ) -> Result<GateReport, SandboxError> {
        run::check(self, sandbox, before, after)
    }
}

/// What a gate says about a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct GateReport {
    /// The [name](Gate::name) of the gate.
    pub gate: &'static str,
    /// Whether the patch may pass.
    pub verdict: GateVerdict,
    /// What is new, in the order of files and lines.
    pub findings: Vec<Finding>,
}

impl GateReport {
    /// The report of the gate with this name.
    pub fn new(gate: &'static str, verdict: GateVerdict, findings: Vec<Finding>) -> Self {
        Self { gate, verdict, findings }
    }
}

/// The verdict of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateVerdict {
    /// Nothing new was found.
    Passed,
    /// Something new was found.
    Failed,
    /// The tool is missing, crashed or ran into a limit, for this reason: it says nothing about the
    /// patch.
    Broken(String),
}
