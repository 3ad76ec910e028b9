//! What a repository needs to run, as its own files say it.

use std::collections::BTreeSet;

use ssr_core::{File, Tree};

/// The run-time requirements that a repository declares, without those of its extras:
/// `Requires-Dist` of a source distribution's PKG-INFO, `requires.txt` of its egg-info, or what
/// pyproject.toml, setup.cfg or setup.py list. Nothing is run for it. `None` when they say nothing
/// about it.
pub(crate) fn declared(tree: &Tree) -> Option<Vec<String>> {
    metadata(tree)
        .or_else(|| egg_info(tree))
        .or_else(|| is_complete(tree).then(Vec::new))
        .or_else(|| pyproject(tree))
        .or_else(|| setup_cfg(tree))
        .or_else(|| setup_py(tree))
}

/// Whether pip would look up the requirement in the index alone.
pub(crate) fn is_named(requirement: &str) -> bool {
    let specifier = requirement.split(';').next().unwrap_or("");
    specifier.starts_with(|c: char| c.is_ascii_alphanumeric())
        && specifier.chars().all(|c| c.is_ascii_alphanumeric() || " ._-+!*[],()<>=~".contains(c))
}

fn text<'t>(tree: &'t Tree, name: &str) -> Option<&'t str> {
    tree.get(name).and_then(File::text)
}

fn metadata(tree: &Tree) -> Option<Vec<String>> {
    let headers: Vec<&str> =
        text(tree, "PKG-INFO")?.lines().take_while(|line| !line.is_empty()).collect();
    let all: Vec<&str> =
        headers.iter().filter_map(|line| line.strip_prefix("Requires-Dist:")).collect();
    // Old build tools leave all of it out, and new ones may say that it is only known later.
    let extra = |requirement: &&str| requirement.split(';').skip(1).any(|m| m.contains("extra"));
    let own = all.iter().filter(|requirement| !extra(requirement));
    (!all.is_empty()).then(|| own.map(|requirement| requirement.trim().to_owned()).collect())
}

/// setuptools writes `name`, or `[:marker]` and the names that the marker is for; other sections
/// are extras.
fn egg_info(tree: &Tree) -> Option<Vec<String>> {
    let is_list = |path: &str| path.ends_with(".egg-info/requires.txt");
    let (path, _) = tree.files().find(|(path, _)| is_list(path.as_str()))?;
    let mut marker = Some(String::new());
    let mut found = Vec::new();
    for line in text(tree, path.as_str())?.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            marker = section.strip_prefix(':').map(|marker| format!("; {marker}"));
        } else if let Some(marker) = &marker {
            found.push(format!("{line}{marker}"));
        }
    }
    Some(found)
}

/// Whether metadata that list no requirements mean that there are none: since version 2.2 they have
/// to name what they leave open, and setuptools writes its list whenever there is one.
fn is_complete(tree: &Tree) -> bool {
    let headers = text(tree, "PKG-INFO").unwrap_or_default();
    let mut headers = headers.lines().take_while(|line| !line.is_empty());
    let version = headers.clone().find_map(|line| line.strip_prefix("Metadata-Version:"));
    let recent = version.is_some_and(|version| {
        let mut parts = version.trim().split('.').map(|part| part.parse().unwrap_or(0u32));
        (parts.next(), parts.next()) >= (Some(2), Some(2))
    });
    let open = headers.any(|line| line.to_lowercase().starts_with("dynamic: requires-dist"));
    let by_setuptools = |path: &str| path.ends_with(".egg-info/PKG-INFO");
    (recent && !open) || tree.files().any(|(path, _)| by_setuptools(path.as_str()))
}

fn pyproject(tree: &Tree) -> Option<Vec<String>> {
    let table = text(tree, "pyproject.toml")?.parse::<toml::Table>().ok()?;
    let list = table.get("project")?.get("dependencies")?.as_array()?;
    Some(list.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

/// `install_requires` in the section `[options]`: a line each.
fn setup_cfg(tree: &Tree) -> Option<Vec<String>> {
    let (mut inside, mut list) = (false, None::<Vec<String>>);
    for line in text(tree, "setup.cfg")?.lines() {
        let item = line.trim();
        if line.starts_with('[') {
            (inside, list) = (item == "[options]", list);
            if let (false, Some(list)) = (inside, &list) {
                return Some(list.clone());
            }
        } else if let Some((key, value)) =
            line.split_once('=').filter(|_| !line.starts_with([' ', '\t']))
        {
            if list.is_some() {
                break;
            }
            if inside && key.trim() == "install_requires" {
                list = Some(split(value));
            }
        } else if let Some(list) = &mut list {
            list.extend(split(item));
        }
    }
    list
}

fn split(line: &str) -> Vec<String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') { Vec::new() } else { vec![line.to_owned()] }
}

/// `install_requires=[…]` when all that it lists are literal texts.
fn setup_py(tree: &Tree) -> Option<Vec<String>> {
    let source = text(tree, "setup.py")?;
    let (_, rest) = source.split_once("install_requires")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let mut rest = rest.strip_prefix('[').or_else(|| rest.strip_prefix('('))?;
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        match rest.chars().next()? {
            ']' | ')' => return Some(found),
            '#' => rest = rest.split_once('\n')?.1,
            quote @ ('"' | '\'') => {
                let (item, after) = rest[1..].split_once(quote)?;
                found.push(item.to_owned());
                rest = after;
            }
            // Something computed.
            _ => return None,
        }
    }
}

/// The names of distributions, as the index compares them.
pub(crate) fn names<'r>(requirements: impl IntoIterator<Item = &'r String>) -> BTreeSet<String> {
    let name = |requirement: &String| -> String {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let name: String = requirement.chars().take_while(is_part).collect();
        name.to_lowercase().replace(['_', '.'], "-")
    };
    requirements.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use ssr_core::RepoPath;

    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<Vec<String>> {
        let file = |(name, text): &(&str, &str)| {
            (RepoPath::new(name).unwrap(), File::new(text.as_bytes()))
        };
        declared(&Tree::from_files(files.iter().map(file)).unwrap())
    }

    #[test]
    fn requirements_are_read_from_every_kind_of_metadata() {
        let info = "Name: x\nRequires-Dist: a>=1\nRequires-Dist: b ; extra == 'test'\n\nRequires-Dist: c\n";
        assert_eq!(of(&[("PKG-INFO", info)]).unwrap(), ["a>=1"]);
        let project = "[project]\nname = \"x\"\ndependencies = [\"a>=1\"]\n";
        assert_eq!(of(&[("pyproject.toml", project)]).unwrap(), ["a>=1"]);
        assert_eq!(of(&[("pyproject.toml", "not toml")]), None);
        let config = "[metadata]\nname = x\n[options]\ninstall_requires =\n  a>=1\n  # no\n  b\npackages = x\n[options.extras_require]\nt =\n  c\n";
        assert_eq!(of(&[("setup.cfg", config)]).unwrap(), ["a>=1", "b"]);
        let script = "setup(name='x',\n  install_requires=[\n 'a>=1', # why\n \"b\"],\n)";
        assert_eq!(of(&[("setup.py", script)]).unwrap(), ["a>=1", "b"]);
        assert_eq!(of(&[("setup.py", "setup(install_requires=read())")]), None);
    }

    /// furl's PKG-INFO says nothing of six; its egg-info does.
    #[test]
    fn metadata_of_old_tools_is_completed_by_their_other_file() {
        let info = ("PKG-INFO", "Metadata-Version: 1.1\nName: furl\nVersion: 2.1.3\n");
        let list = "six>=1.8.0\norderedmultidict>=1.0.1\n\n[:python_version < \"3\"]\nipaddress\n\n[test]\nflake8\n";
        let found = of(&[info, ("furl.egg-info/requires.txt", list)]).unwrap();
        assert_eq!(
            found,
            ["six>=1.8.0", "orderedmultidict>=1.0.1", "ipaddress; python_version < \"3\""]
        );
        assert_eq!(of(&[info]), None);
        assert_eq!(of(&[info, ("furl.egg-info/PKG-INFO", "")]).unwrap(), [""; 0]);
        assert_eq!(of(&[("PKG-INFO", "Metadata-Version: 2.2\nName: x\n")]).unwrap(), [""; 0]);
        let open = "Metadata-Version: 2.4\nDynamic: Requires-Dist\n";
        assert_eq!(of(&[("PKG-INFO", open)]), None);
    }

    #[test]
    fn requirements_of_a_repository_cannot_name_addresses() {
        for good in ["attrs", "attrs>=21.2,<30", "a[b,c] (>=1) ; python_version < '3.11'"] {
            assert!(is_named(good), "{good}");
        }
        for bad in ["./x", "x @ file:///x", "https://x", "-r x", "", "a/b"] {
            assert!(!is_named(bad), "{bad}");
        }
    }

    #[test]
    fn names_are_compared_as_the_index_does() {
        let all =
            ["Ordered_MultiDict>=1".to_owned(), "ruamel.yaml".to_owned(), "a[b]; x".to_owned()];
        let names: Vec<_> = names(&all).into_iter().collect();
        assert_eq!(names, ["a", "ordered-multidict", "ruamel-yaml"]);
    }
}
