//! No run sees what another one did.

use std::thread;

use ssr_core::{Command, Exit, Sandbox, TestSelection, Workspace};

use crate::support::{sandbox, tree};

#[test]
fn a_sandbox_serves_many_threads() {
    let body = "import a\ndef test_x(): assert a.n == 1\n";
    let trees = [1, 2].map(|n| tree(&[("a.py", &format!("n = {n}\n")), ("test_a.py", body)]));
    thread::scope(|scope| {
        for round in 0..6 {
            let tree = &trees[round % 2];
            scope.spawn(move || {
                let mut workspace = sandbox().open(tree).unwrap();
                let output = workspace.run(&Command::tests(TestSelection::All)).unwrap();
                assert_eq!(output.exit, Exit::Code((round % 2) as i32));
            });
        }
    });
}
