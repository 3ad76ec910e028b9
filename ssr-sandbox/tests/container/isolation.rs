//! What a container cannot reach.

use ssr_core::{Command, Exit, Workspace};
use ssr_sandbox::{ContainerSandbox, Error};

use crate::support::{file, open, path, sandbox};

#[test]
fn there_is_no_network_no_capability_and_no_way_up() {
    let Some(mut workspace) = open(&[]) else { return };
    let script = "grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; ls /sys/class/net; \
                  mount -t tmpfs none /mnt 2>/dev/null || echo no mount; mknod /tmp/n b 8 0 2>/dev/null || echo no device";
    let output = workspace.run(&Command::shell(script)).unwrap();
    let said = output.stdout_text().replace('\t', " ");
    for line in [
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
        "no mount",
        "no device",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
    assert!(said.lines().any(|line| line == "lo") && !said.contains("eth0"), "{said}");
}

#[test]
fn background_processes_end_with_their_command() {
    let Some(mut workspace) = open(&[]) else { return };
    let output = workspace
        .run(&Command::shell("(while :; do date > alive; sleep 0.05; done) & setsid sleep 1000 > /dev/null & sleep 0.2; cat alive > /dev/null && echo was"))
        .unwrap();
    assert_eq!((output.exit, &*output.stdout), (Exit::Code(0), &b"was\n"[..]));
    workspace.write(&path("alive"), None).unwrap();
    let output = workspace.run(&Command::shell("sleep 0.2; ls; cat /proc/[0-9]*/comm")).unwrap();
    assert!(!output.stdout_text().contains("alive"), "{output:?}");
}

#[test]
fn links_and_odd_files_stay_inside() {
    let Some(mut workspace) = open(&[("d/a.py", "1"), ("b.py", "2")]) else { return };
    let script = "ln -s b.py in; ln -s /etc/passwd out; ln -s ../b.py d/up; ln -s nowhere broken; mkfifo pipe; \
                  mkdir -p .git empty; echo x > .git/config; mv d moved; chmod +x b.py; printf x > \"$(printf 'bad\\377')\"; \
                  ln b.py hard; printf '%s' '-' > -rf";
    let output = workspace.run(&Command::shell(script)).unwrap();
    assert_eq!(output.exit, Exit::Code(0), "{output:?}");
    let read = workspace.tree().unwrap();
    let names: Vec<_> = read.files().map(|(path, _)| path.as_str()).collect();
    assert_eq!(names, ["-rf", "b.py", "hard", "in", "moved/a.py", "moved/up"]);
    assert!(read.get("b.py").unwrap().executable());
    // Written back over what the script put there.
    workspace.write(&path("moved/up"), Some(file("3"))).unwrap();
    workspace.write(&path("-rf"), None).unwrap();
    let output = workspace.run(&Command::shell("cat b.py moved/up; ls -- -rf")).unwrap();
    assert_eq!(output.stdout_text(), "23");
}

#[test]
fn an_engine_or_an_image_that_is_not_there_is_named() {
    let nowhere = ContainerSandbox::builder("x").engine("unix:///no/such/socket").build();
    let error = nowhere.err().unwrap();
    assert!(matches!(error, Error::ContainerEngine { .. }));
    assert!(error.to_string().contains("/no/such/socket"), "{error}");
    if sandbox().is_some() {
        let error = ContainerSandbox::builder("no/such/image:ever").build().err().unwrap();
        assert!(matches!(error, Error::ContainerImage { .. }), "{error}");
        assert!(error.to_string().contains("no/such/image:ever"), "{error}");
    }
}
