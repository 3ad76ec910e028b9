//! Running the programs of a build, with one log for all of them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result};

/// Lines of the log that a failure shows.
const SHOWN: usize = 15;

/// What tests of other packages use of the package `test`, and the settings of the build beside.
const LEFT_OUT: [&str; 9] = [
    "./idlelib",
    "./lib2to3/tests",
    "./tkinter",
    "./turtledemo",
    "./ensurepip",
    "./pydoc_data",
    "./ctypes/test",
    "./distutils/tests",
    "./unittest/test",
];

/// Where a build is and where its log goes.
pub(super) struct Steps {
    folder: PathBuf,
    log: PathBuf,
}

impl Steps {
    /// Starts in `folder` with an empty log.
    pub fn new(folder: &Path, log: &Path) -> Result<Self> {
        File::create(log).map_err(|e| Error::cache(log, e))?;
        Ok(Self { folder: folder.to_owned(), log: log.to_owned() })
    }

    /// Goes on in a new folder below this one.
    pub fn enter(&mut self, name: &str) -> Result<()> {
        self.folder.push(name);
        fs::create_dir(&self.folder).map_err(|e| Error::cache(&self.folder, e))
    }

    /// Runs `program` to its end; anything but success is an error.
    pub fn run(
        &self,
        step: &'static str,
        program: impl AsRef<OsStr>,
        settings: impl FnOnce(&mut Command),
    ) -> Result<()> {
        let log = File::options().append(true).open(&self.log);
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|e| Error::cache(&self.log, e))?;
        let mut command = Command::new(program);
        // The same result for every user: no settings, language or date of this machine.
        for name in ["CFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS", "PYTHONPATH", "PYTHONHOME"] {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").env("SOURCE_DATE_EPOCH", "1675814400").env("TZ", "UTC");
        command.current_dir(&self.folder).stdin(std::process::Stdio::null());
        settings(&mut command);
        let status = command.stdout(out).stderr(err).status();
        let failed = |reason: String| Error::GuestBuild { step, log: self.log.clone(), reason };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(format!("{status}\n{}", self.last_lines()))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Content of a file of the build.
    pub fn read(&self, name: impl AsRef<Path>) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|e| Error::cache(&path, e))
    }

    /// The standard library in `lib`, with the settings of this build, as a tar archive.
    pub fn standard_library(&self, lib: &Path) -> Result<Vec<u8>> {
        let built = self.read("pybuilddir.txt")?;
        let built = self.folder.join(String::from_utf8_lossy(&built).trim());
        let lib = self.folder.join(lib);
        for entry in fs::read_dir(&built).map_err(|e| Error::cache(&built, e))?.flatten() {
            let to = lib.join(entry.file_name());
            fs::copy(entry.path(), &to).map_err(|e| Error::cache(&to, e))?;
        }
        self.run("packing the standard library", "tar", |tar| {
            tar.args([
                "--create",
                "--format=ustar",
                "--sort=name",
                "--mtime=@0",
                "--owner=0",
                "--group=0",
            ])
            .args(["--numeric-owner", "--mode=a=rX,u+w", "--exclude=__pycache__"])
            .args(LEFT_OUT.map(|folder| format!("--exclude={folder}")))
            // Of CPython's own tests, only what other projects' tests import.
            .args(["--exclude=./test/[!_s]*", "--exclude=./test/s[!u]*"])
            .args([
                "--exclude=./test/__main__.py",
                "--exclude=./test/_[!_]*",
                "--exclude=./test/su[!p]*",
            ])
            .args(["--transform=s,^\\./,python-stdlib/,", "--file=stdlib.tar", "--directory"])
            .arg(&lib)
            .arg(".");
        })?;
        self.read("stdlib.tar")
    }

    fn last_lines(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("build.log");
        let mut steps = Steps::new(folder.path(), &log).unwrap();
        steps.enter("below").unwrap();
        steps.run("greeting", "sh", |sh| _ = sh.args(["-c", "pwd; echo hello"])).unwrap();
        let error = steps.run("failing", "sh", |sh| _ = sh.args(["-c", "echo no >&2; exit 3"]));
        let error = error.unwrap_err().to_string();
        for part in ["failing", "exit status: 3", "below\nhello\nno", &log.display().to_string()] {
            assert!(error.contains(part), "{error}");
        }
        let error = steps.run("starting", "/nowhere", |_| {}).unwrap_err();
        assert!(matches!(error, Error::GuestBuild { step: "starting", .. }));
    }
}
