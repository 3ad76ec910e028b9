//! A path that is accepted stays below the folder that it is joined to.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;
use ssr_core::RepoPath;

fuzz_target!(|text: &str| {
    let Ok(path) = RepoPath::new(text) else { return };
    assert_eq!(path.as_str(), text);
    assert!(Path::new(text).components().all(|part| matches!(part, Component::Normal(_))));
    assert_eq!(path.components().collect::<Vec<_>>().join("/"), text);
    assert!(path.components().all(|part| !part.eq_ignore_ascii_case(".git")));
});
