//! Moving function bodies from a library's index spaces into the merged ones.

use wasm_encoder::{
    CodeSection, Instruction,
    reencode::{Error as ReencodeError, Reencode},
};
use wasmparser::{FunctionBody, Operator};

use super::fold::GlobalValues;
use crate::{Error, Result};

/// Rewrites the bodies of one library.
pub(super) struct Rewriter<'l> {
    pub library: &'l str,
    /// Merged index of every type of the library.
    pub types: &'l [u32],
    /// Merged index of every function of the library.
    pub functions: &'l [u32],
    /// Link-time constants; the one global without a value is the stack pointer, merged global 0.
    pub globals: &'l GlobalValues,
}

impl Rewriter<'_> {
    /// Appends the rewritten `body` to `code`.
    pub fn body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<()> {
        self.parse_function_body(code, body).map_err(|error| match error {
            ReencodeError::UserError(error) => error,
            ReencodeError::ParseError(error) => Error::link(self.library, error),
            other => Error::link(self.library, other),
        })
    }

    /// Merged index of type `index`.
    pub fn merged_type(&self, index: u32) -> Result<u32> {
        self.lookup(self.types, index, "type")
    }

    fn lookup(&self, table: &[u32], index: u32, what: &str) -> Result<u32> {
        let found = table.get(index as usize).copied();
        found.ok_or_else(|| Error::link(self.library, format!("{what} {index} does not exist")))
    }

    fn constant(&self, global: u32) -> Result<Option<i32>> {
        let found = self.globals.get(global as usize).copied();
        found.ok_or_else(|| Error::link(self.library, format!("global {global} does not exist")))
    }

    fn refuse<T>(&self, what: &str) -> Result<T, ReencodeError<Error>> {
        Err(ReencodeError::UserError(Error::link(self.library, what)))
    }
}

impl Reencode for Rewriter<'_> {
    type Error = Error;

    fn type_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.merged_type(index).map_err(ReencodeError::UserError)
    }

    fn function_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        self.lookup(self.functions, index, "function").map_err(ReencodeError::UserError)
    }

    fn global_index(&mut self, index: u32) -> Result<u32, ReencodeError<Error>> {
        match self.constant(index).map_err(ReencodeError::UserError)? {
            None => Ok(0),
            Some(_) => self.refuse("code assigns a global that must be constant"),
        }
    }

    fn data_index(&mut self, _: u32) -> Result<u32, ReencodeError<Error>> {
        self.refuse("code refers to a data segment")
    }

    fn element_index(&mut self, _: u32) -> Result<u32, ReencodeError<Error>> {
        self.refuse("code refers to an element segment")
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, ReencodeError<Error>> {
        if let Operator::GlobalGet { global_index } = operator
            && let Some(value) = self.constant(global_index).map_err(ReencodeError::UserError)?
        {
            return Ok(Instruction::I32Const(value));
        }
        wasm_encoder::reencode::utils::instruction(self, operator)
    }
}
