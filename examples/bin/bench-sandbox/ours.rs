//! The WASI sandbox, driven through the operations that the benchmark times.

use ssr_core::{Command, RepoPath, Sandbox, TestSelection, Tree, Workspace};
use ssr_examples::{Failure, Package, Result};
use ssr_sandbox::{Guest, WasiSandbox, WasiWorkspace};

use crate::case::{Case, Extent, Place, Work};

/// Our sandbox, warm for a package.
pub struct Ours<'c> {
    sandbox: WasiSandbox,
    case: &'c Case,
    tree: Tree,
}

impl<'c> Ours<'c> {
    /// Boots the guest for `workers` runs at once and warms it with the suite of the case.
    pub fn new(guest: &Guest, case: &'c Case, package: &Package, workers: usize) -> Result<Self> {
        let sandbox = WasiSandbox::builder(guest)
            .site_packages(package.site_packages.clone())
            .workers(workers)
            .build()
            .map_err(|error| Failure::Infrastructure(error.to_string()))?;
        let suite = TestSelection::Files(case.files(&package.tree, Extent::Suite)?);
        sandbox.warm(&package.tree, &Command::tests(suite))?;
        Ok(Self { sandbox, case, tree: package.tree.clone() })
    }

    pub fn sandbox(&self) -> &WasiSandbox {
        &self.sandbox
    }

    fn patched(&self, round: usize, place: Place) -> Result<Tree> {
        let file = self.case.patched(&self.tree, round, place)?;
        Ok(self.tree.with(RepoPath::new(self.case.patched)?, file)?)
    }

    /// Patches the source, runs the tests and returns how many passed.
    pub fn cycle(&self, round: usize, (place, extent): Work) -> Result<usize> {
        let tree = self.patched(round, place)?;
        let files = TestSelection::Files(self.case.files(&tree, extent)?);
        let output = self.sandbox.open(&tree)?.run(&Command::tests(files))?;
        let report = output.report.unwrap_or_default();
        match report.counts().passed {
            0 => Err(Failure::Infrastructure("no test passed in the sandbox".to_owned())),
            passed => Ok(passed),
        }
    }

    /// Starts Python and prints one line.
    pub fn nothing(&self) -> Result<()> {
        let output = self.sandbox.open(&Tree::new())?.run(&Command::python("print(1)"))?;
        match output.stdout.as_slice() {
            b"1\n" => Ok(()),
            _ => Err(Failure::Infrastructure(format!("print(1) gave {output:?}"))),
        }
    }

    /// Replaces the changed workspace by a fresh one.
    pub fn reset(&self, changed: &mut Option<WasiWorkspace>) -> Result<()> {
        *changed = Some(self.sandbox.open(&self.tree)?);
        Ok(())
    }

    /// Writes a changed file into the workspace.
    pub fn change(&self, workspace: &mut Option<WasiWorkspace>, round: usize) -> Result<()> {
        if let Some(workspace) = workspace {
            let file = self.case.patched(&self.tree, round, Place::Function)?;
            workspace.write(&RepoPath::new(self.case.patched)?, Some(file))?;
        }
        Ok(())
    }
}
