//! Places in a repository, to exclude them from later draws.

use ssr_core::RepoPath;

use crate::Site;

/// A place in a repository. [`Sampler::without_locations`](crate::Sampler::without_locations)
/// excludes places from later draws.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A whole file.
    File(RepoPath),
    /// A function by its qualified name, as [`Site::function`] gives it.
    Function(RepoPath, String),
    /// A line, counted from 1.
    Line(RepoPath, usize),
}

impl Site {
    /// The function around the site, or its line if there is none.
    #[must_use]
    pub fn location(&self) -> Location {
        match self.function() {
            Some(function) => Location::Function(self.path().clone(), function.to_owned()),
            None => Location::Line(self.path().clone(), self.line()),
        }
    }

    /// The file, the function and the line.
    pub(crate) fn locations(&self) -> impl Iterator<Item = Location> {
        let line = Location::Line(self.path().clone(), self.line());
        [Location::File(self.path().clone()), line].into_iter().chain([self.location()])
    }
}
