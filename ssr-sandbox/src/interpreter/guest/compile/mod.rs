//! Compiling CPython 3.11 for WASI with clang.

mod sources;
mod steps;
mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    GuestProgress,
    boot::{CABI_REALLOC, EXPORTS},
    link::{INITIALIZE, Linked},
    source::{GuestSource, hex},
    split::split,
};
use crate::interpreter::engine::STACK_POINTER;
use crate::{Error, Result};

use sources::{CPYTHON, LIBRARIES};
use steps::Steps;
use tools::Tools;

/// Raised whenever the result changes for equal inputs and settings.
const RECIPE_VERSION: u32 = 1;

/// How everything is compiled. These features of WebAssembly are in every engine by now.
const OPTIMISE: &str = "-O3 -DNDEBUG -fwrapv -g0 -mbulk-memory -msign-ext -mnontrapping-fptoint \
     -DPy_DEFAULT_RECURSION_LIMIT=1000";

/// CPython's own allocator is off for WASI unless it is asked for, and faster than malloc.
const CONFIGURATION: [&str; 2] = ["--with-pymalloc", "--disable-test-modules"];

/// Limits that are lower for WASI, whose engines have small stacks, become those of other systems.
const LIFTED: [&str; 2] = [
    "s/MAXSTACK 4000/MAXSTACK 6000/",
    "s/MAX_MARSHAL_STACK_DEPTH 1500/MAX_MARSHAL_STACK_DEPTH 2000/",
];

/// Size of the guest's own stack, which lies below its data.
const STACK: u32 = 16 << 20;

/// The libraries' rules, for make.
const RULES: &str = include_str!("guest.mk");

/// What the host expects of an interpreter and this version lacks.
const GLUE: &str = include_str!("ssr_guest.c");

/// Modules that need the libraries, in the format of `Modules/Setup`.
const SETUP: &str = "*static*
_bz2 _bz2module.c -I../libraries/bzip2
_sqlite3 _sqlite/blob.c _sqlite/connection.c _sqlite/cursor.c _sqlite/microprotocols.c \
     _sqlite/module.c _sqlite/prepare_protocol.c _sqlite/row.c _sqlite/statement.c \
     _sqlite/util.c -I../libraries/sqlite3 -I$(srcdir)/Modules/_sqlite
zlib zlibmodule.c -I../libraries/zlib
";

/// What a compilation gives.
pub(super) struct Compiled {
    pub linked: Linked,
    /// The standard library, a tar archive.
    pub stdlib: Vec<u8>,
    /// What it was made from and with, as lines of text.
    pub record: String,
}

/// Identifies the sources and how they are compiled, but not the compiler.
pub(super) fn recipe_key() -> String {
    let mut hasher = Sha256::new();
    hasher.update(RECIPE_VERSION.to_le_bytes());
    hasher.update(STACK.to_le_bytes());
    let sources = LIBRARIES.iter().map(|bundle| bundle.sha256).chain([CPYTHON.sha256]);
    let settings = [OPTIMISE, RULES, GLUE, SETUP].into_iter().chain(CONFIGURATION).chain(LIFTED);
    for part in sources.chain(settings).chain(exports()) {
        hasher.update(part);
        hasher.update([0]);
    }
    hex(&hasher.finalize())
}

/// Compiles the interpreter in a temporary folder below `folder`; `downloads` keeps sources.
pub(super) fn compile(
    folder: &Path,
    downloads: &Path,
    progress: &dyn Fn(GuestProgress),
) -> Result<Compiled> {
    let tools = Tools::find()?;
    let exported = [exports().collect(), vec![INITIALIZE, STACK_POINTER]].concat().join(" ");
    let work = tempfile::Builder::new().prefix("work-").tempdir_in(folder);
    let work = work.map_err(|e| Error::cache(folder, e))?;
    let say = |what: &str| progress(GuestProgress::Building(what.to_owned()));

    say("fetching the sources");
    let archive = CPYTHON.fetch(downloads)?;
    let cargo = GuestSource::from_env();
    for bundle in &LIBRARIES {
        bundle.copy(&cargo, &work.path().join("libraries").join(bundle.name))?;
    }
    let write = |name: &str, text: &str| {
        let path = work.path().join(name);
        fs::write(&path, text).map_err(|e| Error::cache(&path, e))
    };
    write("guest.mk", RULES)?;
    write("ssr_guest.c", GLUE)?;

    let mut steps = Steps::new(work.path(), &folder.join("build.log"))?;
    steps.run("unpacking CPython", "tar", |tar| {
        tar.arg("-xzf").arg(&archive);
    })?;
    steps.run("lifting limits", "sed", |sed| {
        sed.arg("--in-place").args(LIFTED.map(|change| format!("--expression={change}")));
        sed.args(
            ["Parser/parser.c", "Python/marshal.c"]
                .map(|file| Path::new(CPYTHON.folder).join(file)),
        );
    })?;
    // All paths are relative, so that the result does not depend on where it was made.
    let source = PathBuf::from("..").join(CPYTHON.folder);
    steps.enter("build")?;
    say("configuring CPython");
    steps.run("configuring CPython", source.join("configure"), |configure| {
        configure
            .args(["--host=wasm32-unknown-wasi", "--build=x86_64-pc-linux-gnu", "--prefix=/usr"])
            .args(CONFIGURATION)
            .arg(format!("--with-build-python={}", tools.python.display()))
            .env("CONFIG_SITE", source.join("Tools/wasm/config.site-wasm32-wasi"))
            .env("OPT", OPTIMISE)
            .envs(tools.environment());
    })?;
    write("build/Modules/Setup.local", SETUP)?;
    say("compiling CPython");
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    steps.run("compiling CPython", "make", |make| {
        make.arg(format!("--jobs={jobs}"))
            .args(["--file=Makefile", "--file=../guest.mk", "guest.wasm", "pybuilddir.txt"])
            // Clang has become stricter than the sources.
            .arg("BASECFLAGS=-Wno-int-conversion")
            .arg(format!("OPTIMISE={OPTIMISE}"))
            .arg(format!("STACK={STACK}"))
            .arg(format!("EXPORTS={exported}"));
    })?;
    let stdlib = steps.standard_library(&source.join("Lib"))?;
    let linked = split(&steps.read("guest.wasm")?)?;
    let record = record(&tools, &linked, &stdlib)?;
    Ok(Compiled { linked, stdlib, record })
}

fn exports() -> impl Iterator<Item = &'static str> {
    EXPORTS.into_iter().filter(|name| *name != CABI_REALLOC)
}

/// What went in and came out; its hash identifies the guest.
fn record(tools: &Tools, linked: &Linked, stdlib: &[u8]) -> Result<String> {
    let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    let libc = hash(&tools.c_library()?);
    let mut record = format!(
        "cpython = {}\ncompiler = {}\nwasi-libc = {libc}\nsettings = {OPTIMISE}\n",
        CPYTHON.sha256, tools.compiler
    );
    for bundle in &LIBRARIES {
        record += &format!("{} = {}\n", bundle.name, bundle.sha256);
    }
    let (code, memory) = (hash(&linked.code), hash(&linked.image.bytes));
    record += &format!("code = {code}\nmemory = {memory}\nstdlib = {}\n", hash(stdlib));
    Ok(record)
}
