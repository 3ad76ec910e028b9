//! `id`: there is one user, as Python in the sandbox says, too.

use bashkit::{Builtin, BuiltinContext, ExecResult, async_trait};

use super::Words;

/// `id` in the shell.
pub(in crate::shell) struct Id;

#[async_trait]
impl Builtin for Id {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let long = |name: &str| match name {
            "user" => Some('u'),
            "group" => Some('g'),
            "groups" => Some('G'),
            "name" => Some('n'),
            "real" => Some('r'),
            _ => None,
        };
        let words = match Words::parse(ctx.args, "", long) {
            Ok(words) => words,
            Err(problem) => return Ok(ExecResult::err(format!("id: {problem}\n"), 1)),
        };
        if let Some(name) = words.names.iter().find(|name| !matches!(name.as_str(), "root" | "0")) {
            return Ok(ExecResult::err(format!("id: '{name}': no such user\n"), 1));
        }
        let has = |letter: &str| words.options.iter().any(|(option, _)| option == letter);
        let text = match (has("u") || has("g") || has("G"), has("n")) {
            (true, true) => "root\n",
            (true, false) => "0\n",
            (false, _) => "uid=0(root) gid=0(root) groups=0(root)\n",
        };
        Ok(ExecResult::ok(text))
    }
}
