//! Modules that are no Python at all and only want to break the host: each must end with the
//! number that it returns, or with a trap, and never with a panic.

use ssr_sandbox::{Errno, WasiCtx, add_to_linker};
use wasmtime::{Config, Engine, Linker, Module, Store};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_allocate" (func $allocate (param i32 i64 i64) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir" (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
"#;

/// What a module must end with.
enum End {
    Errno(Errno),
    Success,
    Trap,
}

use End::{Errno as Gives, Success, Trap};

/// Opens the file `f`, made anew, as descriptor 4.
const OPEN: &str = "(drop (call $open (i32.const 3) (i32.const 0) (i32.const 4096) (i32.const 1) \
    (i32.const 1) (i64.const 0x3fffffff) (i64.const 0x3fffffff) (i32.const 0) (i32.const 0)))";

const ATTACKS: [(&str, &str, End); 16] = [
    ("an array of buffers past the end", "(call $write (i32.const 1) (i32.const -8) (i32.const 2) (i32.const 0))", Gives(Errno::Fault)),
    ("as many buffers as there are numbers", "(call $write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))", Gives(Errno::Invalid)),
    (
        "a buffer as long as the address space",
        "(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const -1))
         (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))",
        Gives(Errno::Fault),
    ),
    (
        "a result that overwrites the array",
        "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 8))
         (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0))",
        Success,
    ),
    (
        "random bytes over the whole memory",
        "(call $random (i32.const 0) (i32.const 65536))",
        Success,
    ),
    ("random bytes past the memory", "(call $random (i32.const 1) (i32.const 65536))", Gives(Errno::Fault)),
    (
        "the memory grows between two calls",
        "(drop (call $random (i32.const 0) (i32.const 65536))) (drop (memory.grow (i32.const 10)))
         (call $random (i32.const 65536) (i32.const 655360))",
        Success,
    ),
    ("a write at 2^63", "OPEN (call $pwrite (i32.const 4) (i32.const 0) (i32.const 0) (i64.const 0x8000000000000000) (i32.const 0))", Gives(Errno::Invalid)),
    (
        "a write just below 2^63",
        "OPEN (i32.store (i32.const 4) (i32.const 8))
         (call $pwrite (i32.const 4) (i32.const 0) (i32.const 1) (i64.const 0x7ffffffffffffff0) (i32.const 8))",
        Gives(Errno::FileTooBig),
    ),
    ("a place before the start", "OPEN (call $seek (i32.const 4) (i64.const -1) (i32.const 0) (i32.const 0))", Gives(Errno::Invalid)),
    ("an allocation that overflows", "OPEN (call $allocate (i32.const 4) (i64.const -1) (i64.const 2))", Gives(Errno::FileTooBig)),
    (
        "a descriptor that was closed",
        "OPEN (drop (call $close (i32.const 4))) (call $read (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0))",
        Gives(Errno::BadFd),
    ),
    (
        "all descriptors moved onto one another and closed",
        "OPEN (drop (call $renumber (i32.const 4) (i32.const 3))) (drop (call $renumber (i32.const 3) (i32.const 0)))
         (drop (call $close (i32.const 0))) (call $readdir (i32.const 3) (i32.const 0) (i32.const 64) (i64.const 0) (i32.const 0))",
        Gives(Errno::BadFd),
    ),
    ("a cookie that nobody gave", "(call $readdir (i32.const 3) (i32.const 0) (i32.const 64) (i64.const -1) (i32.const 128))", Success),
    ("more subscriptions than fit", "(call $poll (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0))", Gives(Errno::Invalid)),
    ("it runs into a trap of its own", "(unreachable)", Trap),
];

#[test]
fn no_module_breaks_the_host() {
    let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    for (name, body, end) in ATTACKS {
        let body = body.replace("OPEN", OPEN);
        let text = format!(
            "(module {IMPORTS} (memory (export \"memory\") 1) (data (i32.const 4096) \"f\")
               (func (export \"run\") (result i32) {body}))"
        );
        let module = Module::new(&engine, wat::parse_str(&text).unwrap()).unwrap();
        let mut store = Store::new(&engine, WasiCtx::builder().env("A", "b").build());
        store.set_fuel(1_000_000).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), u32>(&mut store, "run").unwrap();
        match (run.call(&mut store, ()), end) {
            (Ok(errno), Gives(expected)) => {
                assert_eq!(errno, u32::from(expected.code()), "{name}, not {expected:?}");
            }
            (Ok(errno), Success) => assert_eq!(errno, 0, "{name}"),
            (Err(_), Trap) => {}
            (other, _) => panic!("{name}: {other:?}"),
        }
        let mut parts = store.into_data().into_parts();
        parts.vfs.write("/tmp/after", *b"x").or_else(|_| parts.vfs.write("/after", *b"x")).unwrap();
    }
}
