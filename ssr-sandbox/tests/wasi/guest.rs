//! A guest that hands every call of preview1 to the host, for the tests of this binary.

use std::sync::LazyLock;

use ssr_sandbox::{Errno, Vfs, WasiCtx, WasiParts, add_to_linker};
use wasmtime::{Engine, Instance, InstancePre, Linker, Memory, Module, Store, Val};

/// Every function of preview1 but `proc_exit`, with its parameters: `i` for 32 bits, `l` for 64.
pub const FUNCTIONS: [(&str, &str); 45] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

pub const CREAT: u64 = 1;
pub const DIRECTORY: u64 = 2;
pub const EXCL: u64 = 4;
pub const TRUNC: u64 = 8;
pub const APPEND: u64 = 1;

/// What a libc asks for with `O_RDONLY`, `O_WRONLY` and `O_RDWR`.
pub const READ: u64 = ALL & !(1 | 1 << 6 | 1 << 8 | 1 << 22);
pub const WRITE: u64 = ALL & !(1 << 1 | 1 << 14);
pub const ALL: u64 = (1 << 30) - 1;

/// Where the helpers put paths, vectors and results.
const PATH: u32 = 0x1000;
const PATH_2: u32 = 0x2000;
const VECTOR: u32 = 0x100;
const RESULT: u32 = 0x200;
const BUFFER: u32 = 0x4000;

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

static MODULE: LazyLock<InstancePre<WasiCtx>> = LazyLock::new(|| {
    let mut imports = String::new();
    let mut bodies = String::new();
    for (name, parameters) in FUNCTIONS {
        let types: String =
            parameters.chars().map(|p| if p == 'i' { " i32" } else { " i64" }).collect();
        let gets: String =
            (0..parameters.len()).map(|index| format!(" local.get {index}")).collect();
        imports += &format!(
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{types}) (result i32)))\n"
        );
        bodies +=
            &format!("(func (export \"{name}\") (param{types}) (result i32){gets} call ${name})\n");
    }
    let text = format!(
        "(module {imports}
           (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
           (memory (export \"memory\") 2)
           (func (export \"proc_exit\") (param i32) local.get 0 call $exit)
           {bodies})"
    );
    let mut linker = Linker::new(&ENGINE);
    add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    let module = Module::new(&ENGINE, wat::parse_str(text).unwrap()).unwrap();
    linker.instantiate_pre(&module).unwrap()
});

/// A guest that does what a test says.
pub struct Guest {
    pub store: Store<WasiCtx>,
    pub instance: Instance,
    memory: Memory,
}

impl Guest {
    pub fn new(ctx: WasiCtx) -> Self {
        let mut store = Store::new(&ENGINE, ctx);
        let instance = MODULE.instantiate(&mut store).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self { store, instance, memory }
    }

    pub fn with_files(files: &[(&str, &str)]) -> Self {
        let mut vfs = Vfs::new();
        for (path, text) in files {
            vfs.create_dir_all(path.rsplit_once('/').unwrap().0.trim_end_matches('/')).ok();
            vfs.write(path, text.as_bytes()).unwrap();
        }
        vfs.freeze();
        Self::new(WasiCtx::builder().vfs(vfs).build())
    }

    /// Calls a function with numbers; gives its errno.
    pub fn call(&mut self, name: &str, arguments: &[u64]) -> u32 {
        let (_, parameters) = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(parameters.len(), arguments.len(), "{name}");
        let value = |(kind, &value): (char, &u64)| match kind {
            'i' => Val::I32(value as u32 as i32),
            _ => Val::I64(value as i64),
        };
        let values: Vec<Val> = parameters.chars().zip(arguments).map(value).collect();
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let mut result = [Val::I32(-1)];
        function.call(&mut self.store, &values, &mut result).expect("a call never traps");
        result[0].unwrap_i32() as u32
    }

    /// Calls a function and gives its errno as an error.
    pub fn try_call(&mut self, name: &str, arguments: &[u64]) -> Result<(), u32> {
        match self.call(name, arguments) {
            0 => Ok(()),
            errno => Err(errno),
        }
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at as usize, bytes).unwrap();
    }

    pub fn get(&self, at: u32, len: u32) -> Vec<u8> {
        self.memory.data(&self.store)[at as usize..][..len as usize].to_vec()
    }

    pub fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.get(at, 4).try_into().unwrap())
    }

    pub fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.get(at, 8).try_into().unwrap())
    }

    /// Calls a function on one path relative to `fd`: `rest` follows the path.
    pub fn on_path(
        &mut self,
        name: &str,
        before: &[u64],
        path: &str,
        rest: &[u64],
    ) -> Result<(), u32> {
        self.put(PATH, path.as_bytes());
        let path = [PATH.into(), path.len() as u64];
        self.try_call(name, &[before, &path, rest].concat())
    }

    pub fn open_at(
        &mut self,
        fd: u32,
        path: &str,
        oflags: u64,
        rights: u64,
        flags: u64,
    ) -> Result<u32, u32> {
        let rest = [oflags, rights, rights, flags, RESULT.into()];
        self.on_path("path_open", &[fd.into(), 1], path, &rest)?;
        Ok(self.u32(RESULT))
    }

    pub fn open(&mut self, path: &str, oflags: u64, rights: u64) -> Result<u32, u32> {
        self.open_at(3, path, oflags, rights, 0)
    }

    pub fn read(&mut self, fd: u32, len: u32) -> Result<Vec<u8>, u32> {
        self.put(VECTOR, &[BUFFER.to_le_bytes(), len.to_le_bytes()].concat());
        self.try_call("fd_read", &[fd.into(), VECTOR.into(), 1, RESULT.into()])?;
        Ok(self.get(BUFFER, self.u32(RESULT)))
    }

    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, u32> {
        self.put(BUFFER, bytes);
        let len = bytes.len() as u32;
        self.put(VECTOR, &[BUFFER.to_le_bytes(), len.to_le_bytes()].concat());
        self.try_call("fd_write", &[fd.into(), VECTOR.into(), 1, RESULT.into()])?;
        Ok(self.u32(RESULT))
    }

    pub fn seek(&mut self, fd: u32, delta: i64, whence: u64) -> Result<u64, u32> {
        self.try_call("fd_seek", &[fd.into(), delta as u64, whence, RESULT.into()])?;
        Ok(self.u64(RESULT))
    }

    pub fn close(&mut self, fd: u32) -> Result<(), u32> {
        self.try_call("fd_close", &[fd.into()])
    }

    pub fn stat(&mut self, fd: u32) -> Result<Stat, u32> {
        self.try_call("fd_filestat_get", &[fd.into(), RESULT.into()])?;
        Ok(self.read_stat())
    }

    pub fn stat_path(&mut self, path: &str, follow: bool) -> Result<Stat, u32> {
        self.on_path("path_filestat_get", &[3, follow.into()], path, &[RESULT.into()])?;
        Ok(self.read_stat())
    }

    fn read_stat(&self) -> Stat {
        Stat {
            inode: self.u64(RESULT + 8),
            file_type: self.get(RESULT + 16, 1)[0],
            links: self.u64(RESULT + 24),
            size: self.u64(RESULT + 32),
            accessed: self.u64(RESULT + 40),
            modified: self.u64(RESULT + 48),
        }
    }

    /// Calls a function on two paths, each with its descriptor: `path_link`, `path_rename`.
    pub fn on_two_paths(&mut self, name: &str, from: &str, to: &str) -> Result<(), u32> {
        self.put(PATH, from.as_bytes());
        self.put(PATH_2, to.as_bytes());
        let (from, to) = (from.len() as u64, to.len() as u64);
        let arguments = match name {
            "path_link" => vec![3, 0, PATH.into(), from, 3, PATH_2.into(), to],
            "path_rename" => vec![3, PATH.into(), from, 3, PATH_2.into(), to],
            _ => vec![PATH.into(), from, 3, PATH_2.into(), to],
        };
        self.try_call(name, &arguments)
    }

    /// The names that `fd_readdir` gives through a buffer of `len` bytes, with their types.
    pub fn list(&mut self, fd: u32, len: u32) -> Vec<(String, u8)> {
        let mut found = Vec::new();
        let mut cookie = 0;
        loop {
            let (entries, more) = self.list_once(fd, len, cookie);
            for (next, name, file_type) in entries {
                cookie = next;
                found.push((name, file_type));
            }
            if !more {
                return found;
            }
        }
    }

    /// The whole entries of one call, and whether the buffer was full.
    pub fn list_once(&mut self, fd: u32, len: u32, cookie: u64) -> (Vec<(u64, String, u8)>, bool) {
        let arguments = [fd.into(), BUFFER.into(), len.into(), cookie, RESULT.into()];
        assert_eq!(self.call("fd_readdir", &arguments), 0);
        let used = self.u32(RESULT);
        let mut at = 0;
        let mut found = Vec::new();
        while at + 24 <= used {
            let name_len = self.u32(BUFFER + at + 16);
            if at + 24 + name_len > used {
                break;
            }
            let name = String::from_utf8(self.get(BUFFER + at + 24, name_len)).unwrap();
            found.push((self.u64(BUFFER + at), name, self.get(BUFFER + at + 20, 1)[0]));
            at += 24 + name_len;
        }
        (found, used == len)
    }

    pub fn finish(self) -> WasiParts {
        self.store.into_data().into_parts()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub inode: u64,
    pub file_type: u8,
    pub links: u64,
    pub size: u64,
    pub accessed: u64,
    pub modified: u64,
}

pub fn code(errno: Errno) -> u32 {
    errno.code().into()
}
