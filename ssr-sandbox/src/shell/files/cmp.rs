//! `cmp`.

use std::path::Path;

use bashkit::{Builtin, BuiltinContext, ExecResult, async_trait};

use super::Words;

/// The exit status for "something is wrong".
const TROUBLE: i32 = 2;

/// `cmp` in the shell.
pub(in crate::shell) struct Cmp;

#[async_trait]
impl Builtin for Cmp {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "quiet" | "silent" => Some('s'),
            "verbose" => Some('l'),
            "print-bytes" => Some('b'),
            "bytes" => Some('n'),
            "ignore-initial" => Some('i'),
            _ => None,
        };
        let fail = |problem: String| Ok(ExecResult::err(format!("cmp: {problem}\n"), TROUBLE));
        let words = match Words::parse(ctx.args, "ni", long) {
            Ok(words) => words,
            Err(problem) => return fail(problem),
        };
        let (mut silent, mut all, mut shown) = (false, false, false);
        let (mut limit, mut skip) = (usize::MAX, [0usize; 2]);
        for (letter, value) in words.options {
            let number = |text: &str| text.parse::<usize>().ok();
            match letter.as_str() {
                "s" => silent = true,
                "l" => all = true,
                "b" => shown = true,
                "n" => match number(&value) {
                    Some(count) => limit = count,
                    None => return fail(format!("invalid --bytes value '{value}'")),
                },
                "i" => {
                    let (one, other) = value.split_once(':').unwrap_or((&value, &value));
                    match (number(one), number(other)) {
                        (Some(one), Some(other)) => skip = [one, other],
                        _ => return fail(format!("invalid --ignore-initial value '{value}'")),
                    }
                }
                other => return fail(format!("invalid option -- '{other}'")),
            }
        }
        let names = match words.names.as_slice() {
            [one] => [one.as_str(), "-"],
            [one, other] => [one.as_str(), other.as_str()],
            _ => return fail("give two files".to_owned()),
        };
        let mut sides = Vec::new();
        for (name, skip) in names.into_iter().zip(skip) {
            let bytes = match name {
                "-" => ctx.stdin.map(|data| data.as_bytes().to_vec()).unwrap_or_default(),
                name => match ctx.fs.read_file(&ctx.cwd.join(Path::new(name))).await {
                    Ok(bytes) => bytes,
                    Err(_) => return fail(format!("{name}: No such file or directory")),
                },
            };
            let end = bytes.len().min(skip.saturating_add(limit));
            sides.push(bytes[skip.min(end)..end].to_vec());
        }
        let [one, other] = [&sides[0], &sides[1]];
        let compared = one.iter().zip(other.iter()).enumerate();
        let mut differing = compared.filter(|(_, (a, b))| a != b).peekable();
        let (mut out, mut err) = (String::new(), String::new());
        let same_start = differing.peek().is_none();
        if silent {
            let code = i32::from(one != other);
            return Ok(ExecResult::err(String::new(), code));
        }
        if all {
            // As wide as the smaller file could need; a pipe could be of any length.
            let is_pipe = |name: &&str| *name == "-" || name.starts_with("/dev/fd/");
            let sizes = names.iter().zip([one.len(), other.len()]);
            let known = sizes.filter(|(name, _)| !is_pipe(name)).map(|(_, size)| size as u64);
            let most = known.chain([(limit as u64).min(i64::MAX as u64)]).min();
            let wide = most.unwrap_or_default().to_string().len();
            for (at, (a, b)) in differing {
                out += &format!("{:>wide$} {a:>3o} {b:>3o}\n", at + 1);
            }
        } else if let Some((at, (a, b))) = differing.next() {
            let line = one[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let [name, second] = names;
            out = format!("{name} {second} differ: byte {}, line {line}", at + 1);
            if shown {
                let print = |byte: u8| std::ascii::escape_default(byte).to_string();
                out += &format!(" is {a:>3o} {} {b:>3o} {}", print(*a), print(*b));
            }
            out.push('\n');
        }
        if one.len() != other.len() && (same_start || all) {
            let (short, name) =
                if one.len() < other.len() { (one, names[0]) } else { (other, names[1]) };
            let lines = short.iter().filter(|byte| **byte == b'\n').count();
            let place = match (short.is_empty(), short.ends_with(b"\n")) {
                (true, _) => " which is empty".to_owned(),
                (false, _) if all => format!(" after byte {}", short.len()),
                (false, true) => format!(" after byte {}, line {lines}", short.len()),
                (false, false) => format!(" after byte {}, in line {}", short.len(), lines + 1),
            };
            err = format!("cmp: EOF on {name}{place}\n");
        }
        let mut result = ExecResult::err(err, i32::from(one != other));
        result.stdout = out.into();
        Ok(result)
    }
}
