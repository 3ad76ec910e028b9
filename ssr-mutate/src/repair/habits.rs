//! What is known of the files of a repository, kept between questions.

#[cfg(feature = "python")]
use std::collections::HashMap;
use std::fmt;
#[cfg(feature = "python")]
use std::sync::{Arc, Mutex};

#[cfg(feature = "python")]
use ssr_core::File;

#[cfg(feature = "python")]
use crate::python::Idioms;

/// The habits of files by their bytes. A file that stays the same in many trees, as all but one do
/// in the trees of bugs, is parsed once.
#[derive(Clone, Default)]
pub struct Habits {
    #[cfg(feature = "python")]
    known: Arc<Mutex<HashMap<Address, Known>>>,
}

/// Where the bytes of a file are in memory, and how many.
#[cfg(feature = "python")]
type Address = (usize, usize);

/// The bytes of a file, and its habits.
#[cfg(feature = "python")]
type Known = (Arc<[u8]>, Arc<Idioms>);

/// Above this number of files all are forgotten.
#[cfg(feature = "python")]
const MAX_FILES: usize = 8192;

#[cfg(feature = "python")]
impl Habits {
    /// The habits of the file, made from its text if they are not known.
    pub(crate) fn of(&self, file: &File, make: impl FnOnce(&str) -> Idioms) -> Arc<Idioms> {
        let bytes = file.shared_bytes();
        // The bytes are kept with the entry, so that no other file gets their address.
        let key = (bytes.as_ptr() as usize, bytes.len());
        let lock = || self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, idioms)) = lock().get(&key) {
            return Arc::clone(idioms);
        }
        let idioms = Arc::new(file.text().map_or_else(Idioms::default, make));
        let mut known = lock();
        if known.len() >= MAX_FILES {
            known.clear();
        }
        known.insert(key, (bytes, Arc::clone(&idioms)));
        idioms
    }
}

impl fmt::Debug for Habits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Habits").finish_non_exhaustive()
    }
}
