//! Parting a module of a static linker into code and the memory that it starts with.

use wasm_encoder::{
    ImportSection, MemoryType, Module, RawSection,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{ConstExpr, Data, DataKind, Operator, Parser, Payload};

use super::{dylink::operators, link::Linked};
use crate::interpreter::engine::{MemoryImage, PAGE};
use crate::{Error, Result};

const NAME: &str = "the compiled guest";

/// Splits `module`, whose memory is its own and filled by active segments at constant addresses.
/// The code imports its memory as `env.memory` instead.
pub(super) fn split(module: &[u8]) -> Result<Linked> {
    let failed = |reason: wasmparser::BinaryReaderError| Error::link(NAME, reason);
    let mut code = Module::new();
    let mut memory: Option<Vec<u8>> = None;
    let payloads = Parser::new(0).parse_all(module).collect::<Result<Vec<_>, _>>();
    let payloads = payloads.map_err(failed)?;
    let pages = payloads.iter().find_map(|payload| match payload {
        Payload::MemorySection(section) => section.clone().into_iter().next(),
        _ => None,
    });
    let pages =
        pages.ok_or_else(|| Error::link(NAME, "it has no memory"))?.map_err(failed)?.initial;
    for payload in payloads {
        match &payload {
            Payload::ImportSection(section) => {
                let mut imports = ImportSection::new();
                RoundtripReencoder
                    .parse_import_section(&mut imports, section.clone())
                    .map_err(|e| Error::link(NAME, e))?;
                imports.import("env", "memory", memory_type(pages));
                code.section(&imports);
                memory = Some(empty_memory(pages)?);
                continue;
            }
            Payload::DataSection(section) => {
                let memory = memory.as_mut().ok_or_else(|| Error::link(NAME, "no imports"))?;
                for segment in section.clone() {
                    fill(memory, &segment.map_err(failed)?)?;
                }
                continue;
            }
            Payload::StartSection { .. } => {
                // It would run for every clone.
                return Err(Error::link(NAME, "it has a start function"));
            }
            Payload::MemorySection(_)
            | Payload::DataCountSection { .. }
            | Payload::CustomSection(_) => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            code.section(&RawSection { id, data: &module[range] });
        }
    }
    let memory = memory.ok_or_else(|| Error::link(NAME, "it imports nothing"))?;
    Ok(Linked { code: code.finish(), image: MemoryImage::capture(&memory) })
}

fn memory_type(pages: u64) -> MemoryType {
    MemoryType {
        minimum: pages,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn empty_memory(pages: u64) -> Result<Vec<u8>> {
    match usize::try_from(pages) {
        // Memories of 32-bit modules have at most this many pages.
        Ok(pages) if pages <= 1 << 16 => Ok(vec![0; pages * PAGE]),
        _ => Err(Error::link(NAME, "its memory is too large")),
    }
}

fn fill(memory: &mut [u8], segment: &Data<'_>) -> Result<()> {
    let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind else {
        return Err(Error::link(NAME, "only active data segments are supported"));
    };
    let at = address(offset_expr)?;
    let place = memory.get_mut(at..at.saturating_add(segment.data.len()));
    let place = place.ok_or_else(|| Error::link(NAME, "data lies outside of the memory"))?;
    place.copy_from_slice(segment.data);
    Ok(())
}

fn address(offset: &ConstExpr<'_>) -> Result<usize> {
    match operators(NAME, offset)?.as_slice() {
        [Operator::I32Const { value }, Operator::End] => Ok(value.cast_unsigned() as usize),
        _ => Err(Error::link(NAME, "a data segment has no constant address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(text: &str) -> Result<Linked> {
        split(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn data_becomes_the_image_and_everything_else_stays() {
        let linked = parted(
            r#"(module
                (import "host" "f" (func))
                (memory (export "memory") 2)
                (global $sp (export "__stack_pointer") (mut i32) (i32.const 4096))
                (func (export "first") (result i32) (i32.load8_u (i32.const 70000)))
                (data (i32.const 5000) "ab") (data (i32.const 70000) "c"))"#,
        )
        .unwrap();
        assert_eq!((linked.image.offset, linked.image.pages), (4096, 2));
        assert_eq!(&linked.image.bytes[904..907], b"ab\0");
        assert_eq!(linked.image.bytes[70_000 - 4096], b'c');
        wasmparser::validate(&linked.code).unwrap();
        let engine = crate::interpreter::engine::engine().unwrap();
        let code = wasmtime::Module::new(&engine, &linked.code).unwrap();
        let names = |text: &mut String, name: &str| *text = format!("{text} {name}");
        let (mut imports, mut exports) = (String::new(), String::new());
        code.imports().for_each(|import| names(&mut imports, import.name()));
        code.exports().for_each(|export| names(&mut exports, export.name()));
        assert_eq!(
            (imports.as_str(), exports.as_str()),
            (" f memory", " memory __stack_pointer first")
        );
    }

    #[test]
    fn modules_that_cannot_be_parted_are_errors() {
        let import = r#"(import "host" "f" (func))"#;
        for rest in [
            "",
            r#"(memory 1) (data "passive")"#,
            r#"(memory 1) (data (i32.const 65535) "ab")"#,
            r#"(memory 1) (data (i32.const -1) "ab")"#,
            r#"(import "env" "at" (global i32)) (memory 1) (data (global.get 0) "a")"#,
            r#"(import "env" "memory" (memory 1))"#,
            "(memory 1) (start 0)",
        ] {
            let text = format!("(module {import} {rest})");
            assert!(matches!(parted(&text), Err(Error::Link { .. })), "{text}");
        }
        assert!(matches!(parted("(module (memory 1))"), Err(Error::Link { .. })));
        assert!(matches!(split(b"no module"), Err(Error::Link { .. })));
    }
}
