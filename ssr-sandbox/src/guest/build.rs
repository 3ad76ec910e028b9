//! Making the parts of the guest, or finding them in the cache.

use std::{
    hash::{Hash, Hasher},
    path::Path,
};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use super::{
    GuestProgress, boot,
    cache::Cache,
    dylink::Library,
    link::{self, Linked},
    source::{GuestSource, LIBRARIES, Pin, STDLIB, hex},
};
use crate::{Error, Result, engine::MemoryImage};

/// Everything a guest consists of.
pub(super) struct Parts {
    pub code: Module,
    pub image: MemoryImage,
    /// Uncompressed tar archive.
    pub stdlib: Vec<u8>,
}

/// Loads the parts from the cache in `directory`, making what is absent or damaged.
pub(super) fn prepare(
    directory: &Path,
    engine: &Engine,
    progress: &dyn Fn(GuestProgress),
) -> Result<Parts> {
    let key = source_key();
    let cache = Cache::open(&directory.join(id()))?;
    let builder = Builder { cache, key, engine, progress };
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

/// Names of the cache entries.
const CODE: &str = "code.wasm";
const IMAGE: &str = "memory.bin";
const STDLIB_ENTRY: &str = "stdlib.tar.zst";

struct Builder<'a> {
    cache: Cache,
    key: String,
    engine: &'a Engine,
    progress: &'a dyn Fn(GuestProgress),
}

impl Builder<'_> {
    fn load(&self) -> Result<Option<Parts>> {
        let entry = |name: &str| self.cache.load(name, &self.key);
        let (Some(image), Some(stdlib), Some(code)) = (
            entry(IMAGE).and_then(|bytes| decode_image(&bytes)),
            entry(STDLIB_ENTRY),
            self.load_machine_code(),
        ) else {
            return Ok(None);
        };
        let stdlib = zstd::decode_all(stdlib.as_slice());
        let stdlib = stdlib.map_err(|e| Error::Archive(e.to_string()))?;
        Ok(Some(Parts { code, image, stdlib }))
    }

    fn make(&self) -> Result<Parts> {
        // What needs the network comes before what takes long.
        let stdlib = self.stdlib()?;
        let linked = self.linked()?;
        let code = match self.load_machine_code() {
            Some(code) => code,
            None => self.compile(&linked.code)?,
        };
        Ok(Parts { code, image: linked.image, stdlib })
    }

    fn linked(&self) -> Result<Linked> {
        let code = self.cache.load(CODE, &self.key);
        let image = self.cache.load(IMAGE, &self.key).and_then(|bytes| decode_image(&bytes));
        if let (Some(code), Some(image)) = (code, image) {
            return Ok(Linked { code, image });
        }
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
        self.cache.store(CODE, &self.key, &linked.code)?;
        self.cache.store(IMAGE, &self.key, &encode_image(&linked.image))?;
        Ok(linked)
    }

    fn stdlib(&self) -> Result<Vec<u8>> {
        if let Some(stdlib) = self.cache.load(STDLIB_ENTRY, &self.key) {
            return zstd::decode_all(stdlib.as_slice()).map_err(|e| Error::Archive(e.to_string()));
        }
        let archive = self.fetch(&STDLIB)?;
        let packed = zstd::encode_all(archive.as_slice(), 9);
        let packed = packed.map_err(|e| Error::Archive(e.to_string()))?;
        self.cache.store(STDLIB_ENTRY, &self.key, &packed)?;
        Ok(archive)
    }

    fn fetch(&self, pin: &Pin) -> Result<Vec<u8>> {
        let source = GuestSource::from_env();
        if source.find(pin).is_none() {
            (self.progress)(GuestProgress::Fetching(pin.package()));
        }
        source.load(pin)
    }

    fn compile(&self, code: &[u8]) -> Result<Module> {
        (self.progress)(GuestProgress::Compiling);
        let module = Module::new(self.engine, code).map_err(Error::engine)?;
        let machine_code = module.serialize().map_err(Error::engine)?;
        self.cache.store(&self.machine_code_entry(), &self.machine_code_key(), &machine_code)?;
        Ok(module)
    }

    fn load_machine_code(&self) -> Option<Module> {
        let bytes = self.cache.load(&self.machine_code_entry(), &self.machine_code_key())?;
        deserialize(self.engine, &bytes)
    }

    /// One file for every kind of engine, so that machines of several kinds can share a cache.
    fn machine_code_entry(&self) -> String {
        format!("code-{}.cwasm", &engine_key(self.engine)[..16])
    }

    fn machine_code_key(&self) -> String {
        format!("{}-{}", self.key, engine_key(self.engine))
    }
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

/// The interpreter and its version, with the start of the hash of everything that it is made from.
pub(super) fn id() -> String {
    format!("cpython-3.14-{}", &source_key()[..16])
}

/// Identifies what the guest is made from.
fn source_key() -> String {
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

    /// A cache with all parts but the machine code, of a guest that compiles at once.
    fn small_guest(directory: &Path) -> Cache {
        let cache = Cache::open(directory).unwrap();
        let image = MemoryImage { offset: 4096, bytes: vec![1, 2, 3], pages: 2 };
        cache.store(CODE, "key", b"\0asm\x01\0\0\0").unwrap();
        cache.store(IMAGE, "key", &encode_image(&image)).unwrap();
        cache.store(STDLIB_ENTRY, "key", &zstd::encode_all(&b"tar"[..], 1).unwrap()).unwrap();
        cache
    }

    #[test]
    fn damaged_machine_code_is_noticed_and_compiled_again() {
        let directory = tempfile::tempdir().unwrap();
        let steps = RefCell::new(Vec::new());
        let builder = Builder {
            cache: small_guest(directory.path()),
            key: "key".to_owned(),
            engine: &crate::engine::engine().unwrap(),
            progress: &|step| steps.borrow_mut().push(step),
        };
        assert!(builder.load().unwrap().is_none(), "there is no machine code yet");
        builder.make().unwrap();
        assert_eq!(steps.take(), [GuestProgress::Compiling]);
        assert!(builder.load().unwrap().is_some());

        let path = directory.path().join(builder.machine_code_entry());
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
    fn images_survive_the_cache() {
        let image = MemoryImage { offset: 4096, bytes: vec![1, 2, 3], pages: 2 };
        assert_eq!(decode_image(&encode_image(&image)), Some(image));
        assert_eq!(decode_image(&[0; 7]), None);
    }

    #[test]
    fn the_key_of_an_engine_does_not_depend_on_the_process() {
        let one = crate::engine::engine().unwrap();
        let two = crate::engine::engine().unwrap();
        assert_eq!(engine_key(&one), engine_key(&two));
    }
}
