//! Words of a snapshot that no run may change, and their comparison with a running guest.

use std::collections::{BTreeSet, HashMap};

use super::objects::{self, Memory};
use super::survey::{Scope, Survey};

/// Words of a snapshot that no run may change.
pub(super) struct Seals {
    scopes: [Scoped; 3],
    labels: Vec<Box<str>>,
}

#[derive(Default)]
struct Scoped {
    words: Vec<Word>,
    namespaces: Vec<Namespace>,
}

struct Word {
    at: u32,
    value: u32,
    label: u32,
}

struct Namespace {
    dict: u32,
    /// Where the table of the dict is; it moves when the dict grows.
    keys: u32,
    entries: Vec<Entry>,
}

struct Entry {
    key: u32,
    word: Word,
}

impl Seals {
    /// The seals on what `survey` names in `memory`; a message when the memory is not laid out as
    /// expected.
    pub(super) fn new(memory: Memory<'_>, survey: &Survey) -> Result<Self, String> {
        let mut seals = Self { scopes: Default::default(), labels: Vec::new() };
        for namespace in &survey.namespaces {
            seals.namespace(memory, namespace).ok_or_else(|| {
                format!("the dict of {} is not laid out as expected", namespace.label)
            })?;
        }
        // 3.11 counts the versions of functions lazily.
        let version = (survey.version >= (3, 12)).then_some(objects::FUNCTION_VERSION);
        for function in &survey.functions {
            let label = seals.label(&function.label);
            for offset in objects::FUNCTION.into_iter().chain(version) {
                seals.word(memory, function.scope, function.at, offset, label);
            }
        }
        for class in &survey.types {
            if memory.word(class.at + objects::TYPE_DICT) != Some(class.dict) {
                return Err(format!("the class {} is not laid out as expected", class.label));
            }
            let label = seals.label(&class.label);
            let assigned = memory.word(class.at + objects::TYPE_VERSION) != Some(0);
            let version = (class.versioned && assigned).then_some(objects::TYPE_VERSION);
            for offset in objects::TYPE.into_iter().chain(version) {
                seals.word(memory, class.scope, class.at, offset, label);
            }
        }
        for scoped in &mut seals.scopes {
            // In the order of the memory, comparing is fastest.
            scoped.words.sort_unstable_by_key(|word| word.at);
        }
        Ok(seals)
    }

    fn label(&mut self, label: &str) -> u32 {
        self.labels.push(label.into());
        self.labels.len() as u32 - 1
    }

    fn word(&mut self, memory: Memory<'_>, scope: Scope, object: u32, offset: u32, label: u32) {
        let at = object + offset;
        if let Some(value) = memory.word(at) {
            self.scopes[scope as usize].words.push(Word { at, value, label });
        }
    }

    fn namespace(&mut self, memory: Memory<'_>, found: &super::survey::Namespace) -> Option<()> {
        let keys = memory.dict_keys(found.dict)?;
        let slots = memory.dict_entries(keys)?;
        if slots.len() != found.len {
            return None;
        }
        let mut slots = slots.into_iter();
        let mut entries = Vec::with_capacity(found.values.len());
        for (name, &value) in found.names.iter().zip(&found.values) {
            let (key, at) = slots.find(|(_, at)| memory.word(*at) == Some(value))?;
            let label = self.label(&format!("{}.{name}", found.label));
            entries.push(Entry { key, word: Word { at, value, label } });
        }
        let namespace = Namespace { dict: found.dict, keys, entries };
        self.scopes[found.scope as usize].namespaces.push(namespace);
        Some(())
    }

    /// Adds the names of what is no longer as it was.
    pub(super) fn broken(&self, memory: &[u8], scope: Scope, broken: &mut BTreeSet<u32>) {
        let memory = Memory(memory);
        let Scoped { words, namespaces } = &self.scopes[scope as usize];
        broken.extend(words.iter().filter(|word| !word.holds(memory)).map(|word| word.label));
        for namespace in namespaces {
            namespace.broken(memory, broken);
        }
    }

    pub(super) fn name(&self, label: u32) -> &str {
        self.labels.get(label as usize).map_or("", |label| label)
    }
}

impl Word {
    fn holds(&self, memory: Memory<'_>) -> bool {
        memory.word(self.at) == Some(self.value)
    }
}

impl Namespace {
    fn broken(&self, memory: Memory<'_>, broken: &mut BTreeSet<u32>) {
        let keys = memory.dict_keys(self.dict);
        if keys == Some(self.keys) {
            let changed = self.entries.iter().filter(|entry| !entry.word.holds(memory));
            broken.extend(changed.map(|entry| entry.word.label));
            return;
        }
        let found = keys.and_then(|keys| memory.dict_entries(keys)).unwrap_or_default();
        let found: HashMap<u32, Option<u32>> =
            found.into_iter().map(|(key, at)| (key, memory.word(at))).collect();
        let changed = self
            .entries
            .iter()
            .filter(|entry| found.get(&entry.key).copied().flatten() != Some(entry.word.value));
        broken.extend(changed.map(|entry| entry.word.label));
    }
}
