//! The filesystem itself: a shared base of inodes and an overlay with what changed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::clock::{BASE_TIME, Clock};
use super::limits::Usage;
use super::node::{Content, DESCRIPTOR, Device, Entries, Ino, Kind, Node, Times};
use super::watch::Watched;
use super::{Errno, VfsLimits};

/// An in-memory filesystem: an immutable base, shared between clones, and an overlay with what
/// changed since.
///
/// [`freeze`](Self::freeze) folds the overlay into a new base; a clone of a frozen filesystem is
/// O(1), so a run starts from a clone and is undone by dropping it. File contents are shared
/// between clones and with [`Tree`](ssr_core::Tree)s until they are written.
///
/// Paths are absolute UTF-8 strings with `/` between components; `..` at the root stays there and
/// nothing outside exists. A new filesystem has `/dev` (`null`, `zero`, `random`, `urandom`, `fd`,
/// `stdin`, `stdout`, `stderr`) and an empty `/tmp`.
///
/// Times are logical and deterministic: whatever is mounted fresh or belongs to the base has one
/// fixed time, and every later change is stamped at least a second after everything that could be
/// observed before. Python's `.pyc` check (second and size) therefore never accepts a stale file.
/// For the same reason a rename stamps a regular file that still has the base's time.
///
/// ```
/// use ssr_sandbox::Vfs;
///
/// let mut base = Vfs::new();
/// base.create_dir_all("/repo")?;
/// base.write("/repo/a.py", *b"x = 1\n")?;
/// base.freeze();
///
/// let mut run = base.clone();
/// run.append("/repo/a.py", "y = 2\n")?;
/// assert_eq!(&*run.read("/repo/a.py")?, b"x = 1\ny = 2\n");
/// assert_eq!(&*base.read("/repo/a.py")?, b"x = 1\n");
/// # Ok::<(), ssr_sandbox::VfsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vfs {
    base: Arc<Vec<Option<Node>>>,
    /// Changed and new inodes; `None` marks one of the base that is gone.
    overlay: HashMap<Ino, Option<Node>, BuildHasherDefault<InoHasher>>,
    next: u32,
    free: Vec<Ino>,
    /// How many handles are open on an inode: one without a name lives until the last is closed.
    open: HashMap<Ino, u32, BuildHasherDefault<InoHasher>>,
    pub(super) clock: Clock,
    pub(super) usage: Usage,
    /// The usage that the limits are counted from.
    pub(super) frozen: Usage,
    pub(super) limits: VfsLimits,
    /// Notes what is looked at, while somebody asked for that.
    pub(super) watched: Option<Arc<Watched>>,
}

impl Default for Vfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Vfs {
    /// A filesystem with `/dev` and `/tmp` and the default limits.
    pub fn new() -> Self {
        let slots = vec![
            None,
            Some(skeleton(Ino::ROOT, 4, &[("dev", Ino::DEV), ("tmp", Ino::new(4))])),
            Some(skeleton(
                Ino::ROOT,
                3,
                &[
                    ("fd", Ino::DEV_FD),
                    ("null", Ino::new(5)),
                    ("zero", Ino::new(6)),
                    ("random", Ino::new(7)),
                    ("urandom", Ino::new(8)),
                    ("stdin", Ino::new(9)),
                    ("stdout", Ino::new(10)),
                    ("stderr", Ino::new(11)),
                ],
            )),
            Some(skeleton(Ino::DEV, 2, &[])),
            Some(skeleton(Ino::ROOT, 2, &[])),
            named(Node::device(Device::Null)),
            named(Node::device(Device::Zero)),
            named(Node::device(Device::Random)),
            named(Node::device(Device::Random)),
            named(Node::symlink("fd/0", BASE_TIME)),
            named(Node::symlink("fd/1", BASE_TIME)),
            named(Node::symlink("fd/2", BASE_TIME)),
        ];
        Self {
            next: slots.len() as u32,
            base: Arc::new(slots),
            overlay: HashMap::default(),
            free: Vec::new(),
            open: HashMap::default(),
            clock: Clock::default(),
            usage: Usage::default(),
            frozen: Usage::default(),
            limits: VfsLimits::default(),
            watched: None,
        }
    }

    /// The same filesystem under other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: VfsLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The limits that hold.
    pub fn limits(&self) -> VfsLimits {
        self.limits
    }

    /// Folds all changes into a new base, which clones then share. The limits count from here.
    pub fn freeze(&mut self) {
        let base = Arc::make_mut(&mut self.base);
        if base.len() < self.next as usize {
            base.resize(self.next as usize, None);
        }
        for (ino, node) in self.overlay.drain() {
            base[ino.index()] = node.map(|mut node| {
                if let Kind::File { content, .. } = &mut node.kind {
                    *content = Content::Shared(content.to_shared());
                }
                node
            });
        }
        while matches!(base.last(), Some(None)) {
            base.pop();
        }
        self.overlay.shrink_to_fit();
        self.next = base.len() as u32;
        self.free = Vec::new();
        self.frozen = self.usage;
        self.clock.observe();
    }

    /// How many inodes differ from the base.
    pub fn overlay_len(&self) -> usize {
        self.overlay.len()
    }

    pub(super) fn reserve(&mut self, additional: usize) {
        self.overlay.reserve(additional);
    }

    /// Whether there is an inode of this number.
    pub(super) fn has(&self, ino: Ino) -> bool {
        let node = self.overlay.get(&ino).map(Option::as_ref);
        node.unwrap_or_else(|| self.base.get(ino.index())?.as_ref()).is_some()
    }

    pub(crate) fn node(&self, ino: Ino) -> &Node {
        if !self.overlay.is_empty()
            && let Some(node) = self.overlay.get(&ino)
        {
            return node.as_ref().unwrap_or(&DESCRIPTOR);
        }
        let node = self.base.get(ino.index()).and_then(Option::as_ref);
        debug_assert!(node.is_some() || ino.as_descriptor().is_some(), "dangling {ino:?}");
        node.unwrap_or(&DESCRIPTOR)
    }

    /// The node to change, copied into the overlay first.
    pub(super) fn node_mut(&mut self, ino: Ino) -> Result<&mut Node, Errno> {
        let base = &self.base;
        let slot =
            self.overlay.entry(ino).or_insert_with(|| base.get(ino.index()).cloned().flatten());
        slot.as_mut().ok_or(Errno::NotPermitted)
    }

    pub(super) fn entries_mut(
        &mut self,
        directory: Ino,
    ) -> Result<&mut std::collections::BTreeMap<Arc<str>, Ino>, Errno> {
        match &mut self.node_mut(directory)?.kind {
            Kind::Directory { entries, .. } => Ok(Arc::make_mut(entries)),
            _ => Err(Errno::NotDirectory),
        }
    }

    /// Puts `node` in the table, without a name yet.
    pub(super) fn allocate(&mut self, node: Node) -> Result<Ino, Errno> {
        let ino = match self.free.pop() {
            Some(ino) => ino,
            None => {
                let ino = Ino::new(self.next);
                if ino.as_descriptor().is_some() {
                    return Err(Errno::NoSpace);
                }
                self.next += 1;
                ino
            }
        };
        self.usage.bytes += node.len();
        self.overlay.insert(ino, Some(node));
        Ok(ino)
    }

    /// Frees `ino` when it has neither a name nor a handle.
    pub(super) fn collect(&mut self, ino: Ino) {
        let node = self.node(ino);
        if node.links > 0 || ino.as_descriptor().is_some() || self.open.contains_key(&ino) {
            return;
        }
        self.usage.bytes = self.usage.bytes.saturating_sub(node.len());
        self.overlay.insert(ino, None);
        self.free.push(ino);
    }

    /// Counts a handle on `ino`.
    pub(crate) fn retain(&mut self, ino: Ino) {
        *self.open.entry(ino).or_default() += 1;
    }

    /// Gives a handle back.
    pub(crate) fn release(&mut self, ino: Ino) {
        let Some(count) = self.open.get_mut(&ino) else { return };
        *count -= 1;
        if *count == 0 {
            self.open.remove(&ino);
            self.collect(ino);
        }
    }
}

fn named(mut node: Node) -> Option<Node> {
    node.links = 1;
    Some(node)
}

fn skeleton(parent: Ino, links: u32, entries: &[(&str, Ino)]) -> Node {
    let entries: Entries =
        Arc::new(entries.iter().map(|(name, ino)| (Arc::from(*name), *ino)).collect());
    Node { kind: Kind::Directory { entries, parent }, links, times: Times::BASE }
}

/// Spreads inode numbers, which are small and dense, by one multiplication.
#[derive(Clone, Copy, Default)]
struct InoHasher(u64);

impl Hasher for InoHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(byte.into());
        }
    }

    fn write_u32(&mut self, value: u32) {
        let mixed = (self.0 ^ u64::from(value)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
