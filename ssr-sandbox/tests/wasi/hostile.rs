//! A guest that passes bad pointers, lengths and descriptors.

use proptest::prelude::*;
use ssr_sandbox::{Errno, WasiCtx, add_to_linker};
use wasmtime::{Engine, Linker, Module, Store};

use crate::guest::{ALL, CREAT, FUNCTIONS, Guest, code};

const MEMORY: u64 = 2 << 16;

/// Positions of pointers and lengths in the parameters of each function that has any.
const POINTERS: [(&str, &[usize]); 33] = [
    ("args_get", &[0, 1]),
    ("args_sizes_get", &[0, 1]),
    ("environ_get", &[0, 1]),
    ("environ_sizes_get", &[0, 1]),
    ("clock_res_get", &[1]),
    ("clock_time_get", &[2]),
    ("fd_fdstat_get", &[1]),
    ("fd_filestat_get", &[1]),
    ("fd_pread", &[1, 4]),
    ("fd_prestat_get", &[1]),
    ("fd_prestat_dir_name", &[1]),
    ("fd_pwrite", &[1, 4]),
    ("fd_read", &[1, 3]),
    ("fd_readdir", &[1, 4]),
    ("fd_seek", &[3]),
    ("fd_tell", &[1]),
    ("fd_write", &[1, 3]),
    ("path_create_directory", &[1]),
    ("path_filestat_get", &[2, 4]),
    ("path_filestat_set_times", &[2]),
    ("path_link", &[2, 5]),
    ("path_open", &[2, 8]),
    ("path_readlink", &[1, 3, 5]),
    ("path_remove_directory", &[1]),
    ("path_rename", &[1, 4]),
    ("path_symlink", &[0, 3]),
    ("path_unlink_file", &[1]),
    ("poll_oneoff", &[0, 1, 3]),
    ("random_get", &[0]),
    ("fd_read", &[1]),
    ("fd_write", &[1]),
    ("fd_pread", &[1]),
    ("fd_pwrite", &[1]),
];

/// A guest with one of everything open: 4 a file, 5 a directory.
fn guest() -> Guest {
    let ctx = WasiCtx::builder().args(["a"]).env("A", "b").stdin(*b"in").events("/dev/ev", 100);
    let mut guest = Guest::new(ctx.build());
    guest.store.data_mut().vfs_mut().write("/f", *b"content").unwrap();
    guest.store.data_mut().vfs_mut().symlink("f", "/l").unwrap();
    assert_eq!(guest.open("f", 0, ALL), Ok(4));
    assert_eq!(guest.open("tmp", 2, ALL & !(1 << 6)), Ok(5));
    guest
}

/// Arguments with which the function would do something: valid pointers, short lengths.
fn sensible(name: &str, parameters: &str) -> Vec<u64> {
    let fd = match name {
        name if name.starts_with("path_") || name.starts_with("fd_prestat") => 3,
        "fd_readdir" => 5,
        _ => 4,
    };
    let mut arguments: Vec<u64> = vec![1; parameters.len()];
    if let Some(first) = arguments.first_mut() {
        *first = fd;
    }
    if let Some((_, pointers)) = POINTERS.iter().find(|(known, _)| *known == name) {
        for &index in *pointers {
            arguments[index] = 0x8000 + 0x100 * index as u64;
        }
    }
    match name {
        "clock_res_get" | "clock_time_get" => arguments[0] = 1,
        "path_link" => arguments[4] = 3,
        "path_rename" => arguments[3] = 3,
        "path_symlink" => arguments[2] = 3,
        _ => {}
    }
    arguments
}

#[test]
fn every_bad_pointer_is_a_fault() {
    for (name, pointers) in POINTERS {
        let parameters = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap().1;
        for &index in pointers {
            for bad in [MEMORY, MEMORY + 1, u64::from(u32::MAX), u64::from(i32::MAX as u32)] {
                let mut guest = guest();
                guest.put(0x8200, b"f");
                guest.put(0x8100, b"l");
                let mut arguments = sensible(name, parameters);
                arguments[index] = bad;
                let errno = guest.call(name, &arguments);
                assert_eq!(errno, code(Errno::Fault), "{name} {arguments:?}");
            }
        }
    }
}

#[test]
fn every_bad_descriptor_is_an_error() {
    for (name, parameters) in FUNCTIONS {
        let takes_fd =
            name.starts_with("fd_") || name.starts_with("path_") || name.starts_with("sock_");
        if !takes_fd || name == "path_symlink" {
            continue;
        }
        for bad in [6, 1023, 1024, u64::from(i32::MAX as u32), u64::from(u32::MAX)] {
            let mut guest = guest();
            let mut arguments = sensible(name, parameters);
            arguments[0] = bad;
            assert_eq!(guest.call(name, &arguments), code(Errno::BadFd), "{name} {bad}");
        }
    }
}

#[test]
fn vectors_that_lie_over_their_array_do_no_harm() {
    let mut guest = guest();
    // The first buffer is the array itself; the second is what the first read made of it.
    let fd = guest.open("x", CREAT, ALL).unwrap();
    let outside: Vec<u8> = [0xffff_fff0_u32, 0xffff].iter().flat_map(|v| v.to_le_bytes()).collect();
    guest.write(fd, &outside.repeat(2)).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    let array: Vec<u8> = [0x300_u32, 16, 0x400, 8].iter().flat_map(|v| v.to_le_bytes()).collect();
    guest.put(0x300, &array);
    let errno = guest.call("fd_read", &[fd.into(), 0x300, 2, 0x200]);
    assert_eq!(errno, code(Errno::Fault));
}

#[test]
fn a_huge_write_from_few_pages_is_refused_early() {
    let mut guest = guest();
    let vectors: Vec<u8> = (0..1024)
        .flat_map(|_| [0_u32.to_le_bytes(), (MEMORY as u32).to_le_bytes()].concat())
        .collect();
    guest.put(0, &vectors);
    // 128 MiB in all: more than one file may hold.
    let errno = guest.call("fd_write", &[4, 0, 1024, 0x8000]);
    assert_eq!(errno, 0);
    let size = guest.stat(4).unwrap().size;
    assert!(size <= 64 << 20, "{size}");
    assert_eq!(guest.call("fd_write", &[4, 0, 1025, 0x8000]), code(Errno::Invalid));
}

#[test]
fn a_module_without_memory_gets_faults() {
    let engine = Engine::default();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $f (param i32 i32) (result i32)))
        (func (export "run") (result i32) i32.const 0 i32.const 1 call $f))"#;
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    assert!(add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).is_err(), "once is enough");
    let mut store = Store::new(&engine, WasiCtx::builder().build());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), u32>(&mut store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), code(Errno::Fault));
}

/// Numbers that find edges: small ones, ends of the memory, ends of the types.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..12_u64,
        4 => (0..MEMORY).prop_map(|at| at & !7),
        2 => MEMORY - 64..MEMORY + 8,
        1 => Just(u64::from(u32::MAX)),
        1 => Just(u64::from(i32::MAX as u32)),
        1 => Just(i64::MAX as u64),
        1 => Just(u64::MAX),
        2 => any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any calls with any numbers over any memory: errnos, no trap, no panic; and what is left can
    /// still be used.
    #[test]
    fn no_call_traps_or_panics(
        memory in prop::collection::vec(prop_oneof![
            4 => 0..12_u32, 2 => 0..MEMORY as u32, 1 => any::<u32>(),
            3 => Just(u32::from_le_bytes(*b"f\0\0\0")), 1 => Just(u32::from_le_bytes(*b"dev/")),
            1 => Just(u32::from_le_bytes(*b"fd/4")), 1 => Just(u32::from_le_bytes(*b"../l")),
        ], 0..400),
        calls in prop::collection::vec((0..FUNCTIONS.len(), prop::array::uniform9(argument())), 1..60),
    ) {
        let mut guest = guest();
        let bytes: Vec<u8> = memory.iter().flat_map(|word| word.to_le_bytes()).collect();
        for at in (0..MEMORY as usize - 2048).step_by(4096) {
            guest.put(at as u32, &bytes);
        }
        for (index, arguments) in calls {
            let (name, parameters) = FUNCTIONS[index];
            let errno = guest.call(name, &arguments[..parameters.len()]);
            prop_assert!(errno <= 76, "{name} gave {errno}");
        }
        let mut parts = guest.finish();
        parts.vfs.write("/tmp/after", *b"still here").unwrap();
        parts.vfs.freeze();
        prop_assert_eq!(&*parts.vfs.read("/tmp/after").unwrap(), b"still here");
        let _ = parts.vfs.tree("/");
    }
}
