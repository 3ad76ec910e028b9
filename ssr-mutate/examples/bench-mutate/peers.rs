//! Measures the other tools, each in its own virtual environment.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::Result;
use crate::oracle::{Edit, Quality};
use crate::ours::{Code, Rates};

pub struct Peer {
    pub name: &'static str,
    /// What pip installs.
    packages: &'static [&'static str],
}

pub const PEERS: [Peer; 4] = [
    Peer { name: "mutmut", packages: &["mutmut==3.8.0"] },
    Peer { name: "cosmic-ray", packages: &["cosmic-ray==8.7.0", "setuptools<81"] },
    Peer { name: "universalmutator", packages: &["universalmutator==1.14.1"] },
    // Its extras bring Docker clients and machine learning, which generation does not need.
    Peer {
        name: "swe-smith",
        packages: &[
            "swesmith==0.0.9",
            "astor==0.8.1",
            "libcst==1.9.0",
            "python-dotenv",
            "tree-sitter>=0.25",
            "tree-sitter-c",
            "tree-sitter-c-sharp",
            "tree-sitter-cpp",
            "tree-sitter-go",
            "tree-sitter-java",
            "tree-sitter-javascript",
            "tree-sitter-php>=0.23.11",
            "tree-sitter-ruby",
            "tree-sitter-rust",
            "tree-sitter-typescript",
        ],
    },
];

impl Peer {
    /// What it makes of the files, how fast and how good.
    ///
    /// # Errors
    /// Why the peer cannot take part.
    pub fn measure(&self, tools: &Path, code: &Code, seconds: f64) -> Result<(Rates, Quality)> {
        let python = self.install(tools)?;
        eprintln!("{}: running", self.name);
        let files: Vec<_> = code.files.iter().map(|(path, _)| path.as_str()).collect();
        let root = code.root.canonicalize().map_err(|error| error.to_string())?;
        let mut process = Command::new(&python)
            .args(["-c", include_str!("peers.py"), self.name, &seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        if let Some(mut stdin) = process.stdin.take() {
            let request = json!({ "root": root, "files": files });
            writeln!(stdin, "{request}").map_err(|error| error.to_string())?;
        }
        let output = process.wait_with_output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("it ended with {}", output.status));
        }
        let answer: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        let number = |key: &str| answer[key].as_f64().unwrap_or_default();
        let count = |key: &str| number(key) as usize;
        let rates = Rates {
            sites: count("sites"),
            find_seconds: number("site_seconds"),
            patches: count("patches"),
            patch_seconds: number("patch_seconds"),
            ..Rates::default()
        };
        let quality = Quality {
            mutants: count("patches"),
            distinct: count("distinct"),
            changing: count("changing"),
            ..Quality::default()
        };
        let of_file = |(path, _): &(ssr_core::RepoPath, String)| {
            let files = answer["mutants"].as_array().into_iter().flatten();
            let mut edits = files.filter(|file| file["file"] == path.as_str());
            let edits = edits.next().map(|file| file["edits"].clone()).unwrap_or(json!([]));
            serde_json::from_value(edits).map_err(|error| error.to_string())
        };
        let mutants = code.files.iter().map(of_file).collect::<Result<Vec<Vec<Edit>>>>()?;
        Ok((rates, quality.compile(code, &mutants)?))
    }

    /// Makes the virtual environment unless it is there, and says where its Python is.
    fn install(&self, tools: &Path) -> Result<PathBuf> {
        let folder = tools.join(self.name);
        let python = folder.join("bin").join("python");
        let complete = folder.join("complete");
        if !complete.is_file() {
            eprintln!("{}: installing", self.name);
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            let pip = ["-m", "pip", "--disable-pip-version-check", "--quiet", "install"];
            run(Command::new(&python).args(pip).args(self.packages))?;
            std::fs::write(&complete, "").map_err(|error| error.to_string())?;
        }
        Ok(python)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let message = String::from_utf8_lossy(&output.stderr);
            Err(message.lines().last().unwrap_or("it cannot be installed").to_owned())
        }
    }
}
