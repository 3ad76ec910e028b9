//! A linear memory at rest, and the tiny module that carries it.

use wasm_encoder::{
    ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, MemoryType, Module,
};

/// Bytes in a WebAssembly page.
pub(crate) const PAGE: usize = 65_536;

/// The content of a linear memory: zero except for one contiguous stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemoryImage {
    /// Address of the first stored byte.
    pub offset: u32,
    /// The bytes from `offset` on; everything after them is zero.
    pub bytes: Vec<u8>,
    /// Size of the memory in pages of 64 KiB.
    pub pages: u32,
}

impl MemoryImage {
    /// Keeps the part of `memory` between its first and last nonzero host page.
    ///
    /// Whole 4 KiB pages are compared, so that the image can be mapped without copying.
    pub fn capture(memory: &[u8]) -> Self {
        const HOST_PAGE: usize = 4096;
        const ZEROS: [u8; HOST_PAGE] = [0; HOST_PAGE];
        let used = |chunk: &[u8]| chunk != &ZEROS[..chunk.len()];
        let first = memory.chunks(HOST_PAGE).position(used).unwrap_or(0) * HOST_PAGE;
        let last = memory.chunks(HOST_PAGE).rposition(used);
        let end = last.map_or(first, |page| ((page + 1) * HOST_PAGE).min(memory.len()));
        Self {
            offset: first as u32,
            bytes: memory[first..end].to_vec(),
            pages: (memory.len() / PAGE) as u32,
        }
    }

    /// A module without code that exports this memory as `memory`.
    ///
    /// wasmtime maps such a memory copy-on-write, which makes instances cheap.
    pub fn to_module(&self) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: u64::from(self.pages),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        let mut data = DataSection::new();
        if !self.bytes.is_empty() {
            let offset = ConstExpr::i32_const(self.offset.cast_signed());
            data.active(0, &offset, self.bytes.iter().copied());
        }
        let mut module = Module::new();
        module.section(&memories).section(&exports).section(&data);
        module.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_drops_zero_ends_and_keeps_the_size() {
        let mut memory = vec![0; 2 * PAGE];
        memory[10_000] = 7;
        memory[70_000] = 9;
        let image = MemoryImage::capture(&memory);
        assert_eq!((image.offset, image.pages), (8192, 2));
        assert_eq!(image.bytes[10_000 - 8192], 7);
        assert_eq!(image.bytes.len(), 18 * 4096 - 8192);
    }

    #[test]
    fn capture_of_an_untouched_memory_is_empty() {
        let image = MemoryImage::capture(&vec![0; PAGE]);
        assert_eq!((image.bytes.len(), image.pages), (0, 1));
        wasmparser::validate(&image.to_module()).unwrap();
    }
}
