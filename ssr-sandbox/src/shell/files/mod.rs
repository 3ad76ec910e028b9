//! `cmp`, `id`, `mkdir`, `mv`, `realpath`, `rm` and `stat` as in coreutils: bashkit's own pass over
//! options, some of which keep files.

mod cmp;
mod id;
mod mkdir;
mod mv;
mod realpath;
mod rm;
mod stat;

pub(super) use cmp::Cmp;
pub(super) use id::Id;
pub(super) use mkdir::Mkdir;
pub(super) use mv::Mv;
pub(super) use realpath::Realpath;
pub(super) use rm::Rm;
pub(super) use stat::Stat;

/// Options and names of a command line: letters, whether alone or together, and long options with
/// their values. `valued` letters take the next word.
struct Words {
    options: Vec<(String, String)>,
    names: Vec<String>,
}

impl Words {
    /// `long` gives the letter of a long option, or `None` for one that does not exist.
    fn parse(
        args: &[String],
        valued: &str,
        long: impl Fn(&str) -> Option<char>,
    ) -> Result<Self, String> {
        let (mut options, mut names) = (Vec::new(), Vec::new());
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                names.extend(args.cloned());
                break;
            }
            if let Some(option) = arg.strip_prefix("--") {
                let (name, value) = match option.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (option, None),
                };
                let letter = long(name).ok_or_else(|| format!("unrecognized option '--{name}'"))?;
                let value = match value {
                    None if valued.contains(letter) => args
                        .next()
                        .cloned()
                        .ok_or_else(|| format!("option '--{name}' requires an argument"))?,
                    value => value.unwrap_or_default(),
                };
                options.push((letter.to_string(), value));
                continue;
            }
            let Some(letters) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                names.push(arg.clone());
                continue;
            };
            for (at, letter) in letters.char_indices() {
                if !valued.contains(letter) {
                    options.push((letter.to_string(), String::new()));
                    continue;
                }
                let attached = &letters[at + letter.len_utf8()..];
                let value = match attached {
                    "" => args
                        .next()
                        .cloned()
                        .ok_or_else(|| format!("option requires an argument -- '{letter}'"))?,
                    attached => attached.to_owned(),
                };
                options.push((letter.to_string(), value));
                break;
            }
        }
        Ok(Self { options, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_values_and_names_are_told_apart() {
        let args = ["-fv", "-t", "d", "--suffix=x", "a", "--", "-b"].map(str::to_owned);
        let long = |name: &str| (name == "suffix").then_some('S');
        let words = Words::parse(&args, "tS", long).unwrap();
        let options: Vec<_> =
            words.options.iter().map(|(letter, value)| (letter.as_str(), value.as_str())).collect();
        assert_eq!(options, [("f", ""), ("v", ""), ("t", "d"), ("S", "x")]);
        assert_eq!(words.names, ["a", "-b"]);
        assert!(Words::parse(&["--odd".to_owned()], "", long).is_err());
        assert!(Words::parse(&["-t".to_owned()], "t", long).is_err());
    }
}
