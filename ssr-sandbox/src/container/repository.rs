//! Reads the repository out of a container, and brings changes into it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use ssr_core::{Exit, File, RepoPath, SandboxError, Tree};

use crate::harness::{TESTBED, TOOL_CACHES};

use super::OWN;
use super::archive::{self, Owner, Packer};
use super::capture::Capture;
use super::exec::Exec;
use super::image::Container;

/// Two records for everything in the repository: `n` or `o` (new since the container was made, or
/// old), its kind and its path; and where it leads, when it is a symbolic link. The time of the
/// last change cannot be set by those who change a file.
const LIST: &str = r#"cd /testbed && find . -name .git -prune -o \
\( -newerct "$0" -printf n -o -printf o \) -printf '%y%P\0%l\0'"#;

const PACK: &str = "cd /testbed && tar -cf - --null --no-recursion -T -";

/// Takes files away, and folders that this leaves empty.
const REMOVE: &str = "cd /testbed && cat > /run/ssr/removed && xargs -0 rm -f -- < /run/ssr/removed; \
xargs -0 dirname -z -- < /run/ssr/removed | sort -zu | xargs -0 rmdir -p --ignore-fail-on-non-empty --; \
rm /run/ssr/removed";

/// A repository larger than this is refused.
const MAX_BYTES: usize = 1 << 30;
const MAX_LIST: usize = 64 << 20;

/// For programs of ours that always end.
const PATIENCE: Duration = Duration::from_secs(300);

impl Container {
    /// The repository as it is now. `base` says which files belong to it even though tools make
    /// such files.
    pub(super) fn repository(&mut self, base: &Tree) -> Result<Tree, SandboxError> {
        let created = self.created.clone();
        let listed = self.own("listing the repository", &[LIST, &created], &[], MAX_LIST)?;
        let listing = Listing::read(&listed, |path| is_left_behind(base, path));
        let wanted = listing.wanted(&self.image.tree);
        let mut changed = BTreeMap::new();
        if !wanted.is_empty() {
            let names: Vec<u8> =
                wanted.iter().flat_map(|path| [path.as_str().as_bytes(), b"\0"].concat()).collect();
            let archive = self.own("reading the repository", &[PACK], &names, MAX_BYTES)?;
            changed = archive::files(&archive, "").map_err(|error| {
                SandboxError::infrastructure("reading an archive of the repository", error)
            })?;
        }
        listing.tree(&self.image.tree, changed)
    }

    /// Brings the repository from `from` to `to`; what else is there stays.
    pub(super) fn bring(
        &mut self,
        from: &Tree,
        to: &Tree,
        owner: Owner,
        time: u64,
    ) -> Result<(), SandboxError> {
        let gone: Vec<u8> = from
            .files()
            .filter(|(path, _)| !to.contains(path.as_str()))
            .flat_map(|(path, _)| [path.as_str().as_bytes(), b"\0"].concat())
            .collect();
        if !gone.is_empty() {
            self.own("removing files", &[REMOVE], &gone, 4096)?;
        }
        let mut packer = Packer::new(owner, time);
        packer.directory(TESTBED.trim_start_matches('/')).map_err(archive::packing)?;
        packer.directory(OWN.trim_start_matches('/')).map_err(archive::packing)?;
        archive::update(&mut packer, "testbed/", from, to)?;
        self.upload(packer.finish().map_err(archive::packing)?)
    }

    /// Runs a script of ours and returns what it printed.
    pub(super) fn own(
        &mut self,
        doing: &'static str,
        script: &[&str],
        stdin: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, SandboxError> {
        let argv = ["/bin/sh", "-c"].iter().chain(script).map(|&word| word.to_owned()).collect();
        let exec = Exec { argv, env: Vec::new(), stdin, time: PATIENCE };
        let mut output = Capture::new(limit);
        let exit = self.run(&exec, &mut output)?;
        if output.truncated {
            return Err(SandboxError::Refused(format!("{doing}: there is too much of it")));
        }
        match exit {
            // Files that their owner may not read are no part of the repository.
            Exit::Code(0..=2) => Ok(output.stdout),
            exit => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(SandboxError::infrastructure(doing, format!("it ended with {exit:?}: {said}")))
            }
        }
    }
}

/// Whether a file that is not of the base is one that a tool left behind.
fn is_left_behind(base: &Tree, path: &RepoPath) -> bool {
    !base.contains(path.as_str())
        && path.components().any(|name| name == "__pycache__" || TOOL_CACHES.contains(&name))
}

/// What [`LIST`] printed.
struct Listing {
    /// Every file, and whether its content may differ from that in the image.
    files: BTreeMap<RepoPath, bool>,
    /// Symbolic links, with what they name.
    links: Vec<(RepoPath, String)>,
}

impl Listing {
    fn read(listed: &[u8], ignore: impl Fn(&RepoPath) -> bool) -> Self {
        let (mut files, mut links) = (BTreeMap::new(), Vec::new());
        let mut folders: HashMap<String, bool> = HashMap::new();
        let mut records = listed.split(|byte| *byte == 0);
        while let (Some(entry), Some(target)) = (records.next(), records.next()) {
            let (Ok(entry), Ok(target)) = (str::from_utf8(entry), str::from_utf8(target)) else {
                continue;
            };
            let new = entry.starts_with('n');
            let Some((kind, path)) = entry.get(1..2).zip(entry.get(2..)) else { continue };
            if kind == "d" {
                folders.insert(path.to_owned(), new);
                continue;
            }
            let Ok(path) = RepoPath::new(path) else { continue };
            match kind {
                _ if ignore(&path) => {}
                "f" => drop(files.insert(path, new)),
                "l" => links.push((path, target.to_owned())),
                _ => {}
            }
        }
        let moved = moved(&folders);
        for (path, new) in &mut files {
            *new |= parents(path.as_str()).any(|folder| moved.contains(folder));
        }
        Self { files, links }
    }

    /// The files to fetch.
    fn wanted(&self, image: &Tree) -> Vec<&RepoPath> {
        let fetch = |path: &RepoPath, new: bool| new || !image.contains(path.as_str());
        self.files.iter().filter(|(path, new)| fetch(path, **new)).map(|(path, _)| path).collect()
    }

    fn tree(
        self,
        image: &Tree,
        mut changed: BTreeMap<RepoPath, File>,
    ) -> Result<Tree, SandboxError> {
        let mut files = BTreeMap::new();
        for (path, new) in self.files {
            let known = if new { None } else { image.get(path.as_str()).cloned() };
            if let Some(file) = changed.remove(&path).or(known) {
                files.insert(path, file);
            }
        }
        // A link that leads to a file of the repository is that file. Links to links need another
        // round each; a loop has no end and is no file.
        for _ in 0..4 {
            for (path, target) in &self.links {
                let file = follow(path, target).and_then(|target| files.get(&target).cloned());
                if let Some(file) = file {
                    files.insert(path.clone(), file);
                }
            }
        }
        Tree::from_files(files)
            .map_err(|error| SandboxError::infrastructure("reading the repository", error))
    }
}

/// Folders that may have come here under another name, with files that did not change by it: a
/// move changes the folder and the one above.
fn moved(folders: &HashMap<String, bool>) -> HashSet<&str> {
    let is_new = |folder: &str| folders.get(folder).copied().unwrap_or(true);
    folders
        .iter()
        .filter(|(path, new)| **new && !path.is_empty() && is_new(parent(path)))
        .map(|(path, _)| path.as_str())
        .collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// What a relative link names, when that is in the repository.
fn follow(link: &RepoPath, target: &str) -> Option<RepoPath> {
    let mut at: Vec<&str> = link.as_str().split('/').collect();
    at.pop();
    if target.starts_with('/') {
        return RepoPath::new(target.strip_prefix("/testbed/")?).ok();
    }
    for name in target.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match name {
            ".." => drop(at.pop()?),
            name => at.push(name),
        }
    }
    RepoPath::new(&at.join("/")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(name, text): &(&str, &str)| (path(name), File::new(text.as_bytes()));
        Tree::from_files(files.iter().map(file)).unwrap()
    }

    fn listing(entries: &[&str]) -> Listing {
        let list: String = entries.iter().map(|entry| format!("{entry}\0")).collect();
        Listing::read(list.as_bytes(), |path| is_left_behind(&Tree::new(), path))
    }

    #[test]
    fn only_what_may_differ_is_fetched() {
        let image = tree(&[("a", "1"), ("b", "1"), ("gone", "1")]);
        let list =
            listing(&["od", "", "ofa", "", "nfb", "", "nfnew", "", "nf__pycache__/x.pyc", ""]);
        assert_eq!(list.wanted(&image), [&path("b"), &path("new")]);
        let changed = [("b", "2"), ("new", "3")].map(|(p, t)| (path(p), File::new(t.as_bytes())));
        let expected = tree(&[("a", "1"), ("b", "2"), ("new", "3")]);
        assert_eq!(list.tree(&image, changed.into()).unwrap(), expected);
    }

    #[test]
    fn folders_that_changed_places_are_read_again() {
        let image = tree(&[("x/f", "1"), ("y/f", "2"), ("z/f", "3")]);
        let list = listing(&[
            "nd", "", "ndx", "", "ndy", "", "odz", "", "ofx/f", "", "ofy/f", "", "ofz/f", "",
        ]);
        assert_eq!(list.wanted(&image), [&path("x/f"), &path("y/f")]);
    }

    #[test]
    fn links_inside_are_the_files_that_they_name() {
        let list = listing(&[
            "of a/b",
            "",
            "ofa/b",
            "",
            "lx",
            "",
            "nla/c",
            "b",
            "nlup",
            "../x",
            "nld",
            "a/../a/c",
            "nlabs",
            "/testbed/a/b",
            "nlhost",
            "/etc/passwd",
            "nlself",
            "self",
        ]);
        let read = list.tree(&tree(&[("a/b", "1")]), BTreeMap::new()).unwrap();
        assert_eq!(read, tree(&[("a/b", "1"), ("a/c", "1"), ("abs", "1"), ("d", "1")]));
    }

    proptest! {
        #[test]
        fn any_listing_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let list = Listing::read(&bytes, |_| false);
            let _ = list.wanted(&Tree::new());
        }
    }
}
