//! `git describe`: the nearest tag before a commit.

use super::history::Annotation;
use super::object::{Oid, SHORT};
use super::{Call, Fatal, Result};
use crate::shell::glob::{self, Slash};

/// What `git describe` is asked for.
#[derive(Default)]
struct Options {
    /// All tags, not only those with a message.
    tags: bool,
    /// Branches, too.
    all: bool,
    always: bool,
    long: bool,
    exact: bool,
    /// What is put behind the name when a file is changed.
    dirty: Option<String>,
    digits: Option<usize>,
    matching: Vec<String>,
    excluded: Vec<String>,
    names: Vec<String>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            let (name, mut value) = match arg.split_once('=') {
                Some((name, value)) if arg.starts_with("--") => (name, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            if matches!(name, "--match" | "--exclude") && value.is_none() {
                let (next, after) = rest.split_first().ok_or_else(|| {
                    Fatal::usage(format!("option `{}' requires a value", &name[2..]))
                })?;
                (value, rest) = (Some(next.clone()), after);
            }
            match name {
                "--tags" => options.tags = true,
                "--all" => options.all = true,
                "--always" => options.always = true,
                "--long" => options.long = true,
                "--exact-match" => options.exact = true,
                "--dirty" | "--broken" => {
                    options.dirty = Some(value.unwrap_or("-dirty".to_owned()))
                }
                "--match" => options.matching.extend(value),
                "--exclude" => options.excluded.extend(value),
                "--abbrev" => {
                    let digits = value.as_deref().unwrap_or("7").parse();
                    let digits: usize = digits
                        .map_err(|_| Fatal::usage("option `abbrev' expects a numerical value"))?;
                    options.digits = Some(if digits == 0 { 0 } else { digits.clamp(4, 40) });
                }
                "--candidates" | "--first-parent" | "--no-dirty" => {}
                option if option.starts_with('-') => {
                    return Err(Fatal::no_option(
                        "describe",
                        option,
                        "--tags, --all, --always, --long, --dirty, --abbrev=<n>, --exact-match, \
                         --match=<pattern> or --exclude=<pattern>",
                    ));
                }
                _ => options.names.push(arg.clone()),
            }
        }
        Ok(options)
    }

    fn takes(&self, name: &str) -> bool {
        let fits = |pattern: &String| glob::matches(pattern, name, Slash::Plain);
        (self.matching.is_empty() || self.matching.iter().any(fits))
            && !self.excluded.iter().any(fits)
    }
}

impl Call<'_> {
    pub fn describe(&mut self, args: &[String]) -> Result<i32> {
        let options = Options::parse(args)?;
        if options.dirty.is_some() && !options.names.is_empty() {
            return Err(Fatal::new("option '--dirty' and commit-ishes cannot be used together"));
        }
        let names =
            if options.names.is_empty() { vec!["HEAD".to_owned()] } else { options.names.clone() };
        for name in names {
            let id = self
                .repo
                .try_revision(&name)
                .ok_or_else(|| Fatal::new(format!("Not a valid object name {name}")))?
                .0;
            let mut text = self.nearest(&options, id)?;
            if let Some(mark) = &options.dirty
                && (self.tracked() != self.repo.head_tree()
                    || self.repo.index != self.repo.head_tree())
            {
                text += mark;
            }
            self.say(text);
        }
        Ok(0)
    }

    /// The name of `id` by the nearest tag.
    fn nearest(&self, options: &Options, id: Oid) -> Result<String> {
        let digits = options.digits.unwrap_or(SHORT);
        let short = |digits: usize| id.to_string()[..digits].to_owned();
        let candidates = self.candidates(options);
        let before = self.repo.ancestors(&[id]);
        // Of equally near ones, the one that is met first.
        let found = before.iter().filter_map(|(at, _)| {
            let name = candidates.iter().find(|(tagged, _)| tagged == at)?;
            Some((name.1.clone(), *at))
        });
        let distance = |at: Oid| {
            let behind: Vec<Oid> =
                self.repo.ancestors(&[at]).into_iter().map(|(id, _)| id).collect();
            before.iter().filter(|(id, _)| !behind.contains(id)).count()
        };
        let nearest = found.map(|(name, at)| (distance(at), name)).min_by_key(|(away, _)| *away);
        match nearest {
            Some((0, name)) if !options.long => Ok(name),
            Some((away, _)) if options.exact && away > 0 => {
                Err(Fatal::new(format!("no tag exactly matches '{id}'")))
            }
            Some((_, name)) if digits == 0 => Ok(name),
            Some((away, name)) => Ok(format!("{name}-{away}-g{}", short(digits))),
            None if options.always => Ok(short(if digits == 0 { SHORT } else { digits })),
            None if options.exact => Err(Fatal::new(format!("no tag exactly matches '{id}'"))),
            None if candidates.is_empty() && self.repo.tags.is_empty() => {
                Err(Fatal::new("No names found, cannot describe anything."))
            }
            None if candidates.is_empty() && !options.tags && options.matching.is_empty() => {
                Err(Fatal::new(format!(
                    "No annotated tags can describe '{id}'.\n\
                     However, there were unannotated tags: try --tags."
                )))
            }
            None if candidates.is_empty() => {
                Err(Fatal::new("No names found, cannot describe anything."))
            }
            None => Err(Fatal::new(format!(
                "No tags can describe '{id}'.\nTry --always, or create some tags."
            ))),
        }
    }

    /// Commits that have a name, the preferred name of each first.
    fn candidates(&self, options: &Options) -> Vec<(Oid, String)> {
        let is_annotated = |name: &str| self.repo.annotations.contains_key(name);
        let tags = self.repo.tags.iter().filter(|(name, _)| options.takes(name));
        let (annotated, plain): (Vec<_>, Vec<_>) = tags.partition(|(name, _)| is_annotated(name));
        let label = |kind: &str, name: &str| match options.all {
            true => format!("{kind}/{name}"),
            false => name.to_owned(),
        };
        let mut found: Vec<_> =
            annotated.iter().map(|(name, id)| (**id, label("tags", name))).collect();
        if options.tags || options.all {
            found.extend(plain.iter().map(|(name, id)| (**id, label("tags", name))));
        }
        if options.all {
            let branches = self.repo.branches.iter().filter(|(name, _)| options.takes(name));
            found.extend(branches.map(|(name, id)| (*id, label("heads", name))));
        }
        found
    }

    /// Remembers that a tag has a message.
    pub fn annotate(&mut self, name: &str, target: Oid, message: &str) {
        let tagger = self.signature("COMMITTER");
        let body =
            format!("object {target}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}");
        let subject = message.lines().next().unwrap_or_default().to_owned();
        let annotation = Annotation { id: Oid::of_tag(body.as_bytes()), subject };
        self.repo.annotations.insert(name.to_owned(), annotation);
    }
}
