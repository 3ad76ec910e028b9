//! Path resolution as POSIX describes it, symbolic links included.

use std::borrow::Cow;

use super::node::{Ino, Kind};
use super::{Errno, Vfs};

const MAX_PATH: usize = 4096;
const MAX_NAME: usize = 255;
/// As on Linux.
const MAX_LINKS: u32 = 40;

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved<'p> {
    /// The directory of the last component.
    pub(crate) parent: Ino,
    /// The last component. When it is `.` or `..`, or empty for the root, then `parent` and
    /// `target` are both the directory that the path leads to.
    pub(crate) name: Cow<'p, str>,
    /// What is there, if anything.
    pub(crate) target: Option<Ino>,
    /// Whether the path ended in a slash, which only a directory may.
    pub(crate) slash: bool,
}

impl Resolved<'_> {
    pub(crate) fn found(&self) -> Result<Ino, Errno> {
        self.target.ok_or(Errno::NotFound)
    }

    /// Whether the path leads to a directory without giving its name.
    pub(super) fn is_nameless(&self) -> bool {
        matches!(&*self.name, "" | "." | "..")
    }
}

/// Where the walk along one path string ended.
enum Walk<'p> {
    End(Resolved<'p>),
    /// At a symbolic link in `directory`; `rest` follows it.
    Link {
        directory: Ino,
        link: Ino,
        rest: &'p str,
    },
}

impl Vfs {
    /// Walks `path` from the directory `start`. A symbolic link at the end is followed when
    /// `follow` says so; otherwise it is what was found, even with a slash after it.
    pub(crate) fn resolve<'p>(
        &self,
        start: Ino,
        path: &'p str,
        follow: bool,
    ) -> Result<Resolved<'p>, Errno> {
        if path.is_empty() {
            return Err(Errno::NotFound);
        }
        if path.len() > MAX_PATH {
            return Err(Errno::NameTooLong);
        }
        if path.as_bytes().contains(&0) {
            return Err(Errno::Invalid);
        }
        let (mut start, mut expanded) = match self.walk(start, path, follow)? {
            Walk::End(resolved) => return Ok(resolved),
            Walk::Link { directory, link, rest } => (directory, self.expand(link, rest)?),
        };
        for _ in 0..MAX_LINKS {
            (start, expanded) = match self.walk(start, &expanded, follow)? {
                Walk::Link { directory, link, rest } => (directory, self.expand(link, rest)?),
                Walk::End(Resolved { parent, name, target, slash }) => {
                    let name = Cow::Owned(name.into_owned());
                    return Ok(Resolved { parent, name, target, slash });
                }
            };
        }
        Err(Errno::Loop)
    }

    /// Follows `path` to what exists there; a slash at its end follows a symbolic link, too.
    pub(crate) fn lookup(&self, start: Ino, path: &str, follow: bool) -> Result<Ino, Errno> {
        let resolved = self.resolve(start, path, follow || path.ends_with('/'))?;
        let ino = resolved.found()?;
        if resolved.slash && !self.node(ino).is_directory() {
            return Err(Errno::NotDirectory);
        }
        Ok(ino)
    }

    /// Resolves `path` for a call that may create a file there, which no slash may follow.
    pub(crate) fn resolve_new_file<'p>(
        &self,
        start: Ino,
        path: &'p str,
        follow: bool,
    ) -> Result<Resolved<'p>, Errno> {
        let at = self.resolve(start, path, follow && !path.ends_with('/'))?;
        if at.slash { Err(Errno::IsDirectory) } else { Ok(at) }
    }

    /// The entry `name` of a directory.
    pub(crate) fn child(&self, directory: Ino, name: &str) -> Option<Ino> {
        if directory == Ino::DEV_FD {
            return descriptor_name(name).map(Ino::descriptor);
        }
        self.node(directory).entries()?.get(name).copied()
    }

    fn expand(&self, link: Ino, rest: &str) -> Result<String, Errno> {
        let Kind::Symlink(target) = &self.node(link).kind else { return Err(Errno::Invalid) };
        let mut path = String::with_capacity(target.len() + rest.len());
        path.push_str(target);
        path.push_str(rest);
        Ok(path)
    }

    fn walk<'p>(&self, start: Ino, path: &'p str, follow: bool) -> Result<Walk<'p>, Errno> {
        let mut directory = if path.starts_with('/') { Ino::ROOT } else { start };
        let mut rest = path.trim_start_matches('/');
        loop {
            let Kind::Directory { parent, .. } = self.node(directory).kind else {
                return Err(Errno::NotDirectory);
            };
            let end = rest.find('/').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let next = after.trim_start_matches('/');
            if name.len() > MAX_NAME {
                return Err(Errno::NameTooLong);
            }
            let last = next.is_empty();
            match name {
                "" | "." | ".." => {
                    if name == ".." {
                        directory = parent;
                    }
                    if last {
                        let name = Cow::Borrowed(name);
                        let target = Some(directory);
                        let parent = directory;
                        return Ok(Walk::End(Resolved { parent, name, target, slash: false }));
                    }
                }
                name => {
                    if let Some(watched) = &self.watched {
                        watched.name(directory, name);
                    }
                    let target = self.child(directory, name);
                    let slash = !after.is_empty();
                    if let Some(link) = target
                        && (!last || follow)
                        && matches!(self.node(link).kind, Kind::Symlink(_))
                    {
                        return Ok(Walk::Link { directory, link, rest: after });
                    }
                    if last {
                        let name = Cow::Borrowed(name);
                        return Ok(Walk::End(Resolved { parent: directory, name, target, slash }));
                    }
                    directory = target.ok_or(Errno::NotFound)?;
                }
            }
            rest = next;
        }
    }
}

/// N for the canonical decimal of a descriptor number.
pub(super) fn descriptor_name(name: &str) -> Option<u32> {
    let canonical = name == "0" || (!name.starts_with(['0', '+']) && !name.is_empty());
    name.parse().ok().filter(|fd| canonical && *fd < 1 << 31)
}
