//! How a commit is printed: the formats of `--pretty` and `--format`.

use super::date::DateStyle;
use super::history::{Head, Repository};
use super::object::{Commit, Oid, Signature};
use super::{Fatal, Result};

/// The value of `--pretty` or `--format`.
#[derive(Clone, PartialEq)]
pub(super) enum Pretty {
    Oneline,
    Medium,
    Fuller,
    /// A format, and whether it ends every commit rather than standing between two.
    User(String, bool),
}

impl Pretty {
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "oneline" => Self::Oneline,
            "medium" => Self::Medium,
            "fuller" => Self::Fuller,
            _ => match (text.strip_prefix("format:"), text.strip_prefix("tformat:")) {
                (Some(format), _) => Self::User(checked(format)?, false),
                (_, Some(format)) => Self::User(checked(format)?, true),
                _ if text.contains('%') || text.is_empty() => Self::User(checked(text)?, true),
                _ => {
                    return Err(Fatal::new(format!(
                        "invalid --pretty format: {text}; this sandbox has oneline, medium, \
                         fuller, format:<text> and tformat:<text>"
                    )));
                }
            },
        })
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::User(format, _) if format.is_empty())
    }

    /// Whether a blank line stands between two commits.
    pub fn separates(&self) -> bool {
        !matches!(self, Self::Oneline | Self::User(_, true))
    }
}

/// What the printing of a commit depends on.
#[derive(Clone)]
pub(super) struct Printer {
    pub pretty: Pretty,
    pub date: DateStyle,
    pub decorate: bool,
    pub abbreviate: bool,
}

impl Printer {
    pub fn commit(&self, repo: &Repository, id: Oid, commit: &Commit) -> String {
        let name = if self.abbreviate { id.short() } else { id.to_string() };
        let names = if self.decorate { decoration(repo, id) } else { String::new() };
        let names = if names.is_empty() { names } else { format!(" ({names})") };
        let who = |role: &str, by: &Signature| format!("{role}{} <{}>\n", by.name, by.email);
        let (author, committer) = (&commit.author, &commit.committer);
        let indented =
            |lines: &str| -> String { lines.lines().map(|line| format!("    {line}\n")).collect() };
        let head = format!("commit {name}{names}\n");
        let merge = match commit.parents.as_slice() {
            [] | [_] => String::new(),
            parents => {
                let parents: Vec<_> = parents.iter().map(Oid::short).collect();
                format!("Merge: {}\n", parents.join(" "))
            }
        };
        match &self.pretty {
            Pretty::Oneline => format!("{name}{names} {}\n", commit.subject()),
            Pretty::Medium => format!(
                "{head}{merge}{}Date:   {}\n\n{}",
                who("Author: ", author),
                author.when.show(self.date),
                indented(&commit.message)
            ),
            Pretty::Fuller => format!(
                "{head}{merge}{}AuthorDate: {}\n{}CommitDate: {}\n\n{}",
                who("Author:     ", author),
                author.when.show(self.date),
                who("Commit:     ", committer),
                committer.when.show(self.date),
                indented(&commit.message)
            ),
            Pretty::User(format, ends) => {
                let text = self.expand(repo, id, commit, format);
                if *ends && !format.is_empty() { text + "\n" } else { text }
            }
        }
    }

    fn expand(&self, repo: &Repository, id: Oid, commit: &Commit, format: &str) -> String {
        let mut out = String::new();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out += &rest[..at];
            rest = &rest[at + 1..];
            match Placeholder::parse(rest) {
                Some((placeholder, length)) => {
                    out += &self.value(placeholder, repo, id, commit);
                    rest = &rest[length..];
                }
                None => out.push('%'),
            }
        }
        out + rest
    }

    fn value(
        &self,
        placeholder: Placeholder,
        repo: &Repository,
        id: Oid,
        commit: &Commit,
    ) -> String {
        let parents = |name: fn(&Oid) -> String| {
            commit.parents.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        match placeholder {
            Placeholder::Commit('H') => id.to_string(),
            Placeholder::Commit('h') => id.short(),
            Placeholder::Commit('T') => commit.tree_id().to_string(),
            Placeholder::Commit('t') => commit.tree_id().short(),
            Placeholder::Commit('P') => parents(Oid::to_string),
            Placeholder::Commit('p') => parents(Oid::short),
            Placeholder::Commit('s') => commit.subject(),
            Placeholder::Commit('b') => commit.body().to_owned(),
            Placeholder::Commit('B') => commit.message.clone(),
            Placeholder::Commit('n') => "\n".to_owned(),
            Placeholder::Commit('D') => decoration(repo, id),
            Placeholder::Commit('d') => match decoration(repo, id) {
                names if names.is_empty() => names,
                names => format!(" ({names})"),
            },
            Placeholder::Commit(other) => other.to_string(),
            Placeholder::Person(role, what) => {
                let by = if role == 'a' { &commit.author } else { &commit.committer };
                match what {
                    'n' => by.name.clone(),
                    'e' => by.email.clone(),
                    'd' => by.when.show(self.date),
                    'D' => by.when.show(DateStyle::Rfc),
                    'r' => by.when.show(DateStyle::Relative),
                    't' => by.when.show(DateStyle::Unix),
                    'i' => by.when.show(DateStyle::Iso),
                    'I' => by.when.show(DateStyle::IsoStrict),
                    _ => by.when.show(DateStyle::Short),
                }
            }
            // Nobody looks at colours here.
            Placeholder::Colour => String::new(),
        }
    }
}

/// What stands after a `%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Commit(char),
    /// `a` for the author or `c` for the committer, and what of them.
    Person(char, char),
    Colour,
}

const OF_COMMIT: &str = "HhTtPpsbBnDd%";
const OF_PERSON: &str = "nedDrtiIs";
/// Letters and signs that begin a placeholder of git.
const OF_GIT: &str = "eSfNGgwxmaCc<>+-(";

impl Placeholder {
    /// The placeholder at the start of `rest`, and how long it is.
    fn parse(rest: &str) -> Option<(Self, usize)> {
        let mut letters = rest.chars();
        let (first, second) = (letters.next()?, letters.next());
        match (first, second) {
            ('a' | 'c', Some(what)) if OF_PERSON.contains(what) => {
                Some((Self::Person(first, what), 2))
            }
            ('C', Some('(')) => Some((Self::Colour, rest.find(')')? + 1)),
            ('C', _) => {
                let names = ["red", "green", "blue", "reset"];
                let name = names.iter().find(|name| rest[1..].starts_with(**name))?;
                Some((Self::Colour, 1 + name.len()))
            }
            _ if OF_COMMIT.contains(first) => Some((Self::Commit(first), 1)),
            _ => None,
        }
    }
}

/// Refuses a format with a placeholder that git has and this sandbox has not: printed literally, it
/// would be taken for what git says. What is no placeholder of git either is literal text there, too.
fn checked(format: &str) -> Result<String> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        match (Placeholder::parse(rest), rest.chars().next()) {
            (Some((_, length)), _) => rest = &rest[length..],
            (None, Some(letter)) if OF_GIT.contains(letter) => {
                return Err(Fatal::new(format!(
                    "--pretty has no placeholder %{} in this sandbox, which has %H %h %T %t %P \
                     %p %s %b %B %n %D %d %%, %a and %c with one of {OF_PERSON}, and %C(...)",
                    rest.chars().take(2).collect::<String>().trim_end()
                )));
            }
            (None, _) => {}
        }
    }
    Ok(format.to_owned())
}

/// The references that point to a commit.
fn decoration(repo: &Repository, id: Oid) -> String {
    let mut names = Vec::new();
    let current = match &repo.head {
        Head::Branch(name) if repo.head_id() == id => Some(name),
        Head::Detached(at) if *at == id => {
            names.push("HEAD".to_owned());
            None
        }
        _ => None,
    };
    names.extend(current.map(|name| format!("HEAD -> {name}")));
    names.extend(
        repo.tags.iter().filter(|(_, at)| **at == id).map(|(name, _)| format!("tag: {name}")),
    );
    if repo.stash.last() == Some(&id) {
        names.push("refs/stash".to_owned());
    }
    let others = repo.branches.iter().filter(|(name, at)| **at == id && Some(*name) != current);
    names.extend(others.map(|(name, _)| name.clone()));
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_that_is_missing_is_an_error_that_names_what_there_is() {
        for format in ["%f", "%h %gd", "%<(20)%s", "tformat:%x09", "%al", "%+b", "%Cblink"] {
            let refused = Pretty::parse(format).err().expect(format).message;
            assert!(refused.contains("which has %H %h"), "{format}: {refused}");
        }
        let refused = Pretty::parse("raw").err().unwrap().message;
        assert!(refused.contains("this sandbox has oneline, medium, fuller"), "{refused}");
    }

    #[test]
    fn what_is_no_placeholder_of_git_is_text() {
        for format in ["100% done %s", "%%f", "%", "%Cred%h%Creset %C(auto)%d", "%z %ü"] {
            let parsed = Pretty::parse(format).ok();
            assert!(parsed == Some(Pretty::User(format.to_owned(), true)), "{format}");
        }
    }
}
