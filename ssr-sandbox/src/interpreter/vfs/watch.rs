//! Records which names and inodes a run looks at, and compares another filesystem at these places.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::Vfs;
use super::node::{Ino, Kind, Node};

/// What has been looked at since [`Vfs::watch`].
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    names: HashSet<Place>,
    inodes: HashSet<Ino>,
    opened: HashMap<Ino, u32>,
}

/// A name in a directory.
pub(crate) type Place = (Ino, Box<str>);

/// The part of a filesystem that somebody looked at, with what was there: names, also those that
/// did not exist, and the inodes that were opened or whose metadata was read.
#[derive(Debug)]
pub(crate) struct Footprint {
    names: Vec<(Place, Option<Ino>)>,
    inodes: Vec<(Ino, Node)>,
    opened: HashMap<Ino, u32>,
}

/// What differs from a [`Footprint`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) inodes: Vec<Ino>,
    pub(crate) names: Vec<Place>,
}

impl Footprint {
    /// How often somebody opened the file.
    pub(crate) fn opened(&self, ino: Ino) -> u32 {
        self.opened.get(&ino).copied().unwrap_or(0)
    }

    /// The inodes that were looked at.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = Ino> {
        self.inodes.iter().map(|(ino, _)| *ino)
    }

    /// The names that were looked up.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Place> {
        self.names.iter().map(|(place, _)| place)
    }

    /// The names that were found, with what they led to.
    pub(crate) fn found(&self) -> impl Iterator<Item = (&Place, Ino)> {
        self.names.iter().filter_map(|(place, target)| Some((place, (*target)?)))
    }
}

impl Watched {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn name(&self, directory: Ino, name: &str) {
        self.note(|seen| {
            seen.names.insert((directory, name.into()));
        });
    }

    pub(super) fn inode(&self, ino: Ino) {
        self.note(|seen| {
            seen.inodes.insert(ino);
        });
    }

    fn open(&self, ino: Ino) {
        self.note(|seen| {
            *seen.opened.entry(ino).or_insert(0) += 1;
        });
    }
}

impl Vfs {
    /// Starts to note what is looked at, in this filesystem and the clones made from now on.
    pub(crate) fn watch(&mut self) {
        self.watched = Some(Default::default());
    }

    /// Stops watching and tells what was looked at; nothing if nobody watched.
    pub(crate) fn footprint(&mut self) -> Footprint {
        let mut footprint =
            Footprint { names: Vec::new(), inodes: Vec::new(), opened: HashMap::new() };
        if let Some(watched) = self.watched.take() {
            watched.note(|seen| {
                let name = |place: Place| {
                    let target = self.child(place.0, &place.1);
                    (place, target)
                };
                footprint.names = seen.names.drain().map(name).collect();
                let inode = |ino| (ino, self.node(ino).clone());
                footprint.inodes = seen.inodes.drain().map(inode).collect();
                footprint.opened = std::mem::take(&mut seen.opened);
            });
        }
        footprint
    }

    /// Stops watching and tells what was looked at among the things that `before` has, as it has them.
    pub(crate) fn footprint_on(&mut self, before: &Self) -> Footprint {
        let seen = self.footprint();
        before.footprint_of(
            seen.names.into_iter().map(|(place, _)| place),
            seen.inodes.into_iter().map(|(ino, _)| ino),
        )
    }

    /// The state of these names and inodes here, as far as there are such.
    pub(crate) fn footprint_of(
        &self,
        names: impl Iterator<Item = Place>,
        inodes: impl Iterator<Item = Ino>,
    ) -> Footprint {
        let names = names.filter(|(at, _)| self.has(*at)).map(|place| {
            let target = self.child(place.0, &place.1);
            (place, target)
        });
        let inodes = inodes.filter(|ino| self.has(*ino)).map(|ino| (ino, self.node(ino).clone()));
        Footprint { names: names.collect(), inodes: inodes.collect(), opened: HashMap::new() }
    }

    /// Whether somebody who looks at the same places here sees the same.
    pub(crate) fn matches(&self, footprint: &Footprint) -> bool {
        footprint.inodes.iter().all(|(ino, node)| self.still_has(*ino, node))
            && footprint
                .names
                .iter()
                .all(|((at, name), target)| self.leads_to(*at, name) == *target)
    }

    /// What somebody who looks at the same places here sees differently.
    pub(crate) fn differences(&self, footprint: &Footprint) -> Difference {
        let inodes = footprint.inodes.iter().filter(|(ino, node)| !self.still_has(*ino, node));
        let names = footprint.names.iter();
        let names = names.filter(|((at, name), target)| self.leads_to(*at, name) != *target);
        Difference {
            inodes: inodes.map(|(ino, _)| *ino).collect(),
            names: names.map(|(place, _)| place.clone()).collect(),
        }
    }

    fn still_has(&self, ino: Ino, node: &Node) -> bool {
        self.has(ino) && is_same(self.node(ino), node)
    }

    /// What the name in a directory leads to, if there are both.
    pub(crate) fn leads_to(&self, directory: Ino, name: &str) -> Option<Ino> {
        if self.has(directory) { self.child(directory, name) } else { None }
    }

    /// Whether there is a file of this number.
    pub(crate) fn has_file(&self, ino: Ino) -> bool {
        self.has(ino) && matches!(self.node(ino).kind, Kind::File { .. })
    }

    /// The number of what `path` leads to.
    pub(crate) fn ino(&self, path: &str) -> Option<Ino> {
        self.lookup(Ino::ROOT, path, true).ok()
    }

    /// Whether the inode that `path` leads to was looked at.
    pub(crate) fn is_inside(&self, footprint: &Footprint, path: &str) -> bool {
        let found = self.lookup(Ino::ROOT, path, true);
        found.is_ok_and(|found| footprint.inodes.iter().any(|(ino, _)| *ino == found))
    }

    /// Notes that the inode `ino` itself is looked at.
    pub(crate) fn look_at(&self, ino: Ino) {
        if let Some(watched) = &self.watched {
            watched.inode(ino);
        }
    }

    /// Notes that the inode `ino` is opened.
    pub(crate) fn look_into(&self, ino: Ino) {
        if let Some(watched) = &self.watched {
            watched.inode(ino);
            watched.open(ino);
        }
    }
}

/// Whether two states of an inode look the same; in a directory the names count, whatever became of
/// what they lead to.
fn is_same(a: &Node, b: &Node) -> bool {
    a.times.modified == b.times.modified
        && match (&a.kind, &b.kind) {
            (
                Kind::File { content: a, executable: x },
                Kind::File { content: b, executable: y },
            ) => x == y && (std::ptr::eq(a.bytes(), b.bytes()) || a.bytes() == b.bytes()),
            (
                Kind::Directory { parent: x, entries: a },
                Kind::Directory { parent: y, entries: b },
            ) => x == y && (Arc::ptr_eq(a, b) || a.keys().eq(b.keys())),
            (Kind::Symlink(a), Kind::Symlink(b)) => a == b,
            (Kind::Device(a), Kind::Device(b)) => a == b,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filesystem() -> Vfs {
        let mut vfs = Vfs::new();
        vfs.create_dir_all("/a/b").unwrap();
        vfs.write("/a/read", *b"1").unwrap();
        vfs.write("/a/other", *b"1").unwrap();
        vfs.freeze();
        vfs
    }

    fn looked_at(vfs: &Vfs) -> Footprint {
        let mut watching = vfs.clone();
        watching.watch();
        let found = watching.lookup(Ino::ROOT, "/a/read", true).unwrap();
        watching.look_at(found);
        watching.lookup(Ino::ROOT, "/a/b/absent", true).unwrap_err();
        watching.footprint()
    }

    #[test]
    fn what_was_not_looked_at_may_change() {
        let mut vfs = filesystem();
        let footprint = looked_at(&vfs);
        assert!(vfs.matches(&footprint));
        vfs.write("/a/other", *b"2").unwrap();
        vfs.write("/a/b/new", *b"").unwrap();
        vfs.remove_file("/a/other").unwrap();
        assert!(vfs.matches(&footprint));
    }

    #[test]
    fn what_was_looked_at_may_not_change() {
        let changes: [fn(&mut Vfs); 6] = [
            |vfs| vfs.write("/a/read", *b"2").unwrap(),
            |vfs| vfs.write("/a/read", *b"1").unwrap(),
            |vfs| vfs.remove_file("/a/read").unwrap(),
            |vfs| vfs.set_executable("/a/read", true).unwrap(),
            |vfs| vfs.write("/a/b/absent", *b"").unwrap(),
            |vfs| vfs.remove_dir_all("/a/b").unwrap(),
        ];
        for change in changes {
            let mut vfs = filesystem();
            let footprint = looked_at(&vfs);
            change(&mut vfs);
            assert!(!vfs.matches(&footprint));
        }
    }

    #[test]
    fn a_listed_directory_may_not_get_or_lose_entries() {
        let mut vfs = filesystem();
        let mut watching = vfs.clone();
        watching.watch();
        let directory = watching.lookup(Ino::ROOT, "/a", true).unwrap();
        watching.look_at(directory);
        let footprint = watching.footprint();
        vfs.write("/a/other", *b"2").unwrap();
        assert!(vfs.matches(&footprint));
        let time = vfs.metadata("/a").unwrap().modified;
        vfs.write("/a/new", *b"").unwrap();
        assert!(!vfs.matches(&footprint));
        vfs.set_modified("/a", time).unwrap();
        assert!(!vfs.matches(&footprint));
    }

    #[test]
    fn an_unrelated_filesystem_is_no_panic() {
        let footprint = looked_at(&filesystem());
        assert!(!Vfs::new().matches(&footprint));
    }
}
