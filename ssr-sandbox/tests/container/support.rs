//! One sandbox for all tests of the binary, where a container engine answers.

use std::sync::OnceLock;

use ssr_core::{File, RepoPath, Sandbox, Tree};
use ssr_sandbox::{ContainerSandbox, ContainerWorkspace};

/// What `tests/container/image.sh` makes; any image with bash, Python and pytest will do.
const IMAGE: &str = "ssr-sandbox-test";

/// The sandbox of all tests, or nothing where no engine answers or it lacks the image.
pub fn sandbox() -> Option<&'static ContainerSandbox> {
    static SANDBOX: OnceLock<Option<ContainerSandbox>> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        let wanted = std::env::var("SSR_TEST_IMAGE").ok();
        match ContainerSandbox::builder(wanted.as_deref().unwrap_or(IMAGE)).build() {
            Ok(sandbox) => Some(sandbox),
            Err(error) if wanted.is_some() => panic!("SSR_TEST_IMAGE: {error}"),
            Err(error) => {
                eprintln!("skipped: {error}");
                None
            }
        }
    });
    if sandbox.is_none() {
        eprintln!("skipped: no container engine with the image {IMAGE}");
    }
    sandbox.as_ref()
}

pub fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

pub fn file(text: &str) -> File {
    File::new(text.as_bytes())
}

pub fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::from_files(files.iter().map(|(name, text)| (path(name), file(text)))).unwrap()
}

pub fn open(files: &[(&str, &str)]) -> Option<ContainerWorkspace> {
    sandbox().map(|sandbox| sandbox.open(&tree(files)).unwrap())
}
