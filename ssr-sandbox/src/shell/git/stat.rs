//! The lines of `--stat`, `--shortstat` and `--summary`.

use super::delta::Delta;
use super::diff::{DiffOptions, quote};
use super::object::mode;

/// The width of a line when the output is no terminal.
const WIDTH: usize = 80;

/// `a => b`, or `dir/{a => b}/file` where parts are common.
pub(super) fn renamed(delta: &Delta) -> String {
    let (old, new) = (delta.old_path(), delta.path());
    if old == new {
        return quote("", new);
    }
    let common = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let start = old[..common].rfind('/').map_or(0, |at| at + 1);
    // The common end begins with a slash, which the common start may share.
    let limit = old.len().min(new.len()) - start + usize::from(start > 0);
    let ends = old.bytes().rev().zip(new.bytes().rev()).take(limit);
    let same = ends.take_while(|(a, b)| a == b).count();
    let end = old[old.len() - same..].find('/').map_or(0, |at| same - at);
    if start == 0 && end == 0 {
        return format!("{old} => {new}");
    }
    let middle = |path: &str| path.get(start..path.len() - end).unwrap_or("").to_owned();
    format!("{}{{{} => {}}}{}", &old[..start], middle(old), middle(new), &old[old.len() - end..])
}

/// One line with a bar for each file.
pub(super) fn push_stat(out: &mut Vec<u8>, all: &[Delta], counts: &[Option<(usize, usize)>]) {
    let names: Vec<_> = all.iter().map(renamed).collect();
    let most = counts.iter().flatten().map(|(add, del)| add + del).max().unwrap_or(0);
    let binary =
        |delta: &Delta| format!("{} -> {} bytes", delta.old_bytes().len(), delta.new_bytes().len());
    let any_binary = counts.iter().any(Option::is_none);
    let number = decimals(most).max(if any_binary { 3 } else { 0 });
    let longest_binary =
        all.iter().zip(counts).filter(|(_, count)| count.is_none()).map(|(d, _)| binary(d).len());
    let mut graph = most.max(longest_binary.max().unwrap_or(0).saturating_sub(number + 1) + 4);
    if !any_binary {
        graph = most;
    }
    let mut name = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    if name + number + 6 + graph > WIDTH {
        graph = graph.min((WIDTH * 3 / 8).saturating_sub(number + 6).max(6));
        if name > WIDTH - number - 6 - graph {
            name = WIDTH - number - 6 - graph;
        } else {
            graph = WIDTH - number - 6 - name;
        }
    }
    for ((delta, full), count) in all.iter().zip(&names).zip(counts) {
        let shown = shorten(full, name);
        let pad = " ".repeat(name.saturating_sub(shown.chars().count()));
        let rest = match count {
            None => format!("{:>number$} {}", "Bin", binary(delta)),
            Some((add, del)) => {
                let (plus, minus) = bars(*add, *del, graph, most);
                let bar = "+".repeat(plus) + &"-".repeat(minus);
                let space = if bar.is_empty() { "" } else { " " };
                format!("{:>number$}{space}{bar}", add + del)
            }
        };
        out.extend_from_slice(format!(" {shown}{pad} | {rest}\n").as_bytes());
    }
}

/// The lines of `git apply --stat`, which are not those of `git diff --stat`.
pub(super) fn push_apply_stat(out: &mut Vec<u8>, all: &[Delta], options: &DiffOptions) {
    let counts: Vec<_> = all.iter().map(|delta| options.count(delta)).collect();
    let names: Vec<_> = all.iter().map(|delta| quote("", delta.path())).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).min(50);
    let most = counts.iter().flatten().map(|(add, del)| add + del).max().unwrap_or(0);
    let bar = if width + most > 70 { 70 - width } else { most };
    let scale = |count: usize| (count * bar + most / 2) / most.max(1);
    for (name, count) in names.iter().zip(&counts) {
        let name = shorten(name, width);
        let rest = match count {
            None => "  Bin".to_owned(),
            Some((add, del)) => {
                let (plus, total) = (scale(*add), scale(add + del));
                let minus = total.saturating_sub(plus);
                format!("{:>5} {}{}", add + del, "+".repeat(plus), "-".repeat(minus))
            }
        };
        out.extend_from_slice(format!(" {name:width$} |{rest}\n").as_bytes());
    }
    push_totals(out, &counts);
}

fn shorten(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let tail: String = name.chars().skip(length - width.saturating_sub(3)).collect();
    let tail = tail.find('/').map_or(tail.as_str(), |at| &tail[at..]);
    format!("...{tail}")
}

fn bars(add: usize, del: usize, width: usize, most: usize) -> (usize, usize) {
    if width > most {
        return (add, del);
    }
    let scale = |count: usize| match count {
        0 => 0,
        count => 1 + count * (width - 1) / most.max(1),
    };
    let mut total = scale(add + del);
    if total < 2 && add > 0 && del > 0 {
        total = 2;
    }
    if add < del {
        let plus = scale(add);
        (plus, total.saturating_sub(plus))
    } else {
        let minus = scale(del);
        (total.saturating_sub(minus), minus)
    }
}

fn decimals(number: usize) -> usize {
    number.to_string().len()
}

/// ` 2 files changed, 3 insertions(+), 1 deletion(-)`
pub(super) fn push_totals(out: &mut Vec<u8>, counts: &[Option<(usize, usize)>]) {
    let (add, del) = counts.iter().flatten().fold((0, 0), |(add, del), (a, d)| (add + a, del + d));
    let many = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let mut text = format!(" {} changed", many(counts.len(), "file"));
    if add > 0 || del == 0 {
        text += &format!(", {}(+)", many(add, "insertion"));
    }
    if del > 0 || add == 0 {
        text += &format!(", {}(-)", many(del, "deletion"));
    }
    out.extend_from_slice((text + "\n").as_bytes());
}

/// Files that came, went, moved or changed their mode.
pub(super) fn push_summary(out: &mut Vec<u8>, all: &[Delta]) {
    for delta in all {
        let line = match (&delta.old, &delta.new) {
            (None, Some((_, new))) => {
                format!(" create mode {} {}\n", mode(new), quote("", delta.path()))
            }
            (Some((_, old)), None) => {
                format!(" delete mode {} {}\n", mode(old), quote("", delta.path()))
            }
            (Some((_, old)), Some((_, new))) => {
                let score = delta.similarity;
                let moved = score.map(|score| format!(" rename {} ({score}%)\n", renamed(delta)));
                let modes = (mode(old) != mode(new)).then(|| {
                    let name =
                        score.map_or(format!(" {}", quote("", delta.path())), |_| String::new());
                    format!(" mode change {} => {}{name}\n", mode(old), mode(new))
                });
                moved.unwrap_or_default() + &modes.unwrap_or_default()
            }
            (None, None) => continue,
        };
        out.extend_from_slice(line.as_bytes());
    }
}
