//! Parting a module of a static linker into code and the memory that it starts with.

use wasm_encoder::{Module, RawSection};
use wasmparser::{ConstExpr, DataKind, Operator, Parser, Payload, TypeRef};

use super::{dylink::operators, link::Linked};
use crate::{
    Error, Result,
    engine::{MemoryImage, PAGE},
};

const NAME: &str = "the compiled guest";

/// Splits `module`, which imports its memory as `env.memory` and fills it by active segments at
/// constant addresses.
pub(super) fn split(module: &[u8]) -> Result<Linked> {
    let failed = |reason: wasmparser::BinaryReaderError| Error::link(NAME, reason);
    let mut code = Module::new();
    let mut memory: Option<Vec<u8>> = None;
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(failed)?;
        match &payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import.map_err(failed)?;
                    if let ("env", "memory", TypeRef::Memory(ty)) =
                        (import.module, import.name, import.ty)
                    {
                        let pages = usize::try_from(ty.initial).unwrap_or(usize::MAX);
                        // Memories of 32-bit modules have at most this many pages.
                        if pages > 1 << 16 {
                            return Err(Error::link(NAME, "its memory is too large"));
                        }
                        memory = Some(vec![0; pages * PAGE]);
                    }
                }
            }
            Payload::MemorySection(_) => {
                return Err(Error::link(NAME, "it must import its memory"));
            }
            Payload::DataSection(section) => {
                for segment in section.clone() {
                    let segment = segment.map_err(failed)?;
                    let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                        return Err(Error::link(NAME, "only active data segments are supported"));
                    };
                    segments.push((address(&offset_expr)?, segment.data));
                }
                continue;
            }
            Payload::DataCountSection { .. } | Payload::CustomSection(_) => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            code.section(&RawSection { id, data: &module[range] });
        }
    }
    let mut memory = memory.ok_or_else(|| Error::link(NAME, "it imports no memory"))?;
    for (address, data) in segments {
        let place = memory.get_mut(address..address.saturating_add(data.len()));
        let place = place.ok_or_else(|| Error::link(NAME, "data lies outside of the memory"))?;
        place.copy_from_slice(data);
    }
    Ok(Linked { code: code.finish(), image: MemoryImage::capture(&memory) })
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
                (import "env" "memory" (memory 2))
                (global $sp (export "__stack_pointer") (mut i32) (i32.const 4096))
                (func (export "first") (result i32) (i32.load8_u (i32.const 70000)))
                (data (i32.const 5000) "ab") (data (i32.const 70000) "c"))"#,
        )
        .unwrap();
        assert_eq!((linked.image.offset, linked.image.pages), (4096, 2));
        assert_eq!(&linked.image.bytes[904..907], b"ab\0");
        assert_eq!(linked.image.bytes[70_000 - 4096], b'c');
        wasmparser::validate(&linked.code).unwrap();
        let text = format!("{:?}", Parser::new(0).parse_all(&linked.code).collect::<Vec<_>>());
        assert!(text.contains("ExportSection") && !text.contains("DataSection"));
    }

    #[test]
    fn modules_that_cannot_be_parted_are_errors() {
        for text in [
            "(module)",
            "(module (memory 1))",
            r#"(module (import "env" "memory" (memory 1)) (data "passive"))"#,
            r#"(module (import "env" "memory" (memory 1)) (data (i32.const 65535) "ab"))"#,
            r#"(module (import "env" "memory" (memory 1)) (data (i32.const -1) "ab"))"#,
            r#"(module (import "env" "memory" (memory 1)) (import "env" "at" (global i32))
                (data (global.get 0) "a"))"#,
        ] {
            assert!(matches!(parted(text), Err(Error::Link { .. })), "{text}");
        }
        assert!(matches!(split(b"no module"), Err(Error::Link { .. })));
    }
}
