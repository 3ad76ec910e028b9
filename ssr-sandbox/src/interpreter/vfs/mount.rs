//! Whole trees in and out of the filesystem.

use ssr_core::{File, RepoPath, Tree};

use super::clock::BASE_TIME;
use super::node::{Content, Ino, Kind, Node};
use super::resolve::Resolved;
use super::{Errno, Vfs, VfsError};

/// What a directory may still hold when its last file left the tree.
const CACHE: &str = "__pycache__";

/// Trees in and out. What the host mounts does not count towards the limits of the guest.
impl Vfs {
    /// Puts every file of `tree` below the directory `at`, which is created when missing. Bytes
    /// are shared, not copied; a file that already has the same bytes is left alone, and so is
    /// everything that the tree does not name. What is in the way (a symbolic link, a directory
    /// where a file belongs) is replaced.
    ///
    /// Below a directory that did not exist all files have the fixed time of a base.
    ///
    /// # Errors
    /// `at` is not a directory and cannot become one.
    pub fn mount(&mut self, at: &str, tree: &Tree) -> Result<(), VfsError> {
        let fresh = !self.exists(at);
        self.create_dir_all(at)?;
        self.unlimited(at, |vfs, root| {
            vfs.reserve(if fresh { tree.len() + tree.len() / 8 } else { 0 });
            vfs.put_all(root, tree.files(), fresh)
        })
    }

    /// Takes what [`mount`](Self::mount)ed `old` to what mounting `new` alone would have left:
    /// writes what differs and removes what is gone, with directories that hold nothing else but
    /// `__pycache__`. Costs a comparison of the two trees and the changes.
    ///
    /// # Errors
    /// `at` is not a directory and cannot become one.
    pub fn update(&mut self, at: &str, old: &Tree, new: &Tree) -> Result<(), VfsError> {
        self.create_dir_all(at)?;
        self.unlimited(at, |vfs, root| {
            for (path, _) in old.files().filter(|(path, _)| !new.contains(path.as_str())) {
                vfs.take_away(root, path)?;
            }
            let kept = |path: &RepoPath, file| {
                old.get(path.as_str()).is_some_and(|before| is_same(before, file))
            };
            vfs.put_all(root, new.files().filter(|(path, file)| !kept(path, file)), false)
        })
    }

    /// The regular files below `at` as a tree; empty when `at` is not a directory. Symbolic links,
    /// devices and names that a [`RepoPath`] refuses, `.git` among them, are skipped.
    pub fn tree(&self, at: &str) -> Tree {
        let Ok(root) = self.lookup(Ino::ROOT, at, true) else { return Tree::new() };
        let mut files = Vec::new();
        let mut pending = vec![(root, String::new())];
        while let Some((directory, prefix)) = pending.pop() {
            let Some(entries) = self.node(directory).entries() else { continue };
            for (name, &ino) in entries.iter() {
                if name.eq_ignore_ascii_case(".git") {
                    continue;
                }
                match &self.node(ino).kind {
                    Kind::Directory { .. } => pending.push((ino, format!("{prefix}{name}/"))),
                    Kind::File { content, executable } => {
                        if let Ok(path) = RepoPath::new(&format!("{prefix}{name}")) {
                            let file = File::new(content.to_shared()).with_executable(*executable);
                            files.push((path, file));
                        }
                    }
                    Kind::Symlink(_) | Kind::Device(_) => {}
                }
            }
        }
        // A filesystem cannot hold a file and a directory under one name.
        Tree::from_files(files).unwrap_or_default()
    }

    /// Runs `change` on the directory `at` outside the limits.
    fn unlimited(
        &mut self,
        at: &str,
        change: impl FnOnce(&mut Self, Ino) -> Result<(), Errno>,
    ) -> Result<(), VfsError> {
        let root = self.lookup(Ino::ROOT, at, true).map_err(|errno| VfsError::new(errno, at))?;
        let (limits, before) = (self.limits, self.usage);
        self.limits.max_files = u64::MAX;
        self.limits.max_file_bytes = u64::MAX;
        self.limits.max_total_bytes = u64::MAX;
        let result = change(self, root);
        self.limits = limits;
        let add = |from: u64, new: u64, old: u64| (from + new).saturating_sub(old);
        self.frozen.files = add(self.frozen.files, self.usage.files, before.files);
        self.frozen.bytes = add(self.frozen.bytes, self.usage.bytes, before.bytes);
        result.map_err(|errno| VfsError::new(errno, at))
    }

    /// Puts files, sorted by path, below `root`.
    fn put_all<'t>(
        &mut self,
        root: Ino,
        files: impl Iterator<Item = (&'t RepoPath, &'t File)>,
        fresh: bool,
    ) -> Result<(), Errno> {
        // Neighbours mostly share their directory.
        let mut last = ("", root);
        for (path, file) in files {
            let parent = path.parent().unwrap_or("");
            if parent != last.0 {
                last = (parent, self.make_directories(root, parent)?);
            }
            self.put(last.1, path.file_name(), file, fresh)?;
        }
        Ok(())
    }

    fn make_directories(&mut self, root: Ino, path: &str) -> Result<Ino, Errno> {
        let mut directory = root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let at = self.entry(directory, name);
            directory = match at.target {
                Some(ino) if self.node(ino).is_directory() => ino,
                Some(_) => {
                    self.unlink(&at)?;
                    self.create_directory(&self.entry(directory, name))?
                }
                None => self.create_directory(&at)?,
            };
        }
        Ok(directory)
    }

    fn put(&mut self, parent: Ino, name: &str, file: &File, fresh: bool) -> Result<(), Errno> {
        let mut at = self.entry(parent, name);
        let bytes = file.shared_bytes();
        if let Some(ino) = at.target {
            if let Kind::File { content, .. } = &self.node(ino).kind {
                if !content.is(&bytes) && content.bytes() != &*bytes {
                    self.set_content(ino, Content::Shared(bytes))?;
                }
                return self.set_executable_bit(ino, file.executable());
            }
            self.remove_all(&at)?;
            at = self.entry(parent, name);
        }
        let content = Content::Shared(bytes);
        let ino = self.allocate(Node::file(content, file.executable(), BASE_TIME))?;
        let time = if fresh { BASE_TIME } else { self.touch_time(ino) };
        self.set_all_times(ino, time)?;
        self.add_name(parent, &at.name, ino, time)
    }

    fn set_all_times(&mut self, ino: Ino, time: u64) -> Result<(), Errno> {
        self.node_mut(ino)?.times = super::node::Times::all(time);
        Ok(())
    }

    /// Removes a file, and the directories that this leaves empty.
    fn take_away(&mut self, root: Ino, path: &RepoPath) -> Result<(), Errno> {
        let mut chain = Vec::new();
        let mut directory = root;
        for name in path.components() {
            chain.push(self.entry(directory, name));
            match self.child(directory, name) {
                Some(ino) => directory = ino,
                None => return Ok(()),
            }
        }
        if let Some(at) = chain.pop()
            && at.target.is_some_and(|ino| !self.node(ino).is_directory())
        {
            self.unlink(&at)?;
        }
        while let Some(at) = chain.pop() {
            let idle = |(name, ino): (&std::sync::Arc<str>, &Ino)| {
                &**name == CACHE && self.node(*ino).is_directory()
            };
            let entries = at.target.and_then(|ino| self.node(ino).entries());
            if !entries.is_some_and(|entries| entries.iter().all(idle)) {
                break;
            }
            self.remove_all(&at)?;
        }
        Ok(())
    }

    fn entry<'n>(&self, parent: Ino, name: &'n str) -> Resolved<'n> {
        Resolved { parent, name: name.into(), target: self.child(parent, name), slash: false }
    }
}

/// Whether two files are equal; trees made from each other mostly share their bytes.
fn is_same(a: &File, b: &File) -> bool {
    let shared = std::ptr::eq(a.bytes(), b.bytes()) && a.executable() == b.executable();
    shared || a == b
}
