//! What a sandbox says of shell scripts when the crate was built without the feature `shell`.

use ssr_core::{Command, Sandbox, SandboxError, Tree, Workspace};
use ssr_sandbox::WasiSandbox;

use super::guest;

#[test]
fn a_shell_script_is_refused_and_a_python_program_runs() {
    let sandbox = WasiSandbox::builder(guest()).build().unwrap();
    let mut workspace = sandbox.open(&Tree::new()).unwrap();
    let refused = workspace.run(&Command::shell("true")).unwrap_err();
    assert!(matches!(&refused, SandboxError::Refused(why) if why.contains("feature `shell`")));
    let output = workspace.run(&Command::python("print(1)")).unwrap();
    assert_eq!(output.stdout_text(), "1\n");
}
