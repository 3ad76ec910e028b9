//! The tests of WebAssembly/wasi-testsuite, where a checkout with compiled tests is at hand.

use std::path::{Path, PathBuf};
use std::{env, fs};

use ssr_core::Tree;
use ssr_sandbox::{ProcExit, Vfs, WasiCtx, add_to_linker, read_folder};
use wasmtime::{Config, Engine, Linker, Module, Store, WasmBacktraceDetails};

/// Tests that expect another kind of host, with the reason.
const DIFFERENT: [(&str, &str); 4] = [
    ("fopen-with-no-access", "it expects no open directory, and the root always is one"),
    ("sock_shutdown-invalid_fd", "it expects descriptor 3 to be free, and that is the root"),
    ("interesting_paths", "an absolute path starts at the root, as a shell's does"),
    ("symlink_create", "a symbolic link may be absolute: it stays inside of the root"),
];

/// What a test asks for, in the file beside it.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Spec {
    args: Vec<String>,
    env: std::collections::BTreeMap<String, String>,
    exit_code: i32,
    stdout: Option<String>,
}

fn tests(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for language in ["assemblyscript", "c", "rust"] {
        let folder = root.join("tests").join(language).join("testsuite/wasm32-wasip1");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        found.extend(
            entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "wasm")),
        );
    }
    found.sort();
    found
}

#[test]
fn the_tests_of_others_pass() {
    let Some(root) = env::var_os("WASI_TESTSUITE").map(PathBuf::from) else {
        println!("skipped: WASI_TESTSUITE names no checkout of the branch prod/testsuite-base");
        return;
    };
    let engine = Engine::new(Config::new().wasm_backtrace_details(WasmBacktraceDetails::Disable));
    let engine = engine.unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    let (mut failed, mut passed) = (Vec::new(), 0);
    for path in tests(&root) {
        let spec = fs::read(path.with_extension("json")).ok();
        let spec: Spec = spec.map_or_else(Spec::default, |s| serde_json::from_slice(&s).unwrap());
        let folder = path.with_file_name("fs-tests.dir");
        let files = if folder.exists() { read_folder(&folder).unwrap() } else { Tree::new() };
        let mut vfs = Vfs::new();
        // The one directory that is open from the start is the root.
        vfs.mount("/", &files).unwrap();
        vfs.create_dir_all("/fs-tests.dir").unwrap();
        vfs.mount("/fs-tests.dir", &files).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let arguments = spec.args.iter().map(|a| if a == "fs-tests.dir" { "/" } else { a });
        let mut ctx = WasiCtx::builder().vfs(vfs);
        ctx = ctx.args(std::iter::once(&*name).chain(arguments));
        if path.to_str().unwrap().contains("/rust/") && spec.args.is_empty() {
            ctx = ctx.args([&*name, "/"]);
        }
        for (key, value) in &spec.env {
            ctx = ctx.env(key, value);
        }
        let mut store = Store::new(&engine, ctx.build());
        let module = Module::from_file(&engine, &path).unwrap();
        let ran = linker.instantiate(&mut store, &module).and_then(|instance| {
            instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
        });
        let code = match &ran {
            Ok(()) => 0,
            Err(error) => error.downcast_ref::<ProcExit>().map_or(-1, |exit| exit.0),
        };
        let (out, err) = (store.data().stdout().text(), store.data().stderr().text());
        let different = DIFFERENT.iter().find(|(test, _)| name.strip_suffix(".wasm") == Some(test));
        if let Some((test, reason)) = different {
            println!("left out: {test}: {reason}");
        } else if code == spec.exit_code && spec.stdout.is_none_or(|expected| expected == out) {
            passed += 1;
        } else {
            failed.push(format!("{name}: {code} {} {ran:?}", err.trim()));
        }
    }
    println!("{passed} passed");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n\n"));
}
