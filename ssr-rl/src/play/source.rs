//! Splits source files into blocks of code by their layout, without a parser.

use std::collections::BTreeSet;

use ssr_core::{RepoPath, Tree};

/// A definition with its body, or what stands between two definitions. Blank lines and
/// documentation strings are left out: there is nothing to repair in them.
pub(super) struct Block<'a> {
    pub(super) path: &'a RepoPath,
    /// The number of each line, from 0, and its text.
    pub(super) lines: Vec<(usize, &'a str)>,
    /// The names in it.
    pub(super) names: BTreeSet<&'a str>,
    /// The name that it defines.
    pub(super) defines: Option<&'a str>,
    /// The name of the definition that it was cut out of: the class of a method.
    pub(super) owner: Option<&'a str>,
}

/// A block with more lines is cut at the definitions inside it: a class into its methods.
const LONG: usize = 40;

/// The blocks of the files whose paths `is_source` accepts.
pub(super) fn blocks(tree: &Tree, is_source: impl Fn(&RepoPath) -> bool) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for (path, file) in tree.files().filter(|(path, _)| is_source(path)) {
        let Some(text) = file.text() else { continue };
        let code = code_lines(text);
        for part in cut(&code, |line| line) {
            let whole = block(path, part);
            if part.len() > LONG {
                let pieces = cut(part, str::trim_start).into_iter().map(|piece| block(path, piece));
                let owner = whole.defines;
                blocks.extend(pieces.map(|piece| Block { owner, ..piece }));
            } else {
                blocks.push(whole);
            }
        }
    }
    blocks
}

/// The lines that are neither blank nor part of a documentation string.
fn code_lines(text: &str) -> Vec<(usize, &str)> {
    const QUOTES: [&str; 2] = ["\"\"\"", "'''"];
    /// What a line that starts in the middle of a long string belongs to.
    enum Inside {
        Documentation(&'static str),
        Value(&'static str),
    }
    let mut inside = None;
    let mut code = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let ends = |quote: &str| line.matches(quote).count() % 2 == 1;
        match inside {
            Some(Inside::Documentation(quote)) => {
                if ends(quote) {
                    inside = None;
                }
                continue;
            }
            Some(Inside::Value(quote)) => {
                if ends(quote) {
                    inside = None;
                }
            }
            None => {
                let start = line.trim_start().trim_start_matches(['r', 'R', 'u', 'U']);
                let documents = QUOTES.into_iter().find(|quote| start.starts_with(quote));
                if let Some(quote) = documents {
                    inside = ends(quote).then_some(Inside::Documentation(quote));
                    continue;
                }
                inside = QUOTES.into_iter().find(|quote| ends(quote)).map(Inside::Value);
            }
        }
        if !line.trim().is_empty() {
            code.push((number, line));
        }
    }
    code
}

/// Cuts before every definition that shows once a line went through `view`, and before the
/// decorators of one.
fn cut<'s, 'a>(
    lines: &'s [(usize, &'a str)],
    view: impl Fn(&'a str) -> &'a str,
) -> Vec<&'s [(usize, &'a str)]> {
    let decorates = |at: usize| view(lines[at].1).starts_with('@');
    let starts = |at: usize| decorates(at) || defined_name(view(lines[at].1)).is_some();
    let mut parts = Vec::new();
    let mut first = 0;
    for at in 1..lines.len() {
        if starts(at) && !decorates(at - 1) {
            parts.push(&lines[first..at]);
            first = at;
        }
    }
    if first < lines.len() {
        parts.push(&lines[first..]);
    }
    parts
}

fn block<'a>(path: &'a RepoPath, lines: &[(usize, &'a str)]) -> Block<'a> {
    let texts = || lines.iter().map(|(_, line)| *line);
    let defines = texts().find_map(|line| defined_name(line.trim_start()));
    Block { path, lines: lines.to_vec(), names: names(texts()), defines, owner: None }
}

fn defined_name(line: &str) -> Option<&str> {
    let rest = ["def ", "class ", "async def ", "fn ", "function ", "func "]
        .into_iter()
        .find_map(|keyword| line.strip_prefix(keyword))?;
    identifiers(rest).next()
}

/// The words of some lines that can be names.
pub(super) fn names<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    lines.flat_map(identifiers).collect()
}

/// Words of two or more characters that do not start with a digit.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| word.len() >= 2 && !word.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use ssr_core::File;

    use super::*;

    fn blocks_of(text: &str) -> Vec<(Option<String>, Vec<usize>)> {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let tree = Tree::from_files([(path("a.py"), File::new(text.as_bytes()))]).unwrap();
        let blocks = blocks(&tree, |_| true);
        let numbers = |block: &Block<'_>| block.lines.iter().map(|(number, _)| *number).collect();
        blocks.iter().map(|block| (block.defines.map(str::to_owned), numbers(block))).collect()
    }

    #[test]
    fn only_source_files_are_cut_into_blocks() {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let names = ["src/a.py", "build/lib/a.py", "tests/t.py"];
        let file = |name: &&str| (path(name), File::new(*b"x = 1\n"));
        let tree = Tree::from_files(names.iter().map(file)).unwrap();
        let blocks = blocks(&tree, |path| path.parent() == Some("src"));
        let shown: Vec<_> = blocks.iter().map(|block| block.path.as_str()).collect();
        assert_eq!(shown, ["src/a.py"]);
    }

    #[test]
    fn documentation_and_blank_lines_are_left_out() {
        let text = "def one():\n    \"\"\" Says\n\n    def no():\n    \"\"\"\n\n    return 1\n";
        assert_eq!(blocks_of(text), [(Some("one".into()), vec![0, 6])]);
        let single = "def one():\n    r'''It is \"\"\" quoted.'''\n    return 1\n";
        assert_eq!(blocks_of(single), [(Some("one".into()), vec![0, 2])]);
    }

    #[test]
    fn a_long_string_that_is_a_value_is_code() {
        let text = "TEXT = \"\"\"\ndef no\n\"\"\"\nNEXT = 1\n\"\"\"doc\"\"\"\nLAST = 2\n";
        let lines: Vec<usize> = code_lines(text).into_iter().map(|(number, _)| number).collect();
        assert_eq!(lines, [0, 1, 2, 3, 5]);
    }

    #[test]
    fn a_short_class_is_one_block_and_a_long_one_is_cut_into_methods() {
        let class = |body: usize| {
            let body = "        pass\n".repeat(body);
            format!(
                "class Box:\n    @property\n    def get(self):\n{body}    def put(self):\n{body}"
            )
        };
        assert_eq!(blocks_of(&class(3)).len(), 1);
        let names: Vec<_> =
            blocks_of(&class(30)).into_iter().map(|(name, _)| name.unwrap()).collect();
        assert_eq!(names, ["Box", "get", "put"]);
    }
}
