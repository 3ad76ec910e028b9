//! Calls that create, link, rename and remove names, by inode.

use super::node::{Content, Ino, Kind, Node, Times};
use super::resolve::Resolved;
use super::{Errno, Vfs};

const MAX_LINKS: u32 = 65_000;
const MAX_TARGET: usize = 4095;

/// Inode-level calls that change names. They take what [`Vfs::resolve`] found without following a
/// symbolic link at the end.
impl Vfs {
    pub(crate) fn create_file(&mut self, at: &Resolved<'_>) -> Result<Ino, Errno> {
        let empty = Content::Owned(Default::default());
        self.create(at, |time| Node::file(empty, false, time))
    }

    pub(crate) fn create_directory(&mut self, at: &Resolved<'_>) -> Result<Ino, Errno> {
        let ino = self.create(at, |time| Node::directory(at.parent, time))?;
        self.node_mut(ino)?.links = 2;
        self.node_mut(at.parent)?.links += 1;
        Ok(ino)
    }

    pub(crate) fn create_symlink(&mut self, at: &Resolved<'_>, target: &str) -> Result<Ino, Errno> {
        if target.is_empty() {
            return Err(Errno::NotFound);
        }
        if target.len() > MAX_TARGET {
            return Err(Errno::NameTooLong);
        }
        if target.as_bytes().contains(&0) {
            return Err(Errno::Invalid);
        }
        if at.slash && at.target.is_none() {
            return Err(Errno::NotFound);
        }
        self.create(at, |time| Node::symlink(target, time))
    }

    fn create(&mut self, at: &Resolved<'_>, node: impl FnOnce(u64) -> Node) -> Result<Ino, Errno> {
        self.check_new_name(at)?;
        // The inode number comes first: the stamp belongs to it.
        let ino = self.allocate(Node::file(Content::Owned(Default::default()), false, 0))?;
        let time = self.clock.stamp(ino);
        let node = node(time);
        let bytes = node.len();
        if self.has_room(bytes) {
            *self.node_mut(ino)? = node;
            self.usage.bytes += bytes;
            self.add_name(at.parent, &at.name, ino, time)?;
            Ok(ino)
        } else {
            self.collect(ino);
            Err(Errno::NoSpace)
        }
    }

    /// Gives the file `ino` another name.
    pub(crate) fn link(&mut self, ino: Ino, at: &Resolved<'_>) -> Result<(), Errno> {
        self.check_new_name(at)?;
        if at.slash {
            return Err(Errno::NotFound);
        }
        let node = self.node(ino);
        if node.is_directory() || ino.as_descriptor().is_some() {
            return Err(Errno::NotPermitted);
        }
        if node.links == 0 {
            return Err(Errno::NotFound);
        }
        if node.links >= MAX_LINKS {
            return Err(Errno::TooManyLinks);
        }
        let time = self.clock.stamp(ino);
        self.node_mut(ino)?.times.changed = time;
        self.add_name(at.parent, &at.name, ino, time)
    }

    /// Removes the name of anything but a directory.
    pub(crate) fn unlink(&mut self, at: &Resolved<'_>) -> Result<(), Errno> {
        let ino = at.found()?;
        if self.node(ino).is_directory() {
            return Err(Errno::IsDirectory);
        }
        if at.slash {
            return Err(Errno::NotDirectory);
        }
        self.check_changeable(at.parent)?;
        let time = self.clock.stamp(at.parent);
        self.remove_name(at.parent, &at.name, time)?;
        self.drop_link(ino, time)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&mut self, at: &Resolved<'_>) -> Result<(), Errno> {
        let ino = at.found()?;
        let Some(entries) = self.node(ino).entries() else { return Err(Errno::NotDirectory) };
        match &*at.name {
            "." => return Err(Errno::Invalid),
            ".." => return Err(Errno::NotEmpty),
            _ if ino == Ino::ROOT || ino == Ino::DEV_FD => return Err(Errno::Busy),
            _ if !entries.is_empty() => return Err(Errno::NotEmpty),
            _ => {}
        }
        let time = self.clock.stamp(at.parent);
        self.remove_name(at.parent, &at.name, time)?;
        self.node_mut(at.parent)?.links -= 1;
        self.node_mut(ino)?.links = 0;
        self.collect(ino);
        Ok(())
    }

    /// Moves a name, replacing what POSIX allows to replace.
    pub(crate) fn rename_entry(
        &mut self,
        from: &Resolved<'_>,
        to: &Resolved<'_>,
    ) -> Result<(), Errno> {
        if from.is_nameless() || to.is_nameless() {
            return Err(Errno::Busy);
        }
        let ino = from.found()?;
        let directory = self.node(ino).is_directory();
        if !directory && (from.slash || to.slash) {
            return Err(Errno::NotDirectory);
        }
        self.check_changeable(from.parent)?;
        self.check_changeable(to.parent)?;
        if directory && self.is_below(to.parent, ino) {
            return Err(Errno::Invalid);
        }
        if let Some(old) = to.target {
            if old == ino {
                return Ok(());
            }
            match (directory, self.node(old).entries()) {
                (_, Some(_)) if self.is_below(from.parent, old) => return Err(Errno::NotEmpty),
                (true, None) => return Err(Errno::NotDirectory),
                (false, Some(_)) => return Err(Errno::IsDirectory),
                (true, Some(entries)) if !entries.is_empty() => return Err(Errno::NotEmpty),
                (true, Some(_)) if old == Ino::DEV_FD => return Err(Errno::Busy),
                _ => {}
            }
        }
        let time = self.clock.stamp(ino);
        if let Some(old) = to.target {
            self.remove_name(to.parent, &to.name, time)?;
            if directory {
                self.node_mut(to.parent)?.links -= 1;
                self.node_mut(old)?.links = 0;
                self.collect(old);
            } else {
                self.drop_link(old, time)?;
            }
        }
        self.remove_name(from.parent, &from.name, time)?;
        self.insert_name(to.parent, &to.name, ino, time)?;
        if directory && from.parent != to.parent {
            self.node_mut(from.parent)?.links -= 1;
            self.node_mut(to.parent)?.links += 1;
        }
        let node = self.node_mut(ino)?;
        node.times.changed = time;
        match &mut node.kind {
            Kind::Directory { parent, .. } => *parent = to.parent,
            // Files of the base share one time: under a new name it would vouch for the `.pyc`
            // of another file.
            Kind::File { .. } if node.times.modified == Times::BASE.modified => {
                node.times.modified = time;
            }
            _ => {}
        }
        Ok(())
    }

    /// Removes whatever the name holds, with all that is below it.
    pub(super) fn remove_all(&mut self, at: &Resolved<'_>) -> Result<(), Errno> {
        let top = at.found()?;
        if !self.node(top).is_directory() {
            return self.unlink(at);
        }
        if at.is_nameless() || top == Ino::DEV_FD {
            return Err(Errno::Busy);
        }
        let mut pending = vec![(top, at.parent, at.name.to_string())];
        while let Some((ino, parent, name)) = pending.pop() {
            let entries = self.node(ino).entries().cloned().unwrap_or_default();
            let step =
                |parent, name, ino| Resolved { parent, name, target: Some(ino), slash: false };
            let mut directories = Vec::new();
            for (name, &child) in entries.iter() {
                if self.node(child).is_directory() {
                    directories.push((child, ino, name.to_string()));
                } else {
                    self.unlink(&step(ino, name.as_ref().into(), child))?;
                }
            }
            if directories.is_empty() {
                self.remove_directory(&step(parent, name.into(), ino))?;
            } else {
                pending.push((ino, parent, name));
                pending.extend(directories);
            }
        }
        Ok(())
    }

    fn check_new_name(&self, at: &Resolved<'_>) -> Result<(), Errno> {
        if at.target.is_some() {
            return Err(Errno::Exists);
        }
        self.check_changeable(at.parent)?;
        let room = self.frozen.files.saturating_add(self.limits.max_files);
        if self.usage.files >= room { Err(Errno::NoSpace) } else { Ok(()) }
    }

    fn check_changeable(&self, directory: Ino) -> Result<(), Errno> {
        match self.node(directory).links {
            _ if directory == Ino::DEV_FD => Err(Errno::NotPermitted),
            0 => Err(Errno::NotFound),
            _ => Ok(()),
        }
    }

    /// Whether `ino` is `ancestor` or lies below it.
    fn is_below(&self, mut ino: Ino, ancestor: Ino) -> bool {
        loop {
            if ino == ancestor {
                return true;
            }
            match self.node(ino).kind {
                Kind::Directory { parent, .. } if ino != Ino::ROOT && parent != ino => ino = parent,
                _ => return false,
            }
        }
    }

    pub(super) fn add_name(
        &mut self,
        parent: Ino,
        name: &str,
        ino: Ino,
        time: u64,
    ) -> Result<(), Errno> {
        self.insert_name(parent, name, ino, time)?;
        self.node_mut(ino)?.links += 1;
        Ok(())
    }

    fn insert_name(&mut self, parent: Ino, name: &str, ino: Ino, time: u64) -> Result<(), Errno> {
        self.entries_mut(parent)?.insert(name.into(), ino);
        self.usage.files += 1;
        self.touch_directory(parent, time)
    }

    /// Takes a name away; whoever calls this settles the links of the inode.
    fn remove_name(&mut self, parent: Ino, name: &str, time: u64) -> Result<(), Errno> {
        self.entries_mut(parent)?.remove(name);
        self.usage.files = self.usage.files.saturating_sub(1);
        self.touch_directory(parent, time)
    }

    fn touch_directory(&mut self, directory: Ino, time: u64) -> Result<(), Errno> {
        let times = &mut self.node_mut(directory)?.times;
        times.modified = time;
        times.changed = time;
        Ok(())
    }

    fn drop_link(&mut self, ino: Ino, time: u64) -> Result<(), Errno> {
        let node = self.node_mut(ino)?;
        node.links -= 1;
        node.times.changed = time;
        self.collect(ino);
        Ok(())
    }
}
