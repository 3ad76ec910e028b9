//! Servers that tests talk to, from the Python package index.

use std::path::Path;

use crate::corpora::run;
use crate::process::{target, workspace};

/// llama.cpp with its server, compiled.
const LLAMA: &str = "xllamacpp==2026.10.11549";

/// The command that starts llama.cpp's server, installed under the target folder where it is absent.
pub fn llama() -> Result<String, String> {
    let folder = target().join("llama-server");
    let python = folder.join("bin").join("python");
    if !folder.join("ready").is_file() {
        println!("{LLAMA}: installing");
        run("python3", &["-m".as_ref(), "venv".as_ref(), folder.as_os_str()])?;
        let pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "install"];
        // A wheel alone: unlike a source distribution, pip runs nothing of it.
        let wheel = ["--no-deps", "--only-binary", ":all:", LLAMA];
        let args: Vec<_> = pip.into_iter().chain(wheel).map(std::ffi::OsStr::new).collect();
        run(&python.to_string_lossy(), &args)?;
        let ready = folder.join("ready");
        std::fs::write(&ready, LLAMA).map_err(|e| format!("{}: {e}", ready.display()))?;
    }
    let script = Path::new("ssr-policy").join("tests").join("remote").join("llama_server.py");
    Ok(format!("{} {}", python.display(), workspace().join(script).display()))
}
