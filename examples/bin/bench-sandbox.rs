//! The sandbox against native CPython, in one run, on toolz.

use std::path::{Path, PathBuf};
use std::process::{Command as Process, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;
use ssr_core::{Command, File, RepoPath, Sandbox, TestSelection, Tree, Workspace};
use ssr_examples::bench::{Row, json, median, table};
use ssr_examples::{Failure, Package, Packages, Result, open_sandbox, prepare_guest};
use ssr_sandbox::{WasiSandbox, default_cache_dir, write_folder};

const PACKAGE: &str = "toolz==0.12.1";
const PATCHED: &str = "toolz/itertoolz.py";
const ITS_TESTS: &str = "toolz/tests/test_itertoolz.py";

/// The sandbox against native CPython, in one run, on toolz.
#[derive(Parser)]
#[command(name = "bench-sandbox")]
struct Args {
    /// Rounds; the medians are reported
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// End with one line of JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args.rounds.max(1)) {
        Ok(rows) => {
            print!("{}", table(&rows));
            if args.json {
                println!("{}", json(&rows));
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(rounds: usize) -> Result<Vec<Row>> {
    let cache = default_cache_dir();
    let package = Packages::new(&cache).fetch(PACKAGE, &[])?;
    let ours = Ours::new(&package)?;
    let native = Native::new(&package, &cache)?;
    let one = Selection::File(RepoPath::new(ITS_TESTS)?);
    // Both are warm before anything counts: bytecode, page cache, branch predictors.
    let (seen, expected) = (ours.cycle(0, &one)?, native.cycle(0, &one)?);
    if seen != expected {
        return Err(Failure::Infrastructure(format!(
            "ours passes {seen} tests of {ITS_TESTS}, native {expected}: not the same work"
        )));
    }
    ours.cycle(0, &Selection::All)?;
    native.cycle(0, &Selection::All)?;
    let floor = measure(rounds, |_| ours.nothing())?;
    let cycle = compare(rounds, |n| ours.cycle(n, &one), |n| native.cycle(n, &one))?;
    let suite = compare(
        rounds.div_ceil(3),
        |n| ours.cycle(n, &Selection::All),
        |n| native.cycle(n, &Selection::All),
    )?;
    let start = compare(rounds, |_| ours.nothing(), |_| native.nothing())?;
    Ok(vec![
        Row::duration("toolz patch-and-test cycle", cycle.0, "native pytest", cycle.1)
            .with_limit(floor),
        Row::duration("toolz whole suite", suite.0, "native pytest", suite.1).with_limit(floor),
        Row::duration("start Python and print", start.0, "native python", start.1),
    ])
}

/// The medians of both, run in turns so that a change of the machine's speed meets both.
fn compare<T, U>(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Result<T>,
    mut theirs: impl FnMut(usize) -> Result<U>,
) -> Result<(f64, f64)> {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        a.push(time(|| ours(round))?);
        b.push(time(|| theirs(round))?);
    }
    Ok((median(a), median(b)))
}

fn measure<T>(rounds: usize, mut work: impl FnMut(usize) -> Result<T>) -> Result<f64> {
    let times: Result<Vec<f64>> = (1..=rounds).map(|round| time(|| work(round))).collect();
    times.map(median)
}

/// Milliseconds.
fn time<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

enum Selection {
    All,
    File(RepoPath),
}

/// The source with one more line, so that every round really has new code to compile.
fn patched(tree: &Tree, round: usize) -> Result<File> {
    let file = tree.get(PATCHED).ok_or_else(|| Failure::input(format!("no {PATCHED}")))?;
    let mut bytes = file.bytes().to_vec();
    bytes.extend_from_slice(format!("\n_round = {round}\n").as_bytes());
    Ok(File::new(bytes))
}

struct Ours {
    sandbox: WasiSandbox,
    tree: Tree,
}

impl Ours {
    fn new(package: &Package) -> Result<Self> {
        let sandbox = open_sandbox(&prepare_guest(&|what| eprintln!("{what}"))?, package)?;
        Ok(Self { sandbox, tree: package.tree.clone() })
    }

    /// Patch, test, and how many tests passed.
    fn cycle(&self, round: usize, selection: &Selection) -> Result<usize> {
        let tree = self.tree.with(RepoPath::new(PATCHED)?, patched(&self.tree, round)?)?;
        let selection = match selection {
            Selection::All => TestSelection::Files(ssr_examples::test_modules(&tree)),
            Selection::File(path) => TestSelection::Files(vec![path.clone()]),
        };
        let output = self.sandbox.open(&tree)?.run(&Command::tests(selection))?;
        let report = output.report.unwrap_or_default();
        match report.ids(|outcome| outcome.is_pass()).count() {
            0 => Err(Failure::Infrastructure("no test passed in the sandbox".to_owned())),
            passed => Ok(passed),
        }
    }

    fn nothing(&self) -> Result<()> {
        let output = self.sandbox.open(&Tree::new())?.run(&Command::python("print(1)"))?;
        match output.stdout.as_slice() {
            b"1\n" => Ok(()),
            _ => Err(Failure::Infrastructure(format!("print(1) gave {output:?}"))),
        }
    }
}

struct Native {
    python: PathBuf,
    folder: PathBuf,
    site_packages: PathBuf,
    tree: Tree,
}

impl Native {
    fn new(package: &Package, cache: &Path) -> Result<Self> {
        let root = cache.join("bench-native");
        if root.exists() {
            std::fs::remove_dir_all(&root).map_err(|error| broke(&error))?;
        }
        let (folder, site_packages) = (root.join("repository"), root.join("site-packages"));
        let write = |tree: &Tree, folder: &Path| {
            write_folder(tree, folder).map_err(|error| Failure::Infrastructure(error.to_string()))
        };
        write(&package.tree, &folder)?;
        write(&package.site_packages, &site_packages)?;
        Ok(Self { python: interpreter()?, folder, site_packages, tree: package.tree.clone() })
    }

    fn cycle(&self, round: usize, selection: &Selection) -> Result<usize> {
        let file = patched(&self.tree, round)?;
        std::fs::write(self.folder.join(PATCHED), file.bytes()).map_err(|error| broke(&error))?;
        let mut args = vec!["-m".to_owned(), "pytest".to_owned(), "-q".to_owned()];
        args.extend(["-p".to_owned(), "no:cacheprovider".to_owned()]);
        match selection {
            Selection::File(path) => args.push(path.to_string()),
            Selection::All => {
                let modules = ssr_examples::test_modules(&self.tree);
                args.extend(modules.iter().map(ToString::to_string));
            }
        }
        let text = self.python(&args)?;
        let passed =
            text.split(" passed").next().and_then(|before| before.rsplit([' ', '\n']).next());
        passed.and_then(|count| count.parse().ok()).ok_or_else(|| {
            Failure::Infrastructure(format!("native pytest did not pass a test:\n{text}"))
        })
    }

    fn nothing(&self) -> Result<()> {
        self.python(&["-c".to_owned(), "print(1)".to_owned()]).map(|_| ())
    }

    fn python(&self, args: &[String]) -> Result<String> {
        let output = Process::new(&self.python)
            .args(args)
            .current_dir(&self.folder)
            .env("PYTHONPATH", &self.site_packages)
            .env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            // Native Python keeps its bytecode, as ours does.
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| broke(&error))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The interpreter itself: `python3` on the path may be a script that looks for it at every start.
fn interpreter() -> Result<PathBuf> {
    let output = Process::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .map_err(|error| broke(&error))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn broke(error: &std::io::Error) -> Failure {
    Failure::Infrastructure(format!("native python3: {error}"))
}
