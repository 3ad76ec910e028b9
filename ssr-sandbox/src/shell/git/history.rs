//! The repository of a workspace: commits, references, index, stash and configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssr_core::Tree;

use super::date::Moment;
use super::object::{Commit, Oid, Signature};

/// The branch of a new workspace.
const BRANCH: &str = "main";
/// Who made the first commit, and all others unless `user.name` and `user.email` say otherwise.
const NAME: &str = "SSR";
const EMAIL: &str = "ssr@localhost";
/// Bytes of file content that commits and stashes may add to a workspace.
const CAPACITY: u64 = 512 << 20;

/// The version history of a workspace: one commit "initial" with the tree that it was opened on,
/// and what `git` commands made of it. Clones share everything.
#[derive(Clone)]
pub(crate) struct History {
    base: Tree,
    repository: Option<Arc<Repository>>,
}

impl History {
    pub(crate) fn new(base: &Tree) -> Self {
        Self { base: base.clone(), repository: None }
    }

    /// Ids are only computed for those who use git.
    pub(super) fn repository(&self) -> Arc<Repository> {
        self.repository.clone().unwrap_or_else(|| Arc::new(Repository::new(&self.base)))
    }

    pub(super) fn replace(&mut self, repository: Arc<Repository>) {
        self.repository = Some(repository);
    }
}

/// Where `HEAD` points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    Branch(String),
    Detached(Oid),
}

/// A tag with a message.
#[derive(Debug, Clone)]
pub(super) struct Annotation {
    /// Of the tag itself, not of the commit.
    pub id: Oid,
    /// The first line of its message.
    pub subject: String,
}

/// Commits, references, index and stash.
#[derive(Clone)]
pub(super) struct Repository {
    pub commits: BTreeMap<Oid, Arc<Commit>>,
    pub branches: BTreeMap<String, Oid>,
    pub tags: BTreeMap<String, Oid>,
    /// What is known of the tags that have a message.
    pub annotations: BTreeMap<String, Annotation>,
    pub head: Head,
    /// For `git checkout -`.
    pub previous: Option<Head>,
    /// Where `HEAD` was, the latest last.
    pub reflog: Vec<Oid>,
    pub index: Tree,
    /// The latest last.
    pub stash: Vec<Oid>,
    pub config: BTreeMap<String, String>,
    stored: u64,
}

impl Repository {
    fn new(base: &Tree) -> Self {
        let by = Signature { name: NAME.into(), email: EMAIL.into(), when: Moment::now() };
        let commit = Commit::new(base.clone(), Vec::new(), by.clone(), by, "initial\n".to_owned());
        let id = commit.id();
        Self {
            commits: BTreeMap::from([(id, commit)]),
            branches: BTreeMap::from([(BRANCH.to_owned(), id)]),
            tags: BTreeMap::new(),
            annotations: BTreeMap::new(),
            head: Head::Branch(BRANCH.to_owned()),
            previous: None,
            reflog: vec![id],
            index: base.clone(),
            stash: Vec::new(),
            config: BTreeMap::from([
                ("user.email".to_owned(), EMAIL.to_owned()),
                ("user.name".to_owned(), NAME.to_owned()),
            ]),
            stored: 0,
        }
    }

    pub fn head_id(&self) -> Oid {
        match &self.head {
            Head::Branch(name) => self.branches.get(name).copied().unwrap_or(Oid::NULL),
            Head::Detached(id) => *id,
        }
    }

    /// The tree of a commit that is known to exist; that of the first commit of an unborn branch
    /// is empty.
    pub fn tree(&self, id: Oid) -> Tree {
        self.commits.get(&id).map(|commit| commit.tree.clone()).unwrap_or_default()
    }

    pub fn head_tree(&self) -> Tree {
        self.tree(self.head_id())
    }

    /// Stores a commit; `None` when the history is full.
    pub fn add(&mut self, commit: Arc<Commit>) -> Option<Oid> {
        let parent = commit.parents.first().map(|id| self.tree(*id)).unwrap_or_default();
        let changed = parent.changed_paths(&commit.tree);
        let bytes = changed.iter().filter_map(|path| commit.tree.get(path.as_str()));
        self.stored += bytes.map(|file| file.bytes().len() as u64).sum::<u64>();
        if self.stored > CAPACITY {
            return None;
        }
        let id = commit.id();
        self.commits.insert(id, commit);
        Some(id)
    }

    /// Moves the current branch, or `HEAD` itself when it is detached.
    pub fn move_head(&mut self, to: Oid) {
        match &self.head {
            Head::Branch(name) => {
                self.branches.insert(name.clone(), to);
            }
            Head::Detached(_) => self.head = Head::Detached(to),
        }
        self.reflog.push(to);
    }

    /// Points `HEAD` somewhere else.
    pub fn switch(&mut self, head: Head) {
        self.previous = Some(std::mem::replace(&mut self.head, head));
        self.reflog.push(self.head_id());
    }

    /// `id` and everything before it, children before parents, the younger first.
    pub fn ancestors(&self, ids: &[Oid]) -> Vec<(Oid, Arc<Commit>)> {
        let mut pending: Vec<Oid> = ids.to_vec();
        let mut children: BTreeMap<Oid, usize> = BTreeMap::new();
        let mut seen = BTreeMap::new();
        while let Some(id) = pending.pop() {
            let Some(commit) = self.commits.get(&id) else { continue };
            if seen.insert(id, Arc::clone(commit)).is_some() {
                continue;
            }
            for parent in &commit.parents {
                *children.entry(*parent).or_default() += 1;
                pending.push(*parent);
            }
        }
        let mut ready: Vec<Oid> = Vec::new();
        for id in ids {
            if !children.contains_key(id) && !ready.contains(id) {
                ready.push(*id);
            }
        }
        let mut out = Vec::new();
        loop {
            let date = |id: &Oid| seen.get(id).map_or(0, |commit| commit.committer.when.seconds());
            // The first of the youngest, as a stable sort would take it.
            let Some(at) = (0..ready.len()).max_by_key(|at| (date(&ready[*at]), usize::MAX - at))
            else {
                return out;
            };
            let id = ready.remove(at);
            let Some(commit) = seen.get(&id) else { continue };
            out.push((id, Arc::clone(commit)));
            for parent in &commit.parents {
                if let Some(left) = children.get_mut(parent) {
                    *left -= 1;
                    if *left == 0 {
                        ready.push(*parent);
                    }
                }
            }
        }
    }
}
