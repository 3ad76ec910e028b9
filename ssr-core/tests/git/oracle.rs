//! Real git as the oracle: trees go to a temporary folder, git works on them, trees come back.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ssr_core::{File, RepoPath, Tree};
use tempfile::TempDir;

/// A folder with files that git works on, away from the configuration of the machine.
pub struct Git {
    folder: TempDir,
}

impl Git {
    pub fn new(tree: &Tree) -> Self {
        let git = Self { folder: tempfile::tempdir().unwrap() };
        git.write(tree);
        git
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the folder hold exactly `tree`, leaving `.git` alone.
    pub fn write(&self, tree: &Tree) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == ".git" {
                continue;
            }
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        for (path, file) in tree.files() {
            let path = self.path().join(path.as_str());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file.bytes()).unwrap();
            set_executable(&path, file.executable());
        }
    }

    pub fn read(&self) -> Tree {
        read_tree(self.path())
    }

    /// Runs git and returns what it printed; panics when it fails.
    pub fn run(&self, args: &[&str]) -> Vec<u8> {
        let output = self.try_run(args, b"");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {message}");
        output.stdout
    }

    pub fn try_run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CEILING_DIRECTORIES", self.path().parent().unwrap())
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git is installed");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // Git may refuse its input before it has read all of it.
            stdin.write_all(&input).ok();
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// `git apply`: the tree afterwards, or what git complains about.
    pub fn apply(&self, patch: &[u8], options: &[&str]) -> Result<Tree, String> {
        let output = self.try_run(&[&["apply"], options, &["-"]].concat(), patch);
        match output.status.success() {
            true => Ok(self.read()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Turns the folder into a repository.
    pub fn init(&self, options: &[&str]) {
        self.run(&[&["init", "-q"], options].concat());
        for (key, value) in [
            ("core.fileMode", "true"),
            ("core.autocrlf", "false"),
            ("user.name", "Test"),
            ("user.email", "test@example.org"),
            // In the background it would remove folders into which another git is writing.
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
        ] {
            self.run(&["config", key, value]);
        }
    }

    pub fn commit_all(&self) {
        self.run(&["add", "-A", "-f"]);
        self.run(&["commit", "-q", "--allow-empty", "-m", "A commit"]);
    }
}

/// The regular files below a folder, apart from `.git`.
pub fn read_tree(folder: &Path) -> Tree {
    let mut files = Vec::new();
    read_folder(folder, "", &mut files);
    Tree::from_files(files).unwrap()
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<(RepoPath, File)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        // A tree cannot hold such a name; the tests expect an error for it.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        if path == ".git" {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files);
        } else if kind.is_file() {
            let file = File::new(fs::read(entry.path()).unwrap());
            let file = file.with_executable(is_executable(&entry.path()));
            // Git writes some names that a tree cannot hold; the tests expect an error for them.
            files.extend(RepoPath::new(&path).ok().map(|path| (path, file)));
        }
    }
}

#[cfg(unix)]
fn set_executable(path: &Path, executable: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o100 != 0
}

/// Reasons of the table in [`Patch`]; git may accept what is refused for one of them.
const STRICTER: [&str; 13] = [
    "has no change of its own",
    "two names, but neither",
    "creates this file twice",
    "before deleting it",
    "before renaming it",
    "binary content",
    "broken hunk header",
    "symbolic links",
    "before the end",
    "follows an empty line",
    "would not be the last one",
    "neither 100644 nor 100755",
    "come together",
];

/// Whether git may accept what is refused with this message.
pub fn is_documented(message: &str) -> bool {
    STRICTER.iter().any(|reason| message.contains(reason))
}
