//! Running the linker-generated start-up functions of shared objects at link time.
//!
//! `__wasm_init_memory` and `__wasm_apply_data_relocs` are straight-line code over the bases and the
//! global offset table. With all of these known, their whole effect is a memory image.

use wasmparser::{DataKind, Operator};

use super::dylink::{Library, operators};
use crate::Result;

/// Values of the globals of one library, in its own index space; `None` is the stack pointer.
pub(super) type GlobalValues = Vec<Option<i32>>;

/// The memory under construction and the library whose code runs on it.
pub(super) struct Folder<'l, 'a> {
    pub library: &'l Library<'a>,
    pub globals: &'l mut GlobalValues,
    pub memory: &'l mut [u8],
}

impl Folder<'_, '_> {
    /// Copies the active data segments.
    pub fn active_data(&mut self) -> Result<()> {
        for segment in &self.library.data {
            if let DataKind::Active { offset_expr, .. } = &segment.kind {
                let ops = operators(self.library.name, offset_expr)?;
                let offset = self.run(ops, true)?;
                self.write(offset, segment.data)?;
            }
        }
        Ok(())
    }

    /// Runs function `index` of the library, which must take and return nothing.
    pub fn call(&mut self, index: u32) -> Result<()> {
        let library = self.library;
        let body = (index as usize)
            .checked_sub(library.function_imports.len())
            .and_then(|defined| library.bodies.get(defined))
            .ok_or_else(|| library.error("a start-up function is imported"))?;
        let ops = body
            .get_operators_reader()
            .and_then(|reader| reader.into_iter().collect::<Result<Vec<_>, _>>())
            .map_err(|e| library.error(e))?;
        self.run(ops, false).map(|_| ())
    }

    /// Value of a constant expression of the library.
    pub fn value(&mut self, expr: &wasmparser::ConstExpr<'_>) -> Result<u32> {
        let ops = operators(self.library.name, expr)?;
        self.run(ops, true)
    }

    fn run(&mut self, ops: Vec<Operator<'_>>, yields: bool) -> Result<u32> {
        let library = self.library;
        let mut stack: Vec<u32> = Vec::new();
        let pop = |stack: &mut Vec<u32>| {
            stack.pop().ok_or_else(|| library.error("a start-up function is not straight-line"))
        };
        for op in ops {
            match op {
                Operator::I32Const { value } => stack.push(value.cast_unsigned()),
                Operator::I32Add => {
                    let sum = pop(&mut stack)?.wrapping_add(pop(&mut stack)?);
                    stack.push(sum);
                }
                Operator::GlobalGet { global_index } => stack.push(self.global(global_index)?),
                Operator::GlobalSet { global_index } => {
                    let value = pop(&mut stack)?.cast_signed();
                    match self.globals.get_mut(global_index as usize) {
                        Some(Some(global)) => *global = value,
                        _ => return Err(library.error("start-up code sets the stack pointer")),
                    }
                }
                Operator::I32Store { memarg } => {
                    let value = pop(&mut stack)?;
                    let address = pop(&mut stack)?.wrapping_add(memarg.offset as u32);
                    self.write(address, &value.to_le_bytes())?;
                }
                Operator::MemoryInit { data_index, .. } => {
                    let (len, source) = (pop(&mut stack)? as usize, pop(&mut stack)? as usize);
                    let address = pop(&mut stack)?;
                    let bytes = library
                        .data
                        .get(data_index as usize)
                        .and_then(|segment| segment.data.get(source..source.checked_add(len)?))
                        .ok_or_else(|| library.error("memory.init is out of range"))?;
                    self.write(address, bytes)?;
                }
                Operator::MemoryFill { .. } => {
                    let (len, byte) = (pop(&mut stack)? as usize, pop(&mut stack)? as u8);
                    let address = pop(&mut stack)?;
                    self.range(address, len)?.fill(byte);
                }
                Operator::Call { function_index } => self.call(function_index)?,
                Operator::DataDrop { .. } | Operator::Nop | Operator::End => {}
                other => {
                    return Err(library.error(format!("start-up code contains {other:?}")));
                }
            }
        }
        if yields { pop(&mut stack) } else { Ok(0) }
    }

    fn global(&self, index: u32) -> Result<u32> {
        match self.globals.get(index as usize) {
            Some(Some(value)) => Ok(value.cast_unsigned()),
            _ => Err(self.library.error(format!("start-up code reads global {index}"))),
        }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        self.range(address, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn range(&mut self, address: u32, len: usize) -> Result<&mut [u8]> {
        let library = self.library;
        let start = address as usize;
        self.memory
            .get_mut(start..start.saturating_add(len))
            .ok_or_else(|| library.error(format!("data at {address:#x} lies outside the memory")))
    }
}
