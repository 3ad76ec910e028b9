//! `run.toml`: what a run is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ssr_core::Tree;

use crate::{Config, Error, Result};

/// `run.toml`: what a run is, so that it can be resumed or repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// What is played with, for example `toolz==0.12.1`.
    pub package: String,
    /// The hash of the original tree.
    pub tree: String,
    /// Who solves: `policy` or `oracle`.
    pub solver: String,
    /// Versions of what the results depend on.
    pub versions: BTreeMap<String, String>,
    /// The resolved configuration.
    pub config: Config,
}

impl Manifest {
    /// A run on the repository `package` with this original tree.
    pub fn new(package: impl Into<String>, tree: &Tree, config: Config) -> Self {
        Self {
            package: package.into(),
            tree: tree.hash().to_string(),
            solver: config.solver.name().to_owned(),
            versions: BTreeMap::new(),
            config,
        }
    }

    /// Notes the version of something that the results depend on.
    #[must_use]
    pub fn with_version(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.versions.insert(name.into(), version.into());
        self
    }

    /// Whether a run with `wanted` can go on where one with `self` stopped: only the number of
    /// steps and of kept checkpoints may differ, since anything else changes the bytes of its bugs.
    ///
    /// # Errors
    /// [`Error::Config`] names the first difference.
    pub fn check_resume(&self, wanted: &Self) -> Result<()> {
        let differs = |key, was: String, is: String| {
            let problem = format!(
                "the run was started with {was}, not {is}; resume it as it was or start another"
            );
            Err(Error::Config { key, problem })
        };
        if self.package != wanted.package {
            return differs("package", self.package.clone(), wanted.package.clone());
        }
        if self.tree != wanted.tree {
            return differs("tree", self.tree.clone(), wanted.tree.clone());
        }
        if self.versions != wanted.versions {
            let lines = |versions: &BTreeMap<String, String>| {
                let pairs = versions.iter().map(|(name, version)| format!("{name} {version:?}"));
                pairs.collect::<Vec<_>>().join(", ")
            };
            return differs("versions", lines(&self.versions), lines(&wanted.versions));
        }
        let neutral = |config: &Config| Config { steps: 0, keep_checkpoints: 0, ..config.clone() };
        let (was, is) = (neutral(&self.config), neutral(&wanted.config));
        if was == is {
            return Ok(());
        }
        let lines = |config: &Config| toml::to_string(config).unwrap_or_default();
        let (was, is) = (lines(&was), lines(&is));
        let pair = was.lines().zip(is.lines()).find(|(was, is)| was != is);
        let (was, is) = pair.unwrap_or(("another configuration", "this one"));
        differs("config", format!("`{was}`"), format!("`{is}`"))
    }
}
