//! Making the parts of the guest, or finding them in the cache.

use std::{
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use super::{
    GuestProgress, PythonVersion, boot,
    cache::Cache,
    compile,
    dylink::Library,
    link::{self, Linked},
    source::{GuestSource, LIBRARIES, Pin, STDLIB, hex},
};
use crate::interpreter::engine::{MemoryImage, compiler};
use crate::{Error, Result};

/// Everything a guest consists of.
pub(super) struct Parts {
    pub id: String,
    pub code: Module,
    pub image: MemoryImage,
    /// Uncompressed tar archive.
    pub stdlib: Vec<u8>,
}

/// Loads the parts from the cache in `directory`, making what is absent or damaged.
pub(super) fn prepare(
    directory: &Path,
    version: PythonVersion,
    engine: &Engine,
    progress: &dyn Fn(GuestProgress),
) -> Result<Parts> {
    let builder = Builder::open(directory, version, engine, progress)?;
    if let Some(parts) = builder.load()? {
        return Ok(parts);
    }
    let _lock = builder.cache.lock(|| progress(GuestProgress::Waiting))?;
    // Another process may have made them while this one waited.
    match builder.load()? {
        Some(parts) => Ok(parts),
        None => builder.make(),
    }
}

/// Loads the parts from the cache in `directory` if all is there that they are made from.
pub(super) fn find(
    directory: &Path,
    version: PythonVersion,
    engine: &Engine,
) -> Result<Option<Parts>> {
    if !directory.join(folder(version)).is_dir() {
        return Ok(None);
    }
    let builder = Builder::open(directory, version, engine, &|_| {})?;
    if let Some(parts) = builder.load()? {
        return Ok(Some(parts));
    }
    let _lock = builder.cache.lock(|| {})?;
    builder.raw()?.map(|raw| builder.compiled(raw)).transpose()
}

/// Names of the cache entries.
const CODE: &str = "code.wasm";
const IMAGE: &str = "memory.bin";
const STDLIB_ENTRY: &str = "stdlib.tar.zst";
/// What an interpreter was compiled from; only those have it that are.
const RECORD: &str = "record.txt";

/// A guest before its code is compiled.
struct Raw {
    /// Identifies the content.
    key: String,
    linked: Linked,
    stdlib: Vec<u8>,
}

struct Builder<'a> {
    cache: Cache,
    downloads: PathBuf,
    version: PythonVersion,
    /// Identifies what the guest is made from.
    recipe: String,
    engine: &'a Engine,
    progress: &'a dyn Fn(GuestProgress),
}

impl<'a> Builder<'a> {
    fn open(
        directory: &Path,
        version: PythonVersion,
        engine: &'a Engine,
        progress: &'a dyn Fn(GuestProgress),
    ) -> Result<Self> {
        Ok(Self {
            cache: Cache::open(&directory.join(folder(version)))?,
            downloads: directory.join("sources"),
            version,
            recipe: recipe_key(version),
            engine,
            progress,
        })
    }

    /// The key of the other entries, unless it is not known before an interpreter was compiled.
    fn key(&self) -> Option<String> {
        match self.version {
            PythonVersion::V3_14 => Some(self.recipe.clone()),
            PythonVersion::V3_11 => {
                let record = self.cache.load(RECORD, &self.recipe)?;
                Some(compiled_key(&self.recipe, &record))
            }
        }
    }

    fn load(&self) -> Result<Option<Parts>> {
        let Some(key) = self.key() else { return Ok(None) };
        let (Some(image), Some(stdlib), Some(code)) =
            (self.image(&key), self.cache.load(STDLIB_ENTRY, &key), self.load_machine_code(&key))
        else {
            return Ok(None);
        };
        let id = id(self.version, &key);
        Ok(Some(Parts { id, code, image, stdlib: decompress(&stdlib)? }))
    }

    /// What the cache has, when nothing of it is absent.
    fn raw(&self) -> Result<Option<Raw>> {
        let Some(key) = self.key() else { return Ok(None) };
        let (Some(code), Some(image), Some(stdlib)) =
            (self.cache.load(CODE, &key), self.image(&key), self.cache.load(STDLIB_ENTRY, &key))
        else {
            return Ok(None);
        };
        let linked = Linked { code, image };
        Ok(Some(Raw { key, linked, stdlib: decompress(&stdlib)? }))
    }

    fn make(&self) -> Result<Parts> {
        let raw = match (self.raw()?, self.version) {
            (Some(raw), _) => raw,
            (None, PythonVersion::V3_14) => {
                let key = self.recipe.clone();
                // What needs the network comes before what takes long.
                let stdlib = self.published_stdlib(&key)?;
                Raw { linked: self.published_code(&key)?, key, stdlib }
            }
            (None, PythonVersion::V3_11) => self.compiled_here()?,
        };
        self.compiled(raw)
    }

    fn compiled(&self, raw: Raw) -> Result<Parts> {
        let code = match self.load_machine_code(&raw.key) {
            Some(code) => code,
            None => self.compile(&raw.key, &raw.linked.code)?,
        };
        let id = id(self.version, &raw.key);
        Ok(Parts { id, code, image: raw.linked.image, stdlib: raw.stdlib })
    }

    fn compiled_here(&self) -> Result<Raw> {
        let compiled = compile::compile(self.cache.folder(), &self.downloads, self.progress)?;
        let key = compiled_key(&self.recipe, compiled.record.as_bytes());
        self.store_linked(&key, &compiled.linked)?;
        self.store_stdlib(&key, &compiled.stdlib)?;
        // Last, since it makes the others count.
        self.cache.store(RECORD, &self.recipe, compiled.record.as_bytes())?;
        Ok(Raw { key, linked: compiled.linked, stdlib: compiled.stdlib })
    }

    fn published_code(&self, key: &str) -> Result<Linked> {
        let mut files = Vec::new();
        for pin in &LIBRARIES {
            files.push((pin.name(), self.fetch(pin)?));
        }
        (self.progress)(GuestProgress::Linking);
        let libraries = files
            .iter()
            .map(|(name, bytes)| Library::parse(name, bytes))
            .collect::<Result<Vec<_>>>()?;
        let linked = link::link(&libraries, &boot::EXPORTS)?;
        self.store_linked(key, &linked)?;
        Ok(linked)
    }

    fn published_stdlib(&self, key: &str) -> Result<Vec<u8>> {
        if let Some(stdlib) = self.cache.load(STDLIB_ENTRY, key) {
            return decompress(&stdlib);
        }
        let archive = self.fetch(&STDLIB)?;
        self.store_stdlib(key, &archive)?;
        Ok(archive)
    }

    fn store_linked(&self, key: &str, linked: &Linked) -> Result<()> {
        self.cache.store(CODE, key, &linked.code)?;
        self.cache.store(IMAGE, key, &encode_image(&linked.image))
    }

    fn store_stdlib(&self, key: &str, archive: &[u8]) -> Result<()> {
        let packed = zstd::encode_all(archive, 9).map_err(Error::archive)?;
        self.cache.store(STDLIB_ENTRY, key, &packed)
    }

    fn image(&self, key: &str) -> Option<MemoryImage> {
        self.cache.load(IMAGE, key).and_then(|bytes| decode_image(&bytes))
    }

    fn fetch(&self, pin: &Pin) -> Result<Vec<u8>> {
        let source = GuestSource::from_env();
        if source.find(&pin.package(), pin.file()).is_none() {
            (self.progress)(GuestProgress::Fetching(pin.package()));
        }
        source.load(pin)
    }

    fn compile(&self, key: &str, code: &[u8]) -> Result<Module> {
        (self.progress)(GuestProgress::Compiling);
        let machine_code = compiler()?.precompile_module(code).map_err(Error::engine)?;
        let key = self.machine_code_key(key);
        self.cache.store(&self.machine_code_entry(), &key, &machine_code)?;
        let refused = || Error::engine("the engine does not load what it has compiled");
        deserialize(self.engine, &machine_code).ok_or_else(refused)
    }

    fn load_machine_code(&self, key: &str) -> Option<Module> {
        let key = self.machine_code_key(key);
        let bytes = self.cache.load(&self.machine_code_entry(), &key)?;
        deserialize(self.engine, &bytes)
    }

    /// One file for every kind of engine, so that machines of several kinds can share a cache.
    fn machine_code_entry(&self) -> String {
        format!("code-{}.cwasm", &engine_key(self.engine)[..16])
    }

    fn machine_code_key(&self, key: &str) -> String {
        format!("{key}-{}", engine_key(self.engine))
    }
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>> {
    zstd::decode_all(packed).map_err(Error::archive)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, machine_code: &[u8]) -> Option<Module> {
    // SAFETY: `machine_code` must be what `Module::serialize` produced, unchanged. The cache only
    // returns bytes whose SHA-256 matches the digest stored in front of them, which `compile`
    // wrote for this very key (guest and engine), and wasmtime itself checks its version and the
    // CPU features. The cache directory belongs to the user: who can forge an entry in it can
    // also replace this program.
    unsafe { Module::deserialize(engine, machine_code) }.ok()
}

/// The interpreter and its version, with the start of the hash of all that it consists of.
fn id(version: PythonVersion, key: &str) -> String {
    format!("cpython-{version}-{}", &key[..16])
}

/// The folder of the cache; it depends on what this version of the crate makes the guest from.
fn folder(version: PythonVersion) -> String {
    id(version, &recipe_key(version))
}

/// Identifies what the guest is made from.
fn recipe_key(version: PythonVersion) -> String {
    match version {
        PythonVersion::V3_11 => compile::recipe_key(),
        PythonVersion::V3_14 => published_key(),
    }
}

/// Identifies an interpreter that was compiled here: the same recipe gives another one with
/// another compiler.
fn compiled_key(recipe: &str, record: &[u8]) -> String {
    hex(&Sha256::new().chain_update(recipe).chain_update(record).finalize())
}

fn published_key() -> String {
    let mut hasher = Sha256::new();
    hasher.update(link::LINKER_VERSION.to_le_bytes());
    for pin in LIBRARIES.iter().chain([&STDLIB]) {
        hasher.update(pin.sha256());
    }
    for export in boot::EXPORTS {
        hasher.update(export);
        hasher.update([0]);
    }
    hex(&hasher.finalize())
}

/// Identifies the compiler: wasmtime's version, its settings and the CPU's features.
fn engine_key(engine: &Engine) -> String {
    struct Collect(Sha256);

    impl Hasher for Collect {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut hasher = Collect(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize())
}

fn encode_image(image: &MemoryImage) -> Vec<u8> {
    let header = [image.offset.to_le_bytes(), image.pages.to_le_bytes()];
    [header.as_flattened(), &image.bytes].concat()
}

fn decode_image(bytes: &[u8]) -> Option<MemoryImage> {
    let (offset, rest) = bytes.split_first_chunk()?;
    let (pages, rest) = rest.split_first_chunk()?;
    Some(MemoryImage {
        offset: u32::from_le_bytes(*offset),
        pages: u32::from_le_bytes(*pages),
        bytes: rest.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs};

    use super::*;

    /// A guest that compiles at once, of which the cache has all but the machine code.
    fn small_guest<'a>(
        version: PythonVersion,
        directory: &Path,
        engine: &'a Engine,
        progress: &'a dyn Fn(GuestProgress),
    ) -> Builder<'a> {
        let builder = Builder::open(directory, version, engine, progress).unwrap();
        builder.cache.store(RECORD, &builder.recipe, b"compiler = a\n").unwrap();
        let key = builder.key().unwrap();
        let image = MemoryImage { offset: 4096, bytes: vec![1, 2, 3], pages: 2 };
        let linked = Linked { code: b"\0asm\x01\0\0\0".to_vec(), image };
        builder.store_linked(&key, &linked).unwrap();
        builder.store_stdlib(&key, b"tar").unwrap();
        builder
    }

    #[test]
    fn damaged_machine_code_is_noticed_and_compiled_again() {
        let (steps, engine) =
            (RefCell::new(Vec::new()), crate::interpreter::engine::engine().unwrap());
        let progress = |step| steps.borrow_mut().push(step);
        let directory = tempfile::tempdir().unwrap();
        for version in PythonVersion::ALL {
            let builder = small_guest(version, directory.path(), &engine, &progress);
            damage_machine_code(&builder, &steps);
        }
    }

    fn damage_machine_code(builder: &Builder<'_>, steps: &RefCell<Vec<GuestProgress>>) {
        assert!(builder.load().unwrap().is_none(), "there is no machine code yet");
        builder.make().unwrap();
        assert_eq!(steps.take(), [GuestProgress::Compiling]);
        assert!(builder.load().unwrap().is_some());

        let path = builder.cache.folder().join(builder.machine_code_entry());
        let good = fs::read(&path).unwrap();
        let flipped: Vec<u8> = good.iter().map(|byte| byte ^ 0x55).collect();
        let foreign = b"what another program wrote".repeat(100);
        for bad in [&good[..good.len() - 1], &good[..10], b"", &flipped, &foreign] {
            fs::write(&path, bad).unwrap();
            assert!(builder.load().unwrap().is_none());
            builder.make().unwrap();
            assert_eq!(steps.take(), [GuestProgress::Compiling]);
            assert!(builder.load().unwrap().is_some());
        }
    }

    #[test]
    fn a_part_of_another_compilation_is_foreign() {
        let (engine, directory) =
            (crate::interpreter::engine::engine().unwrap(), tempfile::tempdir().unwrap());
        let builder = small_guest(PythonVersion::V3_11, directory.path(), &engine, &|_| {});
        let first = builder.make().unwrap();
        builder.cache.store(RECORD, &builder.recipe, b"compiler = b\n").unwrap();
        assert!(builder.load().unwrap().is_none() && builder.raw().unwrap().is_none());
        let again = small_guest(PythonVersion::V3_11, directory.path(), &engine, &|_| {});
        assert_eq!(again.make().unwrap().id, first.id);
    }

    #[test]
    fn only_a_complete_guest_is_found() {
        let (engine, directory) =
            (crate::interpreter::engine::engine().unwrap(), tempfile::tempdir().unwrap());
        let found = || find(directory.path(), PythonVersion::V3_11, &engine).unwrap();
        assert!(found().is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "looking leaves no trace");
        let builder = small_guest(PythonVersion::V3_11, directory.path(), &engine, &|_| {});
        // The first one compiles, the second one finds the machine code.
        assert_eq!(found().unwrap().id, found().unwrap().id);
        for entry in [CODE, IMAGE, STDLIB_ENTRY, RECORD] {
            fs::remove_file(builder.cache.folder().join(builder.machine_code_entry())).unwrap();
            fs::remove_file(builder.cache.folder().join(entry)).unwrap();
            assert!(found().is_none(), "without {entry}");
            small_guest(PythonVersion::V3_11, directory.path(), &engine, &|_| {});
            assert!(found().is_some());
        }
    }

    #[test]
    fn images_survive_the_cache() {
        let image = MemoryImage { offset: 4096, bytes: vec![1, 2, 3], pages: 2 };
        assert_eq!(decode_image(&encode_image(&image)), Some(image));
        assert_eq!(decode_image(&[0; 7]), None);
    }

    #[test]
    fn the_key_of_an_engine_does_not_depend_on_the_process() {
        let one = crate::interpreter::engine::engine().unwrap();
        let two = crate::interpreter::engine::engine().unwrap();
        assert_eq!(engine_key(&one), engine_key(&two));
    }
}
