use super::history::{Head, Repository};
use super::object::{Commit, Oid, Signature};
use super::{Fatal, Result};
use crate::shell::session::EPOCH;

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// How a commit is printed.
#[derive(Clone, PartialEq)]
pub(super) enum Pretty {
    Oneline,
    Short,
    Medium,
    Full,
    Fuller,
    Raw,
    /// A format, and whether it ends every commit rather than standing between two.
    User(String, bool),
}

impl Pretty {
    /// The value of `--pretty` or `--format`.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "oneline" => Self::Oneline,
            "short" => Self::Short,
            "medium" => Self::Medium,
            "full" => Self::Full,
            "fuller" => Self::Fuller,
            "raw" => Self::Raw,
            "reference" => Self::User("%h (%s, %as)".to_owned(), true),
            _ => match (text.strip_prefix("format:"), text.strip_prefix("tformat:")) {
                (Some(format), _) => Self::User(format.to_owned(), false),
                (_, Some(format)) => Self::User(format.to_owned(), true),
                _ if text.contains('%') || text.is_empty() => Self::User(text.to_owned(), true),
                _ => return Err(Fatal::new(format!("invalid --pretty format: {text}"))),
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
    pub date: String,
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
            Pretty::Short => {
                let subject = indented(&commit.subject());
                format!("{head}{merge}{}\n{subject}", who("Author: ", author))
            }
            Pretty::Medium => format!(
                "{head}{merge}{}Date:   {}\n\n{}",
                who("Author: ", author),
                date(author, &self.date),
                indented(&commit.message)
            ),
            Pretty::Full => format!(
                "{head}{merge}{}{}\n{}",
                who("Author: ", author),
                who("Commit: ", committer),
                indented(&commit.message)
            ),
            Pretty::Fuller => format!(
                "{head}{merge}{}AuthorDate: {}\n{}CommitDate: {}\n\n{}",
                who("Author:     ", author),
                date(author, &self.date),
                who("Commit:     ", committer),
                date(committer, &self.date),
                indented(&commit.message)
            ),
            Pretty::Raw => {
                let parents: String =
                    commit.parents.iter().map(|id| format!("parent {id}\n")).collect();
                format!(
                    "commit {id}\ntree {}\n{parents}author {author}\ncommitter {committer}\n\n{}",
                    commit.tree_id(),
                    indented(&commit.message)
                )
            }
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
            let taken = self.placeholder(repo, id, commit, rest, &mut out);
            match taken {
                Some(length) => rest = &rest[length..],
                None => out.push('%'),
            }
        }
        out + rest
    }

    /// Expands the placeholder at the start of `rest` and says how long it is.
    fn placeholder(
        &self,
        repo: &Repository,
        id: Oid,
        commit: &Commit,
        rest: &str,
        out: &mut String,
    ) -> Option<usize> {
        let parents = |short: bool| {
            let name = |id: &Oid| if short { id.short() } else { id.to_string() };
            commit.parents.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        let mut letters = rest.chars();
        let (first, second) = (letters.next()?, letters.next());
        let (text, length) = match first {
            'H' => (id.to_string(), 1),
            'h' => (id.short(), 1),
            'T' => (commit.tree_id().to_string(), 1),
            't' => (commit.tree_id().short(), 1),
            'P' => (parents(false), 1),
            'p' => (parents(true), 1),
            's' => (commit.subject(), 1),
            'f' => (slug(&commit.subject()), 1),
            'b' => (commit.body().to_owned(), 1),
            'B' => (commit.message.clone(), 1),
            'n' => ("\n".to_owned(), 1),
            '%' => ("%".to_owned(), 1),
            'd' | 'D' => {
                let names = decoration(repo, id);
                let plain = first == 'D' || names.is_empty();
                (if plain { names } else { format!(" ({names})") }, 1)
            }
            'x' => {
                let code = u8::from_str_radix(rest.get(1..3)?, 16).ok()?;
                (char::from(code).to_string(), 3)
            }
            'C' => {
                let named = ["(", "red", "green", "blue", "reset"];
                let name = named.iter().find(|name| rest[1..].starts_with(**name))?;
                let length = if *name == "(" { rest.find(')')? + 1 } else { 1 + name.len() };
                (String::new(), length)
            }
            'a' | 'c' => {
                let by = if first == 'a' { &commit.author } else { &commit.committer };
                let text = match second? {
                    'n' | 'N' => by.name.clone(),
                    'e' | 'E' => by.email.clone(),
                    'l' => by.email.split('@').next().unwrap_or_default().to_owned(),
                    'd' => date(by, &self.date),
                    'D' => date(by, "rfc"),
                    'r' => date(by, "relative"),
                    't' => date(by, "unix"),
                    'i' => date(by, "iso"),
                    'I' => date(by, "iso-strict"),
                    's' => date(by, "short"),
                    _ => return None,
                };
                (text, 2)
            }
            _ => return None,
        };
        *out += &text;
        Some(length)
    }
}

fn slug(subject: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { ' ' };
    let text: String = subject.chars().map(keep).collect();
    text.split_whitespace().collect::<Vec<_>>().join("-")
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

/// A moment in one of the styles of `--date`.
pub(super) fn date(by: &Signature, style: &str) -> String {
    let local = by.seconds.saturating_add(i64::from(by.offset) * 60);
    let (days, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let clock = format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60);
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let name = MONTHS[month as usize - 1];
    let zone = by.zone();
    let today = format!("{year:04}-{month:02}-{day:02}");
    match style {
        "iso" | "iso8601" => format!("{today} {clock} {zone}"),
        "iso-strict" | "iso8601-strict" => {
            format!("{today}T{clock}{}:{}", &zone[..3], &zone[3..])
        }
        "short" => today,
        "unix" => by.seconds.to_string(),
        "raw" => format!("{} {zone}", by.seconds),
        "rfc" | "rfc2822" => format!("{weekday}, {day} {name} {year} {clock} {zone}"),
        "relative" => ago(EPOCH - by.seconds),
        _ => format!("{weekday} {name} {day} {clock} {year} {zone}"),
    }
}

/// `Wed Jan 1 00:00:00 2025 +0000`
pub(in crate::shell) fn default_date(seconds: i64) -> String {
    let by = Signature { name: String::new(), email: String::new(), seconds, offset: 0 };
    date(&by, "default")
}

/// A moment as GNU diff prints it.
pub(in crate::shell) fn local_stamp(seconds: i64, nanoseconds: u32) -> String {
    let by = Signature { name: String::new(), email: String::new(), seconds, offset: 0 };
    let text = date(&by, "iso");
    let (clock, zone) = text.rsplit_once(' ').unwrap_or((&text, "+0000"));
    format!("{clock}.{nanoseconds:09} {zone}")
}

fn ago(seconds: i64) -> String {
    let (count, unit) = match seconds.max(0) {
        s @ 0..90 => (s, "second"),
        s @ 90..5400 => ((s + 30) / 60, "minute"),
        s @ 5400..129_600 => ((s + 1800) / 3600, "hour"),
        s => ((s + DAY / 2) / DAY, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// Year, month and day of a number of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last one.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since 1970 and minutes east of Greenwich of `@1700000000 +0100`, `2025-01-01`,
/// `2025-01-01T12:00:00Z` and `2025-01-01 12:00:00 +0100`.
pub(super) fn parse_date(text: &str) -> Option<(i64, i32)> {
    let text = text.trim();
    let zone = |text: &str| -> Option<i32> {
        if text.is_empty() || text == "Z" {
            return Some(0);
        }
        let (sign, digits) = text.split_at_checked(1)?;
        let digits = digits.replace(':', "");
        let (hours, minutes) = (digits.get(..2)?, digits.get(2..4).unwrap_or("00"));
        let all = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
        match sign {
            "+" => Some(all),
            "-" => Some(-all),
            _ => None,
        }
    };
    let (first, rest) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let number = first.strip_prefix('@').unwrap_or(first);
    if number.bytes().all(|byte| byte.is_ascii_digit())
        && (first.len() > 8 || first.starts_with('@'))
    {
        return Some((number.parse().ok()?, zone(rest.trim())?));
    }
    let mut parts = first.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let end =
        rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (clock, after) = rest.split_at(end);
    let mut seconds = 0;
    for (part, unit) in clock.split(':').zip([3600, 60, 1]).filter(|(part, _)| !part.is_empty()) {
        seconds += part.split('.').next()?.parse::<i64>().ok()?.min(99) * unit;
    }
    let offset = zone(after.trim())?;
    Some((days(year, month, day) * DAY + seconds - i64::from(offset) * 60, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read_and_printed() {
        let at = |text: &str| {
            parse_date(text).map(|(seconds, offset)| Signature {
                name: String::new(),
                email: String::new(),
                seconds,
                offset,
            })
        };
        let shown = |text: &str, style: &str| at(text).map(|by| date(&by, style));
        let text = "2024-02-29T23:05:07+0130";
        assert_eq!(shown(text, "default").unwrap(), "Thu Feb 29 23:05:07 2024 +0130");
        assert_eq!(shown(text, "iso-strict").unwrap(), "2024-02-29T23:05:07+01:30");
        assert_eq!(shown("@1735689600 +0000", "iso").unwrap(), "2025-01-01 00:00:00 +0000");
        assert_eq!(shown("2025-01-01", "rfc").unwrap(), "Wed, 1 Jan 2025 00:00:00 +0000");
        assert_eq!(at("yesterday"), None);
        assert_eq!(at("2025-13-01"), None);
    }

    proptest! {
        #[test]
        fn days_and_dates_are_inverse(day in 0i64..2_000_000) {
            let (y, m, d) = civil(day);
            prop_assert_eq!(days(y, m, d), day);
        }

        #[test]
        fn any_text_is_a_date_or_none(text in ".{0,30}") {
            let _ = parse_date(&text);
        }
    }
}
