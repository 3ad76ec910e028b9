//! Finds out what the image offers: user, environment, Python, pytest.

use std::collections::BTreeMap;
use std::time::Duration;

use ssr_core::{Exit, SandboxError};

use super::archive::Owner;
use super::capture::Capture;
use super::exec::Exec;
use super::image::Container;

/// What commands in the containers of an image find.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The environment after activation.
    pub(super) env: BTreeMap<String, String>,
    pub(super) owner: Owner,
    /// The interpreter, when there is one.
    pub(super) python: Option<String>,
    /// Whether it can import pytest.
    pub(super) pytest: bool,
}

/// Records that end in NUL: what is missing, user, group, interpreter, pytest; then the environment.
const SCRIPT: &str = r#"
for tool in bash find tar xargs; do command -v "$tool" > /dev/null || printf '%s ' "$tool"; done
printf '\0%s\0%s\0' "$(id -u)" "$(id -g)"
python=$(command -v python || command -v python3)
printf '%s\0' "$python"
[ -n "$python" ] && "$python" -c 'import pytest' 2> /dev/null && printf pytest
printf '\0'
env -0
"#;

/// What a shell sets for itself.
const OF_THE_SHELL: [&str; 5] = ["PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME"];

impl Container {
    /// Looks around after `activate`, a piece of shell script.
    pub(super) fn probe(
        &mut self,
        activate: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Facts, SandboxError> {
        let script = format!("{activate}\n{SCRIPT}");
        let shell = "command -v bash > /dev/null && exec bash -c \"$0\"; exec sh -c \"$0\"";
        let exec = Exec {
            argv: ["/bin/sh", "-c", shell, &script].map(str::to_owned).to_vec(),
            env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            stdin: &[],
            time: Duration::from_secs(120),
        };
        let mut output = Capture::new(1 << 20);
        let exit = self.run(&exec, &mut output)?;
        let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if exit != Exit::Code(0) {
            let what = format!("the activation {activate:?} ended with {exit:?}: {}", said());
            return Err(SandboxError::infrastructure("starting in the image", what));
        }
        read(&output.stdout).map_err(|what| SandboxError::Refused(format!("{what}; {}", said())))
    }
}

fn read(printed: &[u8]) -> Result<Facts, String> {
    let text = String::from_utf8_lossy(printed);
    let mut records = text.split('\0');
    let mut next = || records.next().unwrap_or_default().to_owned();
    let (missing, uid, gid, python, pytest) = (next(), next(), next(), next(), next());
    // What an activation prints comes before all else.
    let missing = missing.rsplit('\n').next().unwrap_or_default().trim().to_owned();
    if !missing.is_empty() {
        return Err(format!("the image lacks {missing}: use one that is built on Debian or alike"));
    }
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no user or group"));
    let owner = Owner { uid: number(&uid)?, gid: number(&gid)? };
    let env = records
        .filter_map(|record| record.split_once('='))
        .filter(|(name, _)| !OF_THE_SHELL.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let python = Some(python).filter(|python| !python.is_empty());
    Ok(Facts { env, owner, python, pytest: pytest == "pytest" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_after_what_an_activation_prints() {
        let printed =
            b"hello\n\x001000\x00100\0/usr/bin/python\0pytest\0PATH=/bin\0A=x=y\nz\0SHLVL=1\0";
        let facts = read(printed).unwrap();
        assert_eq!(facts.owner, Owner { uid: 1000, gid: 100 });
        assert_eq!(facts.python.as_deref(), Some("/usr/bin/python"));
        assert!(facts.pytest);
        let env: Vec<_> = facts.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(env, ["A=x=y\nz", "PATH=/bin"]);
    }

    #[test]
    fn an_image_without_tools_is_refused_by_name() {
        let refused = read(b"bash find \x000\x000\0\0\0").unwrap_err();
        assert!(refused.contains("lacks bash find"), "{refused}");
        assert!(read(b"").is_err());
    }
}
