//! Installs CUDA's compiler and libraries from NVIDIA's wheels, without a GPU or root.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{pip, run_pip};

/// The version of CUDA; PyTorch 2.11 brings the same.
pub const CUDA: &str = "13.0";

/// The oldest driver that knows [`CUDA`].
pub const DRIVER: &str = "580";

/// The compiler and what only a build reads.
const COMPILER: [&str; 4] = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-cccl==13.0.85",
];

/// The shared libraries, with their headers: those of CUDA 13.0.2.
pub const LIBRARIES: [&str; 4] = [
    "nvidia-cublas==13.1.0.3",
    "nvidia-curand==10.4.0.35",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-nvrtc==13.0.88",
];

/// Changes when the layout does.
const LAYOUT: &str = "1";

/// An installation of CUDA's compiler and libraries.
pub struct Toolkit {
    /// `CUDA_HOME`: `bin`, `include`, `lib64` and `nvvm`.
    pub home: PathBuf,
}

/// The toolkit in `folder`, installed where it is absent or another version.
pub fn prepare(folder: &Path) -> Result<Toolkit, String> {
    let [wheels, home, ready] = ["wheels", "home", "ready"].map(|name| folder.join(name));
    // The links are absolute: what was moved is laid out again.
    let place = home.to_string_lossy();
    let version = [&[LAYOUT, &place], &COMPILER[..], &LIBRARIES[..]].concat().join("\n");
    if std::fs::read_to_string(&ready).is_ok_and(|there| there == version) {
        return Ok(Toolkit { home });
    }
    for old in [&wheels, &home] {
        if old.exists() {
            std::fs::remove_dir_all(old).map_err(|e| format!("{}: {e}", old.display()))?;
        }
    }
    install(&wheels)?;
    lay_out(&wheels.join("nvidia").join("cu13"), &home)
        .map_err(|error| format!("laying out CUDA in {}: {error}", home.display()))?;
    stub(&home)?;
    std::fs::write(&ready, version).map_err(|e| format!("{}: {e}", ready.display()))?;
    Ok(Toolkit { home })
}

fn install(wheels: &Path) -> Result<(), String> {
    println!("CUDA {CUDA}: downloading the compiler and the libraries from PyPI (1.2 GB unpacked)");
    let mut install = pip(Path::new("python3"), "install");
    install.args(["--no-deps", "--target"]).arg(wheels).args(COMPILER).args(LIBRARIES);
    // Into a folder of its own root may install as anyone may.
    install.env("PIP_ROOT_USER_ACTION", "ignore");
    run_pip(install).map_err(|error| format!("installing NVIDIA's wheels: {error}"))
}

/// Gives the wheels' files the places and the names that builds look for.
fn lay_out(wheels: &Path, home: &Path) -> std::io::Result<()> {
    let libraries = home.join("lib64");
    std::fs::create_dir_all(&libraries)?;
    for name in ["bin", "include", "nvvm"] {
        link(&wheels.join(name), &home.join(name))?;
    }
    link(&libraries, &home.join("lib"))?;
    for entry in std::fs::read_dir(wheels.join("lib"))? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        link(&path, &libraries.join(name))?;
        // A linker asks for `libcublas.so`, and the wheels have `libcublas.so.13` alone.
        if let Some((stem, _)) = name.split_once(".so.") {
            link(&path, &libraries.join(format!("{stem}.so")))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// A `libcuda.so` to link against: the driver brings the real one. Loaded as `libcuda.so.1` it finds
/// no GPU.
fn stub(home: &Path) -> Result<(), String> {
    let header = home.join("include").join("cuda.h");
    let text = std::fs::read_to_string(&header).map_err(|e| {
        format!("{}: {e}; the wheel nvidia-cuda-runtime should bring it", header.display())
    })?;
    let source = home.join("libcuda.c");
    std::fs::write(&source, stub_source(&text))
        .map_err(|error| format!("{}: {error}", source.display()))?;
    let flags = ["-shared", "-fPIC", "-nostdlib", "-w", "-Wl,-soname,libcuda.so.1", "-o"];
    let mut command = Command::new("cc");
    command.args(flags).arg(home.join("lib64").join("libcuda.so")).arg(&source);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("making a libcuda.so to link against: cc ended with {status}")),
        Err(error) => Err(format!("cc cannot be started: {error}; install a C compiler")),
    }
}

/// A function for each name of the driver's interface that the header mentions; each answers
/// `CUDA_ERROR_NO_DEVICE`.
fn stub_source(header: &str) -> String {
    let words = header.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
    let names = words.filter(|word| {
        word.strip_prefix("cu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    });
    let names: BTreeSet<&str> = names.collect();
    names.iter().map(|name| format!("int {name}(void) {{ return 100; }}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_has_each_name_of_the_driver_once() {
        let header = "#define cuMemAlloc cuMemAlloc_v2\n\
                      CUresult CUDAAPI cuMemAlloc(CUdeviceptr *p, cuuint64_t n);\n\
                      /* see ::cuInit and cudaMalloc */ CUresult CUDAAPI cuInit(unsigned int flags);";
        let source = stub_source(header);
        let expected = ["cuInit", "cuMemAlloc", "cuMemAlloc_v2"];
        let expected = expected.map(|name| format!("int {name}(void) {{ return 100; }}\n"));
        assert_eq!(source, expected.concat());
    }
}
