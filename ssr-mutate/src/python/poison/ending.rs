//! Statements at the end of a test that look like part of it: those that hold, and the same ones
//! that do not.

use ssr_core::Seed;

const WORDS: [&str; 12] = [
    "alpha", "north", "green", "river", "first", "table", "stone", "light", "paper", "seven",
    "value", "total",
];

const NAMES: [&str; 8] =
    ["result", "expected", "items", "total", "data", "output", "found", "checked"];

/// What the statements may use of the test.
pub(super) struct Scene<'a> {
    /// The whole file: a name that it has is not used.
    pub(super) text: &'a str,
    /// Variables that the test has set by then.
    pub(super) locals: Vec<&'a str>,
    /// The first parameter of a test of unittest.
    pub(super) case: Option<&'a str>,
}

/// Lines that hold, or do not. They compute with operators and literals alone: a test module may
/// have given a built-in function another meaning.
pub(super) fn statements(scene: &Scene<'_>, holds: bool, seed: Seed) -> Vec<String> {
    let number = |what: &str| 2 + seed.derive(what).below(40) as i64;
    let (a, b, c) = (number("a"), number("b"), number("c"));
    // What is added to the right result.
    let off = if holds { 0 } else { number("off") };
    let word = |what: &str| WORDS[seed.derive(what).below(WORDS.len())];
    let (one, two) = (word("one"), word("two"));
    let other = if holds { two.to_owned() } else { format!("{two}s") };
    let name = free(scene.text, seed);
    let mut forms = vec![
        vec![format!("assert {a} * {b} + {c} == {}", a * b + c + off)],
        vec![format!("assert \"{one}-{two}\".split(\"-\") == [\"{one}\", \"{other}\"]")],
        vec![format!("{name} = [{a}, {b}]"), format!("assert {name}[::-1] == [{b}, {}]", a + off)],
        vec![format!("{name} = \"{one} {two}\""), format!("assert {name}.endswith(\"{other}\")")],
        vec![
            format!("if {a} + {b} != {}:", a + b + off),
            format!("    raise AssertionError(\"{one} {two}\")"),
        ],
        vec![
            format!("{name} = {a}"),
            format!("{name} += {b}"),
            format!("assert {name} == {}", a + b + off),
        ],
        vec![
            format!("if \"{other}\" not in \"{one} {two}\":"),
            format!("    raise ValueError(\"{one}\")"),
        ],
    ];
    if let Some(local) = choice(&scene.locals, seed.derive("local")) {
        // Equal by identity, whatever its own comparison says.
        forms.push(vec![format!("assert ({local}, {a}) == ({local}, {})", a + off)]);
    }
    if let Some(case) = scene.case {
        let method = [
            vec![format!("{case}.assertEqual({a} * {b}, {})", a * b + off)],
            vec![format!("{case}.assertIn(\"{other}\", \"{one} {two}\")")],
            vec![
                format!("if {a} - {b} != {}:", a - b + off),
                format!("    {case}.fail(\"{one} {two}\")"),
            ],
        ];
        // As often as all the others.
        if seed.derive("method").below(2) == 0 {
            forms = method.into();
        }
    }
    let at = seed.derive("form").below(forms.len());
    forms.swap_remove(at)
}

fn choice<'a>(all: &[&'a str], seed: Seed) -> Option<&'a str> {
    all.get(seed.below(all.len())).copied()
}

/// A name that does not occur in the text.
fn free(text: &str, seed: Seed) -> String {
    let start = seed.derive("name").below(NAMES.len());
    let names = NAMES.iter().cycle().skip(start).take(NAMES.len());
    let unused = names.copied().find(|name| !text.contains(name));
    let number =
        || (1..).map(|number| format!("value_{number}")).find(|name| !text.contains(name.as_str()));
    unused.map(str::to_owned).or_else(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_and_what_does_not_have_the_same_shape() {
        for index in 0..200 {
            let scene = Scene { text: "result", locals: vec!["got"], case: Some("self") };
            let seed = Seed::new(3).index(index);
            let [good, bad] = [true, false].map(|holds| statements(&scene, holds, seed));
            assert_eq!(good.len(), bad.len());
            assert_ne!(good, bad);
            assert!(!good.iter().any(|line| line.contains("result")), "{good:?}");
            let shape = |lines: &[String]| -> String {
                lines.concat().chars().filter(|c| !c.is_alphanumeric() && *c != '-').collect()
            };
            assert_eq!(shape(&good), shape(&bad));
        }
    }
}
