//! The tools of this machine, as the other side of the comparison.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ssr_core::Tree;
use ssr_sandbox::{read_folder, write_folder};
use tempfile::TempDir;

use super::Seen;
use super::case::Case;
use crate::support::pytest_folder;

/// Who commits and when, as in a workspace.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "SSR"),
    ("GIT_AUTHOR_EMAIL", "ssr@localhost"),
    ("GIT_AUTHOR_DATE", "@1735689600 +0000"),
    ("GIT_COMMITTER_NAME", "SSR"),
    ("GIT_COMMITTER_EMAIL", "ssr@localhost"),
    ("GIT_COMMITTER_DATE", "@1735689600 +0000"),
];

/// The tools of this machine on copies of a repository.
pub struct Native {
    folder: TempDir,
    path: String,
}

impl Native {
    pub fn new(repository: &Tree) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        // `python3` on the path may be a script that looks for the interpreter at every start.
        let python = Command::new("python3")
            .args(["-c", "import os, sys; print(os.path.realpath(sys.executable))"])
            .output()
            .expect("python3 is needed to compare with");
        let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
        for name in ["python", "python3"] {
            symlink(&python, bin.join(name)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let native = Self { folder, path };
        let template = native.folder.path().join("template");
        write_folder(repository, &template).unwrap();
        let begin = "git init -q -b main . && git config user.name SSR \
                     && git config user.email ssr@localhost && git add -A -f && git commit -qm initial";
        let status = native.command(&template, begin).status().unwrap();
        assert!(status.success(), "git could not make the repository to compare with");
        native
    }

    pub fn has(&self, tool: &str) -> bool {
        let mut folders = self.path.split(':').map(Path::new);
        folders.any(|folder| folder.join(tool).exists())
    }

    pub fn run(&self, case: &Case) -> Seen {
        let copy = tempfile::tempdir_in(self.folder.path()).unwrap();
        let testbed = copy.path().join("testbed");
        copy_folder(&self.folder.path().join("template"), &testbed);
        let top = testbed.to_str().unwrap();
        let script = case.script.replace("/testbed", top);
        let output = self.command(&testbed, &script).output().unwrap();
        let stdout =
            String::from_utf8(output.stdout).map(|text| text.replace(top, "/testbed").into_bytes());
        Seen {
            stdout: stdout.unwrap_or_else(|error| error.into_bytes()),
            code: output.status.code().unwrap_or(-1),
            tree: read_folder(&testbed).unwrap(),
        }
    }

    fn command(&self, directory: &Path, script: &str) -> Command {
        let home = self.folder.path().to_str().unwrap();
        let pytest = pytest_folder();
        let env: BTreeMap<_, _> = IDENTITY
            .into_iter()
            .chain([
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("HOME", home),
                ("LANG", "C.UTF-8"),
                ("PATH", self.path.as_str()),
                ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),
                ("PYTHONDONTWRITEBYTECODE", "1"),
                ("PYTHONPATH", pytest.to_str().unwrap()),
                ("TZ", "UTC"),
            ])
            .collect();
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(directory).env_clear().envs(env);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
