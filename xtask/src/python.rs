//! Python packages that tests and measurements compare with, each set in an environment of its own.

use std::path::{Path, PathBuf};

use crate::process::{pip, run, run_pip, target, workspace};

/// llama.cpp with its server, compiled.
const LLAMA: &str = "xllamacpp==2026.10.11549";

/// What generation is measured against.
const ENGINES: [&str; 3] = ["torch==2.15.0", "transformers==5.24.0", LLAMA];

/// The command that starts llama.cpp's server.
pub fn llama_server() -> Result<String, String> {
    let python = environment("llama-server", &[LLAMA])?;
    let script = Path::new("ssr-policy").join("tests").join("remote").join("llama_server.py");
    Ok(format!("{} {}", python.display(), workspace().join(script).display()))
}

/// An interpreter that has the engines that generation is measured against.
pub fn engines() -> Result<PathBuf, String> {
    environment("engines", &ENGINES)
}

/// The interpreter of a virtual environment under the target folder that has the packages, which
/// are installed where they are absent.
fn environment(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folder = target().join("peers").join(name);
    let python = folder.join("bin").join("python");
    let ready = folder.join("ready");
    let wanted = packages.join(" ");
    if std::fs::read_to_string(&ready).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    println!("{wanted}: installing");
    run(Path::new("python3"), &["-m".as_ref(), "venv".as_ref(), folder.as_os_str()])?;
    let mut install = pip(&python, "install");
    install.args(packages);
    run_pip(install)?;
    std::fs::write(&ready, wanted).map_err(|e| format!("{}: {e}", ready.display()))?;
    Ok(python)
}
