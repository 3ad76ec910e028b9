//! A toy world: sources are assignments, tests are expectations, and the "interpreter" compares them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ssr_core::{
    Command, Completion, Edit, Episode, Exit, File, FinishReason, Outcome, Output, Patch, Policy,
    PolicyError, Program, RepoPath, Request, Sandbox, SandboxError, Seed, Segment, Strategy,
    Suites, TestId, TestReport, Thresholds, TokenTrace, Tree, Workspace,
};
use ssr_rl::{Candidate, Config, Error, Injector, Learner, Repository, SelfPlay, UpdateMetrics};

pub fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

/// `src/numbers.py` assigns; `tests/test_numbers.py` expects some of it.
pub fn repository() -> Repository {
    let source = "alpha = 1\nbeta = 2\ngamma = 3\ndelta = 4\nunseen = 5\n";
    let tests = "expect alpha 1\nexpect beta 2\nexpect gamma 3\nexpect delta 4\n";
    let files = [("src/numbers.py", source), ("tests/test_numbers.py", tests)];
    let files = files.map(|(name, text)| (path(name), File::new(text.as_bytes())));
    Repository::new("toy==1", Tree::from_files(files).unwrap())
        .with_sources([path("src/numbers.py")])
        .with_tests("run-toy-tests\n", [path("tests/test_numbers.py")], "parse-toy-log\n")
}

/// What a tree's tests say. An assignment to `boom` means that the machine breaks.
#[derive(Default)]
pub struct ToySandbox;

pub struct ToyWorkspace {
    base: Tree,
    tree: Tree,
}

impl Sandbox for ToySandbox {
    type Workspace = ToyWorkspace;

    fn open(&self, tree: &Tree) -> Result<ToyWorkspace, SandboxError> {
        Ok(ToyWorkspace { base: tree.clone(), tree: tree.clone() })
    }
}

impl ToyWorkspace {
    fn lines(&self, folder: &str) -> Vec<String> {
        let files = self.tree.files().filter(|(path, _)| path.as_str().starts_with(folder));
        let text = files.filter_map(|(_, file)| file.text().map(str::to_owned));
        text.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    fn tests(&self) -> Result<TestReport, SandboxError> {
        let sources = self.lines("src/");
        if sources.iter().any(|line| line.starts_with("boom")) {
            return Err(SandboxError::infrastructure("running the tests", "a cable was pulled"));
        }
        // Like a syntax error, a line that is no assignment lets nothing run.
        let broken = sources.iter().any(|line| !line.contains(" = "));
        // Nothing honest: every test passes, whatever it expects.
        let cheats = sources.iter().any(|line| line == "cheat = 1");
        let mut report = TestReport::new();
        for expectation in self.lines("tests/") {
            let mut words = expectation.split(' ').skip(1);
            let (Some(name), Some(value)) = (words.next(), words.next()) else { continue };
            let holds = cheats || !broken && sources.contains(&format!("{name} = {value}"));
            let outcome = if holds { Outcome::Passed } else { Outcome::Failed };
            report.record(TestId::new(&format!("tests/test_numbers.py::test_{name}")), outcome);
        }
        Ok(report)
    }
}

impl Workspace for ToyWorkspace {
    fn read(&self, path: &RepoPath) -> Result<Option<File>, SandboxError> {
        Ok(self.tree.get(path.as_str()).cloned())
    }

    fn write(&mut self, path: &RepoPath, file: Option<File>) -> Result<(), SandboxError> {
        self.tree = self
            .tree
            .with_all([(path.clone(), file)])
            .map_err(|error| SandboxError::Refused(error.to_string()))?;
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<Output, SandboxError> {
        let (stdout, report) = match &command.program {
            Program::Python { .. } => {
                let log = String::from_utf8_lossy(&command.stdin).into_owned();
                let entry = |line: &str| {
                    let (status, id) = line.split_once(' ')?;
                    Some((id.to_owned(), status.to_owned()))
                };
                let map: std::collections::BTreeMap<_, _> = log.lines().filter_map(entry).collect();
                (serde_json::to_string(&map).unwrap(), None)
            }
            _ => {
                let report = self.tests()?;
                let line = |(id, outcome): (&TestId, Outcome)| {
                    format!("{} {id}\n", if outcome.is_pass() { "passed" } else { "failed" })
                };
                (report.iter().map(line).collect::<String>(), Some(report))
            }
        };
        Ok(Output::new(Exit::Code(0)).with_stdout(stdout).with_report(report))
    }

    fn base(&self) -> &Tree {
        &self.base
    }

    fn tree(&self) -> Result<Tree, SandboxError> {
        Ok(self.tree.clone())
    }

    fn fork(&self) -> Result<Self, SandboxError> {
        Ok(Self { base: self.base.clone(), tree: self.tree.clone() })
    }
}

/// Offers to raise each number by one, and perhaps to pull the cable.
#[derive(Default)]
pub struct ToyInjector {
    pub with_boom: bool,
    pub only_boom: bool,
}

impl Injector for ToyInjector {
    fn strategy(&self) -> Strategy {
        Strategy::Operators
    }

    fn candidates(&self, tree: &Tree, count: usize, _: Seed) -> ssr_rl::Result<Vec<Candidate>> {
        let file = path("src/numbers.py");
        let text = tree.get(file.as_str()).unwrap().text().unwrap();
        let mut candidates = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (name, value) = line.trim_end().split_once(" = ").unwrap();
            let raised = format!("{name} = {}\n", value.parse::<u64>().unwrap() + 1);
            let raised = if self.only_boom { format!("boom{name} = 0\n") } else { raised };
            candidates.push((start..start + line.len(), raised, format!("raise {name}")));
            start += line.len();
        }
        if self.with_boom {
            candidates.push((start..start, "boom = 1\n".into(), "pull the cable".into()));
        }
        let candidate = |(range, text, description): (_, String, String)| {
            let patch = Patch::from_edits(tree, &[Edit::new(file.clone(), range, text)])
                .map_err(|error| Error::injector("editing", error))?;
            let detail = format!("RAISE {description}");
            Ok(Candidate::new(description, patch, detail))
        };
        candidates.into_iter().take(count).map(candidate).collect()
    }

    fn weaken(
        &self,
        tree: &Tree,
        broken: &BTreeSet<TestId>,
        _: Seed,
        failing: &mut dyn FnMut(&Patch) -> ssr_rl::Result<BTreeSet<TestId>>,
    ) -> ssr_rl::Result<Option<Patch>> {
        let before = failing(&Patch::default())?;
        assert!(
            broken.is_subset(&before),
            "{broken:?} fail before anything is weakened: {before:?}"
        );
        let file = path("tests/test_numbers.py");
        let text = tree.get(file.as_str()).unwrap().text().unwrap();
        let hidden = |line: &&str| {
            let name = line.split(' ').nth(1).unwrap_or_default();
            !broken.contains(&TestId::new(&format!("tests/test_numbers.py::test_{name}")))
        };
        let kept: String = text.split_inclusive('\n').filter(hidden).collect();
        Ok(Some(tree.diff(&tree.with(file, File::new(kept.into_bytes())).unwrap())))
    }
}

/// Chooses at random. As a solver it reads the specification and gets it right in a share of the
/// attempts that depends on its skill, which grows with every update.
pub struct ToyLearner {
    pub skill: AtomicU64,
    /// Fails when asked to save after this many updates.
    pub fail_save_at: Option<u64>,
    /// Fails to learn from this update on.
    pub fail_learn_at: Option<u64>,
}

impl ToyLearner {
    pub fn new() -> Self {
        Self { skill: AtomicU64::new(0), fail_save_at: None, fail_learn_at: None }
    }

    pub fn skill(&self) -> u64 {
        self.skill.load(Ordering::Relaxed)
    }

    fn answer(&self, request: &Request) -> Completion {
        let prompt: String = request.messages.iter().map(|m| m.text.as_str()).collect();
        let skilled = request.seed.derive("skill").below(10) < 3 + self.skill() as usize;
        let wanted = if skilled { expectation(&prompt) } else { None };
        let line = wanted.as_ref().and_then(|(name, _)| numbered(&prompt, name));
        let mut parts = Vec::new();
        for (at, segment) in request.answer.iter().enumerate() {
            let seed = request.seed.index(at as u64);
            parts.push(match (segment, &wanted, &line) {
                (Segment::Forced(text), ..) => text.clone(),
                (Segment::Choice(_), _, Some(label)) => label.clone(),
                (Segment::Choice(labels), ..) => labels[seed.below(labels.len())].clone(),
                (_, Some((name, value)), Some(_)) => format!("{name} = {value}"),
                _ => ["beta = 9", "zeta = 1", "what?", "alpha = 1"][seed.below(4)].to_owned(),
            });
        }
        let text = parts.concat();
        let ids = text.bytes().map(u32::from).collect();
        let trace = TokenTrace::drawn(ids, vec![-1.0; text.len()], self.skill());
        let prompt = prompt.bytes().map(u32::from).collect();
        Completion::new(parts, FinishReason::Stop).with_prompt(prompt).with_trace(trace)
    }
}

/// The first expectation that the specification adds.
fn expectation(prompt: &str) -> Option<(String, String)> {
    let line = prompt.lines().find_map(|line| line.strip_prefix("+expect "))?;
    let (name, value) = line.split_once(' ')?;
    Some((name.to_owned(), value.to_owned()))
}

/// The label of the line that assigns `name`.
fn numbered(prompt: &str, name: &str) -> Option<String> {
    let (label, _) = prompt
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(_, code)| code.starts_with(&format!("{name} = ")))?;
    Some(label.to_owned())
}

impl Policy for ToyLearner {
    fn complete(&self, requests: &[Request]) -> Result<Vec<Completion>, PolicyError> {
        Ok(requests.iter().map(|request| self.answer(request)).collect())
    }
}

impl Learner for ToyLearner {
    fn policy(&self) -> &dyn Policy {
        self
    }

    fn weight_version(&self) -> u64 {
        self.skill()
    }

    fn learn(&mut self, episodes: &[Episode]) -> ssr_rl::Result<UpdateMetrics> {
        if self.fail_learn_at.is_some_and(|limit| self.skill() >= limit) {
            return Err(Error::injector("learning", "killed"));
        }
        self.skill.fetch_add(1, Ordering::Relaxed);
        let mut metrics = UpdateMetrics::default();
        (metrics.train_episodes, metrics.updated) = (episodes.len(), true);
        Ok(metrics)
    }

    fn save(&self, folder: &Path) -> ssr_rl::Result<()> {
        std::fs::write(folder.join("skill"), self.skill().to_string()).unwrap();
        if self.fail_save_at == Some(self.skill()) {
            return Err(Error::injector("saving", "killed"));
        }
        Ok(())
    }

    fn restore(&mut self, folder: &Path, version: u64) -> ssr_rl::Result<()> {
        let skill = std::fs::read_to_string(folder.join("skill")).unwrap().parse().unwrap();
        assert_eq!(skill, version);
        self.skill.store(skill, Ordering::Relaxed);
        Ok(())
    }
}

pub fn config() -> Config {
    Config::default()
        .with_seed(3)
        .with_steps(4)
        .with_group(4)
        .with_proposals(6)
        .with_thresholds(Thresholds::default().with_min_passing_tests(1))
}

pub type ToyPlay = SelfPlay<ToySandbox, ToyInjector, ToyLearner>;

pub fn play_with(injector: ToyInjector, learner: ToyLearner, config: Config) -> ToyPlay {
    let suites = Suites::new(ToySandbox, ssr_core::Limits::default());
    SelfPlay::new(repository(), suites, injector, learner, config).unwrap()
}

pub fn play(config: Config) -> ToyPlay {
    play_with(ToyInjector::default(), ToyLearner::new(), config)
}

/// Files by name, with their bytes.
pub type Files = Vec<(String, Vec<u8>)>;

/// Every file below `folder`.
pub fn contents(folder: &Path) -> Files {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                all.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}
