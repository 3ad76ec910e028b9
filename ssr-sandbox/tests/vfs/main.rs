//! The in-memory filesystem through its path API.

mod copies;
mod names;
#[cfg(target_os = "linux")]
mod posix;
mod times;
mod trees;

use ssr_sandbox::{Errno, Vfs, VfsError};

fn vfs(files: &[(&str, &str)]) -> Vfs {
    let mut vfs = Vfs::new();
    for (path, text) in files {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        vfs.create_dir_all(if parent.is_empty() { "/" } else { parent }).unwrap();
        vfs.write(path, text.as_bytes()).unwrap();
    }
    vfs
}

fn text(vfs: &Vfs, path: &str) -> String {
    String::from_utf8(vfs.read(path).unwrap().to_vec()).unwrap()
}

fn errno<T: std::fmt::Debug>(result: Result<T, VfsError>) -> Errno {
    result.unwrap_err().errno()
}
