//! Programs for NVIDIA GPUs, built on a machine that has neither a GPU nor CUDA.

mod toolkit;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::process::{Cargo, target};
use toolkit::{CUDA, DRIVER, LIBRARIES, Toolkit};

/// What is built when nothing is named: an example of `ssr-policy`, which needs the fewest crates.
const BENCH: &str = "bench-policy";

/// Hopper: H100 and H200.
const ARCH: &str = "90";

/// Builds the programs, and says what they need and how they are run.
pub fn run(args: &[&str]) -> Result<ExitCode, String> {
    let Wanted { arch, programs } = wanted(args)?;
    if !cfg!(target_os = "linux") {
        return Err(
            "programs for CUDA are built on Linux: NVIDIA's compiler is taken from wheels \
                    for Linux"
                .into(),
        );
    }
    present("cc", "a C compiler", "gcc (Debian: apt install gcc)")?;
    present("c++", "a C++ compiler, which nvcc calls", "g++ (Debian: apt install g++)")?;
    for tool in ["ar", "strip", "readelf"] {
        present(tool, tool, "the GNU binutils (Debian: apt install binutils)")?;
    }
    let toolkit = toolkit::prepare(&target().join("cuda"))?;
    for program in programs {
        let built = build(program, arch, &toolkit)?;
        report(program, arch, &built)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    arch: &'a str,
    programs: Vec<&'a str>,
}

fn wanted<'a>(args: &[&'a str]) -> Result<Wanted<'a>, String> {
    let mut wanted = Wanted { arch: ARCH, programs: Vec::new() };
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "--arch" => {
                let arch = args.next().ok_or("--arch needs a compute capability, such as 90")?;
                let digits = arch.strip_suffix(['a', 'f']).unwrap_or(arch);
                if !matches!(digits.len(), 2..=3) || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(format!(
                        "--arch {arch}: a compute capability is written without its dot, such as \
                         80 (A100), 90 (H100) or 120"
                    ));
                }
                wanted.arch = arch;
            }
            option if option.starts_with('-') => {
                return Err(format!("cuda takes --arch and names of programs, not {option}"));
            }
            program => wanted.programs.push(program),
        }
    }
    if wanted.programs.is_empty() {
        wanted.programs.push(BENCH);
    }
    Ok(wanted)
}

fn present(program: &str, what: &str, remedy: &str) -> Result<(), String> {
    match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(format!("{what} is needed and `{program}` cannot be started: install {remedy}")),
    }
}

/// Builds one program and leaves it without symbols in `target/cuda/bin`.
fn build(program: &str, arch: &str, toolkit: &Toolkit) -> Result<PathBuf, String> {
    println!("{program}: building; the kernels take a quarter of an hour of one core once");
    let folder = target().join("cuda-build");
    let home = toolkit.home.to_string_lossy();
    let nvcc = toolkit.home.join("bin").join("nvcc");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = [toolkit.home.join("bin")];
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)))
        .map_err(|error| format!("PATH: {error}"))?;
    let (what, kept) = match program {
        BENCH => (["--package", "ssr-policy", "--example", program], "examples"),
        _ => (["--package", "ssr-examples", "--bin", program], ""),
    };
    Cargo::new(["build", "--release", "--features", "cuda"])
        .args(what)
        .arg("--target-dir")
        .arg(&folder)
        .env("CUDA_HOME", &home)
        .env("CUDA_PATH", &home)
        .env("NVCC", &nvcc.to_string_lossy())
        .env("CUDA_COMPUTE_CAP", arch)
        .env("PATH", &path.to_string_lossy())
        .in_workspace()
        .check()
        .map_err(|error| format!("building {program}: {error}; the reason stands above"))?;
    let built = folder.join("release").join(kept).join(program);
    let stripped = target().join("cuda").join("bin").join(program);
    let io = |error: std::io::Error| format!("{}: {error}", stripped.display());
    std::fs::create_dir_all(stripped.parent().unwrap_or(&stripped)).map_err(io)?;
    output(Command::new("strip").arg("-o").arg(&stripped).arg(&built))?;
    Ok(stripped)
}

fn report(program: &str, arch: &str, built: &Path) -> Result<(), String> {
    let size = std::fs::metadata(built).map_err(|e| format!("{}: {e}", built.display()))?.len();
    let read = ["--wide", "--dynamic", "--version-info"];
    let read = output(Command::new("readelf").env("LC_ALL", "C").args(read).arg(built))?;
    let glibc = newest_glibc(&read).map_or("any".into(), |(a, b)| format!("{a}.{b} or newer"));
    println!("\n{}", built.display());
    println!("  size    {:.1} MB", size as f64 / 1e6);
    println!("  for     CUDA {CUDA}, compute capability {arch}");
    println!("  links   {}", needed(&read).join(", "));
    println!("  needs   NVIDIA driver {DRIVER} or newer, glibc {glibc}");
    println!(
        "\nWhere it is to run, the libraries come from these wheels (PyTorch for CUDA {CUDA} brings \
         them):\n
  python3 -m pip install {}
  export LD_LIBRARY_PATH=$(python3 -c 'import nvidia; print(\":\".join(p + \"/cu13/lib\" for p in \
         nvidia.__path__))')
  ./{program}\n",
        LIBRARIES.join(" ")
    );
    Ok(())
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name} cannot be started: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// The shared libraries that `readelf --dynamic` names.
fn needed(read: &str) -> Vec<&str> {
    let lines = read.lines().filter(|line| line.contains("(NEEDED)"));
    lines.filter_map(|line| line.split_once('[')?.1.split_once(']')).map(|name| name.0).collect()
}

/// The newest version of glibc that `readelf --version-info` names.
fn newest_glibc(read: &str) -> Option<(u32, u32)> {
    let versions = read.split("GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
        let mut numbers = version.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_the_bench_is_built_for_hopper() {
        let expected = Wanted { arch: "90", programs: vec!["bench-policy"] };
        assert_eq!(wanted(&[]), Ok(expected));
    }

    #[test]
    fn an_architecture_may_stand_anywhere() {
        let expected = Wanted { arch: "90a", programs: vec!["generate", "serve"] };
        assert_eq!(wanted(&["generate", "--arch", "90a", "serve"]), Ok(expected));
    }

    #[test]
    fn an_architecture_with_a_dot_and_an_unknown_option_are_refused() {
        for args in [&["--arch", "9.0"][..], &["--arch"], &["--arch", "sm_90"], &["--release"]] {
            assert!(wanted(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn what_an_executable_needs_is_read() {
        let read = " 0x01 (NEEDED)             Shared library: [libcuda.so.1]\n \
                    0x01 (NEEDED)             Shared library: [libc.so.6]\n \
                    0x1d (RUNPATH)            Library runpath: [$ORIGIN]\n  \
                    0x0010:   Name: GLIBC_2.9  Flags: none  Version: 7\n  \
                    0x0020:   Name: GLIBC_2.34  Flags: none  Version: 6\n  \
                    0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 5\n";
        assert_eq!(needed(read), ["libcuda.so.1", "libc.so.6"]);
        assert_eq!(newest_glibc(read), Some((2, 34)));
    }
}
