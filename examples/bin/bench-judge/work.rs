//! What is judged: real operator bugs, wrong and right repairs of them, and the bugs themselves.

use ssr_core::{
    BugInstance, File, Limits, Patch, Provenance, RepoPath, Seed, Strategy, Suites, Thresholds,
    Tree, judge,
};
use ssr_examples::{Effect, Failure, Result, Screened, Trials, compile_all};
use ssr_mutate::Mutator;
use ssr_sandbox::WasiSandbox;

use crate::broke;
use crate::native::Native;

/// What is done to a bug.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A repair that leaves tests failing is judged.
    Wrong,
    /// A repair that differs from the original text and does the same is judged.
    Right,
    /// A change is tried, hidden by the least weakening, and put through the seven checks.
    Bug,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Wrong, Self::Right, Self::Bug];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong repairs",
            Self::Right => "right repairs",
            Self::Bug => "validated bugs",
        }
    }
}

/// A bug of the package with what the seven checks made of it.
struct Hard {
    change: Patch,
    bug: BugInstance,
}

/// The jobs of one package.
pub struct Work<'a> {
    screened: &'a Screened,
    bugs: Vec<Hard>,
    /// Repaired trees, with the bug that each is a repair of.
    pub wrong: Vec<(usize, Tree)>,
    pub right: Vec<(usize, Tree)>,
}

impl<'a> Work<'a> {
    /// Draws bugs that hold, and makes repairs of them that are known to be wrong and right.
    pub fn draw(
        sandbox: &WasiSandbox,
        screened: &'a Screened,
        count: usize,
        seed: u64,
    ) -> Result<Self> {
        let original = &screened.repository.tree;
        let mutator = Mutator::new();
        let sites = mutator.sites(original);
        let drawn = mutator.sample(&sites, count * 3, Seed::new(seed));
        let patch =
            |site: &ssr_mutate::Site| site.patch().map_err(|e| Failure::input(e.to_string()));
        let changes: Vec<Patch> = drawn.iter().map(patch).collect::<Result<_>>()?;
        let compiles = compile_all(sandbox, original, &changes, Limits::default())?;
        let suites = Suites::new(sandbox.clone(), screened.limits);
        let mut work = Self { screened, bugs: Vec::new(), wrong: Vec::new(), right: Vec::new() };
        for (change, _) in changes.iter().zip(compiles).filter(|(_, compiles)| *compiles) {
            if work.bugs.len() == count {
                break;
            }
            if let Some(bug) = work.check(&suites, change)? {
                work.bugs.push(Hard { change: change.clone(), bug });
            }
        }
        if work.bugs.is_empty() {
            return Err(broke("no drawn bug holds"));
        }
        work.add_wrong(&suites, &changes)?;
        work.add_right(sandbox, &suites)?;
        Ok(work)
    }

    /// How many jobs of a kind there are.
    pub fn jobs(&self, kind: Kind) -> usize {
        match kind {
            Kind::Wrong => self.wrong.len(),
            Kind::Right => self.right.len(),
            Kind::Bug => self.bugs.len(),
        }
    }

    /// Another change of the same file on top of the bug, as a policy that guesses would make it.
    fn add_wrong(&mut self, suites: &Suites<WasiSandbox>, changes: &[Patch]) -> Result<()> {
        for (at, hard) in self.bugs.iter().enumerate() {
            let files = hard.change.touched_paths();
            let guesses = changes.iter().filter(|change| change.touched_paths() == files);
            let trees = guesses.filter_map(|change| hard.bug.tree.apply(change).ok());
            for tree in trees.filter(|tree| *tree != hard.bug.tree).take(3) {
                if !judge(suites, &hard.bug, &tree)?.solved {
                    self.wrong.push((at, tree));
                }
            }
        }
        Ok(())
    }

    /// The original with one more statement before the line that the bug changed.
    fn add_right(&mut self, sandbox: &WasiSandbox, suites: &Suites<WasiSandbox>) -> Result<()> {
        let original = &self.screened.repository.tree;
        let mut repairs = Vec::new();
        for (at, hard) in self.bugs.iter().enumerate() {
            repairs.extend(equivalent(original, &hard.change, at).map(|tree| (at, tree)));
        }
        let patches: Vec<Patch> = repairs.iter().map(|(_, tree)| original.diff(tree)).collect();
        let compiles = compile_all(sandbox, original, &patches, Limits::default())?;
        for ((at, repair), _) in repairs.into_iter().zip(compiles).filter(|(_, compiles)| *compiles)
        {
            if judge(suites, &self.bugs[at].bug, &repair)?.solved {
                self.right.push((at, repair));
            }
        }
        Ok(())
    }

    fn trials<'s>(&'s self, suites: &'s Suites<WasiSandbox>) -> Trials<'s, WasiSandbox> {
        let Screened { repository, baseline, .. } = self.screened;
        Trials::new(
            suites,
            repository,
            &baseline.passing,
            Thresholds::default().with_min_passing_tests(1),
        )
    }

    fn check(&self, suites: &Suites<WasiSandbox>, change: &Patch) -> Result<Option<BugInstance>> {
        let trials = self.trials(suites);
        let mut trial = trials.run(change)?;
        if trial.effect != Effect::Breaking {
            return Ok(None);
        }
        trials.check(change, &mut trial, Seed::new(1))?;
        let provenance = Provenance { strategy: Strategy::Operators, detail: String::new() };
        Ok(trial.bug(&self.screened.repository.tree, provenance))
    }

    fn repair(&self, kind: Kind, job: usize) -> (&Hard, &Tree) {
        let (at, tree) = if kind == Kind::Wrong { &self.wrong[job] } else { &self.right[job] };
        (&self.bugs[*at], tree)
    }

    /// One job as self-play does it.
    pub fn judge(&self, suites: &Suites<WasiSandbox>, kind: Kind, job: usize) -> Result<()> {
        if kind == Kind::Bug {
            return match self.check(suites, &self.bugs[job].change)? {
                Some(_) => Ok(()),
                None => Err(broke("a bug that held does not hold any more")),
            };
        }
        let (hard, tree) = self.repair(kind, job);
        self.agree(kind, judge(suites, &hard.bug, tree)?.solved)
    }

    /// The same job with the whole script in a shell and the parser after it.
    pub fn judge_by_script(
        &self,
        suites: &Suites<WasiSandbox>,
        kind: Kind,
        job: usize,
    ) -> Result<()> {
        if kind == Kind::Bug {
            let Hard { change, bug } = &self.bugs[job];
            let buggy = self.screened.repository.tree.apply(change)?;
            suites.run(&bug.artifact, &buggy)?;
            suites.run(&bug.artifact, &bug.tree)?;
            return Ok(());
        }
        let (hard, tree) = self.repair(kind, job);
        let judged = restored(&hard.bug, tree)?;
        let passed = suites.run(&hard.bug.artifact, &judged)?.passed();
        let wanted = hard.bug.f2p.iter().chain(&hard.bug.p2p);
        self.agree(kind, wanted.into_iter().all(|id| passed.contains(id)))
    }

    /// The same job by pytest in a process: of a repair first the tests that the bug broke, and
    /// nothing more when one of them fails; of a bug its suite twice.
    pub fn judge_natively(&self, native: &Native, kind: Kind, job: usize) -> Result<()> {
        let files = self.screened.repository.test_script.lines().skip(2);
        let files: Vec<&str> = files.map(|line| line.trim_end_matches('\\').trim()).collect();
        let files: Vec<&str> = files.into_iter().filter(|word| !word.starts_with("--")).collect();
        if kind == Kind::Bug {
            let Hard { change, bug } = &self.bugs[job];
            let buggy = self.screened.repository.tree.apply(change)?;
            native.passes(&buggy, &files, false)?;
            native.passes(&bug.tree, &files, false)?;
            return Ok(());
        }
        let (hard, tree) = self.repair(kind, job);
        let judged = restored(&hard.bug, tree)?;
        let broken: Vec<&str> = hard.bug.f2p.iter().map(|id| id.as_str()).collect();
        let solved =
            native.passes(&judged, &broken, true)? && native.passes(&judged, &files, false)?;
        self.agree(kind, solved)
    }

    fn agree(&self, kind: Kind, solved: bool) -> Result<()> {
        if solved == (kind == Kind::Right) {
            Ok(())
        } else {
            Err(broke("a repair is judged in two ways"))
        }
    }
}

fn restored(bug: &BugInstance, tree: &Tree) -> Result<Tree> {
    Ok(bug.restore_oracle(tree)?)
}

/// The tree with a statement more before the first line that `change` touches, if it is one file.
fn equivalent(original: &Tree, change: &Patch, number: usize) -> Option<Tree> {
    let paths = change.touched_paths();
    let path: &RepoPath = paths.iter().next().filter(|_| paths.len() == 1)?;
    let before = original.get(path.as_str())?.text()?.to_owned();
    let changed = original.apply(change).ok()?;
    let after = changed.get(path.as_str())?.text()?.to_owned();
    let same = before.lines().zip(after.lines()).take_while(|(a, b)| a == b).count();
    let mut lines: Vec<&str> = before.split_inclusive('\n').collect();
    let line = lines.get(same)?;
    let indent = &line[..line.len() - line.trim_start().len()];
    let statement = format!("{indent}_repaired = {number}\n");
    lines.insert(same, &statement);
    let file = File::new(lines.concat().into_bytes());
    original.with_all([(path.clone(), Some(file))]).ok()
}
