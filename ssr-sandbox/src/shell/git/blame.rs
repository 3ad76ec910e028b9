//! `git blame`: the commit that each line comes from.

use super::date::{DateStyle, Moment};
use super::object::{Oid, SHORT, Signature};
use super::pathspec::locate;
use super::{Call, Fatal, Result};
use crate::shell::text::{Matching, Style, changes, lines};

impl Call<'_> {
    pub fn blame(&mut self, args: &[String]) -> Result<i32> {
        let (mut ranges, mut names, mut style, mut long, mut email, mut bare) =
            (Vec::new(), Vec::new(), DateStyle::Iso, false, false, false);
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            rest = after;
            match arg.as_str() {
                "-L" => {
                    let (range, after) = rest
                        .split_first()
                        .ok_or_else(|| Fatal::usage("switch `L' requires a value"))?;
                    ranges.push(range.clone());
                    rest = after;
                }
                "-l" => long = true,
                "-e" | "--show-email" => email = true,
                "-s" => bare = true,
                "-p" | "--porcelain" | "--line-porcelain" => {
                    return Err(Fatal::no_option("blame", arg, "-s, -e, -l or --date=<format>"));
                }
                "-w" | "-M" | "-C" | "--" | "-f" => {}
                option => match (option.strip_prefix("-L"), option.strip_prefix("--date=")) {
                    (Some(range), _) => ranges.push(range.to_owned()),
                    (_, Some(value)) => style = DateStyle::parse(value)?,
                    _ if option.starts_with('-') => return Err(Fatal::option("blame", option)),
                    _ => names.push(option.to_owned()),
                },
            }
        }
        let (path, revision) = match names.as_slice() {
            [path] => (path, None),
            [first, second] if self.repo.try_revision(first).is_some() => (second, Some(first)),
            [first, second] => (first, Some(second)),
            _ => return Err(Fatal::usage("usage: git blame [<options>] [<rev>] [--] <file>")),
        };
        let path = locate(path, &self.prefix)
            .ok_or_else(|| Fatal::new(format!("'{path}' is outside repository at '/testbed'")))?;
        let start = match revision {
            Some(name) => self.repo.revision(name)?.0,
            None => self.repo.head_id(),
        };
        let missing = || Fatal::new(format!("no such path '{path}' in HEAD"));
        let (mut origins, mut text) = self.origins(start, &path)?.ok_or_else(missing)?;
        if revision.is_none() {
            let now = self.work.tree().get(&path).ok_or_else(missing)?.shared_bytes();
            origins = advance(&origins, &text, &now, Oid::NULL);
            text = now.to_vec();
        }
        let all = lines(&text);
        let mut wanted: Vec<usize> = Vec::new();
        for range in &ranges {
            wanted.extend(parse_range(range, all.len())?);
        }
        if ranges.is_empty() {
            wanted.extend(0..all.len());
        }
        let rows: Vec<_> = wanted.into_iter().map(|at| (at, origins[at], all[at])).collect();
        let author = |id: Oid| self.author_of(id);
        let who = |by: &Signature| if email { format!("<{}>", by.email) } else { by.name.clone() };
        let width = rows
            .iter()
            .map(|(_, origin, _)| who(&author(*origin)).chars().count())
            .max()
            .unwrap_or(0);
        let digits = rows.last().map_or(1, |(at, ..)| (at + 1).to_string().len());
        let mut out = Vec::new();
        for (at, origin, line) in &rows {
            let by = author(*origin);
            let length = if long { 40 } else { SHORT + 1 };
            let id = origin.to_string();
            let boundary =
                self.repo.commits.get(origin).is_some_and(|commit| commit.parents.is_empty());
            let id =
                if boundary { format!("^{}", &id[..length - 1]) } else { id[..length].to_owned() };
            let name = who(&by);
            let pad = " ".repeat(width.saturating_sub(name.chars().count()));
            let number = at + 1;
            let lead = match bare {
                true => format!("{id} {number:>digits$}) "),
                false => format!("{id} ({name}{pad} {} {number:>digits$}) ", by.when.show(style)),
            };
            out.extend_from_slice(lead.as_bytes());
            out.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                out.push(b'\n');
            }
        }
        self.out.append(&mut out);
        Ok(0)
    }

    fn author_of(&self, id: Oid) -> Signature {
        let commit = self.repo.commits.get(&id);
        commit.map(|commit| commit.author.clone()).unwrap_or_else(|| Signature {
            name: "Not Committed Yet".to_owned(),
            email: "not.committed.yet".to_owned(),
            when: Moment::now(),
        })
    }

    /// The lines of `path` in a commit and which commit each comes from, `None` when it has no such
    /// file.
    fn origins(&self, id: Oid, path: &str) -> Result<Option<(Vec<Oid>, Vec<u8>)>> {
        let file = |id: Oid| self.repo.commits.get(&id).and_then(|commit| commit.tree.get(path));
        // Along first parents, back to where the file came in.
        let mut line = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at.filter(|id| file(*id).is_some()) {
            line.push(id);
            at = self.repo.commits.get(&id).and_then(|commit| commit.parents.first().copied());
        }
        if line.is_empty() {
            return Ok(None);
        }
        let (mut origins, mut text) = (Vec::new(), Vec::new());
        for id in line.into_iter().rev() {
            self.deadline.check()?;
            let new = file(id).map_or(&[][..], |file| file.bytes());
            origins = advance(&origins, &text, new, id);
            text = new.to_vec();
        }
        Ok(Some((origins, text)))
    }
}

/// Lines that `old` had keep where they come from; the others come from `id`.
fn advance(origins: &[Oid], old: &[u8], new: &[u8], id: Oid) -> Vec<Oid> {
    let (old, new) = (lines(old), lines(new));
    let mut out = Vec::with_capacity(new.len());
    let mut at = 0;
    for change in changes(&old, &new, Matching::default(), Style::Git) {
        out.extend_from_slice(&origins[at..change.old.start]);
        out.extend(change.new.clone().map(|_| id));
        at = change.old.end;
    }
    out.extend_from_slice(&origins[at..old.len()]);
    out
}

/// `3,5`, `3,+2`, `3,` or `,5` of so many lines.
fn parse_range(text: &str, count: usize) -> Result<std::ops::Range<usize>> {
    let bad = || {
        Fatal::new(format!("invalid -L argument '{text}': give it as START,END or START,+COUNT"))
    };
    let (start, end) = text.split_once(',').unwrap_or((text, ""));
    let number = |text: &str| text.parse::<usize>().map_err(|_| bad());
    let start = if start.is_empty() { 1 } else { number(start)? };
    let end = match end.strip_prefix('+') {
        Some(length) => start.saturating_add(number(length)?.saturating_sub(1)),
        None if end.is_empty() => count,
        None => number(end)?,
    };
    if start == 0 || start > count {
        return Err(Fatal::new(format!("file has only {count} lines")));
    }
    Ok(start - 1..end.clamp(start, count))
}
