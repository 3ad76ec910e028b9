//! Merging shared objects into one module with fixed addresses.
//!
//! Layout of the memory: the stack at the bottom (so that an overflow leaves the memory and traps
//! instead of overwriting data), then the data of each library, then the heap. The table holds each
//! library's own functions, then one slot for every function whose address crosses libraries.

use std::collections::{BTreeMap, HashMap};

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemoryType,
    Module, RefType, TableSection, TableType, TypeSection, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{ExternalKind, FuncType};

use super::{
    dylink::Library,
    fold::{Folder, GlobalValues},
    rewrite::Rewriter,
};
use crate::interpreter::engine::{MemoryImage, PAGE, STACK_POINTER};
use crate::{Error, Result};

/// Raised whenever the output changes for equal inputs, so that cached guests are made again.
pub(super) const LINKER_VERSION: u32 = 3;

/// Size of the guest's own stack in linear memory: this CPython has no working check of its native
/// recursion, so there should be room for what works elsewhere. Untouched parts cost nothing.
const STACK_BYTES: u32 = 16 << 20;

/// Symbols that become functions returning zero.
///
/// Nothing can be loaded at run time, and the host calls the C API instead of `main`. The libc has
/// `pthread_key_delete`, but it walks a list of threads that nothing initialises, for ever; Python
/// calls it only on its way out.
const STUBS: [&str; 5] = ["dlopen", "dlsym", "dlerror", "__main_argc_argv", "pthread_key_delete"];

/// Name of the exported function that runs every library's constructors.
pub(crate) const INITIALIZE: &str = "_initialize";

/// The merged guest: code without data, and the memory that it starts with.
pub(super) struct Linked {
    pub code: Vec<u8>,
    pub image: MemoryImage,
}

/// Links `libraries`, which are ordered so that each comes after those it needs; of two
/// definitions of a symbol the earlier one wins. `exports` are the functions the host will call.
pub(super) fn link(libraries: &[Library<'_>], exports: &[&str]) -> Result<Linked> {
    let mut linker = Linker::lay_out(libraries)?;
    linker.resolve_functions()?;
    let mut globals = linker.resolve_globals()?;
    let image = linker.fold(&mut globals)?;
    let code = linker.encode(&mut globals, &image, exports)?;
    Ok(Linked { code, image })
}

/// Where one library lives in the merged index spaces.
struct Place {
    memory_base: u32,
    table_base: u32,
    /// Merged index of every function of the library's own index space.
    functions: Vec<u32>,
}

struct Linker<'l, 'a> {
    libraries: &'l [Library<'a>],
    places: Vec<Place>,
    /// First address after all data.
    heap_base: u32,
    /// Host functions in import order.
    imports: Vec<(&'a str, &'a str, u32)>,
    stubs: Vec<(&'a str, u32)>,
    types: Vec<FuncType>,
    type_indices: HashMap<FuncType, u32>,
    /// First table slot of functions whose address crosses libraries.
    shared_slots: u32,
    /// Those functions in slot order, and the slot of each.
    shared: Vec<u32>,
    slots: BTreeMap<u32, u32>,
}

impl<'l, 'a> Linker<'l, 'a> {
    fn lay_out(libraries: &'l [Library<'a>]) -> Result<Self> {
        let (mut address, mut slot) = (STACK_BYTES, 1);
        let mut places = Vec::new();
        for library in libraries {
            let align = 1_u32.checked_shl(library.memory_alignment).unwrap_or(1);
            let memory_base = address.next_multiple_of(align);
            places.push(Place { memory_base, table_base: slot, functions: Vec::new() });
            address = memory_base
                .checked_add(library.memory_size)
                .ok_or_else(|| library.error("its memory does not fit"))?;
            slot += library.table_size;
        }
        Ok(Self {
            libraries,
            places,
            heap_base: address.next_multiple_of(16),
            imports: Vec::new(),
            stubs: Vec::new(),
            types: Vec::new(),
            type_indices: HashMap::new(),
            shared_slots: slot,
            shared: Vec::new(),
            slots: BTreeMap::new(),
        })
    }

    fn pages(&self) -> u32 {
        self.heap_base.div_ceil(PAGE as u32) + 1
    }

    /// Gives every function its merged index: host imports, stubs, then library after library.
    fn resolve_functions(&mut self) -> Result<()> {
        let libraries = self.libraries;
        for library in libraries {
            for (import, ty) in &library.function_imports {
                let ty = self.merged_type(library, *ty)?;
                let is_env = import.module == "env";
                if !is_env {
                    if !self.imports.contains(&(import.module, import.name, ty)) {
                        self.imports.push((import.module, import.name, ty));
                    }
                } else if self.definer(import.name, ExternalKind::Func).is_none()
                    && !self.stubs.iter().any(|(name, _)| *name == import.name)
                {
                    if !STUBS.contains(&import.name) {
                        return Err(library.error(format!("undefined function {}", import.name)));
                    }
                    self.stubs.push((import.name, ty));
                }
            }
        }
        let mut next = (self.imports.len() + self.stubs.len()) as u32;
        let mut first_defined = Vec::new();
        for library in libraries {
            first_defined.push(next);
            next += library.functions.len() as u32;
        }
        for (index, library) in libraries.iter().enumerate() {
            let mut functions = Vec::with_capacity(library.functions.len());
            for (position, (import, ty)) in library.function_imports.iter().enumerate() {
                functions.push(if import.module == "env" {
                    self.resolve_symbol(library, position as u32, import.name, &first_defined)?
                } else {
                    let ty = self.merged_type(library, *ty)?;
                    let found =
                        self.imports.iter().position(|i| *i == (import.module, import.name, ty));
                    found.ok_or_else(|| library.error("an import was lost"))? as u32
                });
            }
            functions.extend((0..library.functions.len() as u32).map(|i| first_defined[index] + i));
            self.places[index].functions = functions;
        }
        Ok(())
    }

    /// Merged index of the function `name` that `library` imports from another library.
    fn resolve_symbol(
        &self,
        library: &Library<'_>,
        import: u32,
        name: &str,
        first_defined: &[u32],
    ) -> Result<u32> {
        let Some((definer, index)) = self.definer(name, ExternalKind::Func) else {
            let stub = self.stubs.iter().position(|(stub, _)| *stub == name);
            let stub = stub.ok_or_else(|| library.error(format!("undefined function {name}")))?;
            return Ok((self.imports.len() + stub) as u32);
        };
        let target = &self.libraries[definer];
        if target.function_type(index)? != library.function_type(import)? {
            return Err(library.error(format!("{name} has another type in {}", target.name)));
        }
        let defined = index
            .checked_sub(target.function_imports.len() as u32)
            .ok_or_else(|| library.error(format!("{} re-exports {name}", target.name)))?;
        Ok(first_defined[definer] + defined)
    }

    /// The first library that exports `name`, and the index of the item in that library.
    fn definer(&self, name: &str, kind: ExternalKind) -> Option<(usize, u32)> {
        if STUBS.contains(&name) {
            return None;
        }
        let mut found = self.libraries.iter().enumerate();
        found.find_map(|(at, library)| library.export(name, kind).map(|index| (at, index)))
    }

    fn merged_type(&mut self, library: &Library<'_>, index: u32) -> Result<u32> {
        let ty = library.types.get(index as usize);
        let ty = ty.ok_or_else(|| library.error(format!("type {index} does not exist")))?;
        Ok(self.intern(ty.clone()))
    }

    fn intern(&mut self, ty: FuncType) -> u32 {
        let next = self.types.len() as u32;
        *self.type_indices.entry(ty.clone()).or_insert_with(|| {
            self.types.push(ty);
            next
        })
    }

    /// Turns bases, global offset tables and exported addresses into numbers.
    fn resolve_globals(&mut self) -> Result<Vec<GlobalValues>> {
        // Exported data addresses are relative to their library's base, so defined globals
        // come first and imports that refer to them second.
        let mut values: Vec<GlobalValues> = Vec::new();
        for (place, library) in self.places.iter().zip(self.libraries) {
            let mut globals: GlobalValues = library
                .global_imports
                .iter()
                .map(|import| match (import.module, import.name) {
                    ("env", "__memory_base") => Some(place.memory_base.cast_signed()),
                    ("env", "__table_base") => Some(place.table_base.cast_signed()),
                    _ => None,
                })
                .collect();
            for global in &library.globals {
                let mut folder = Folder { library, globals: &mut globals, memory: &mut [] };
                let value = folder.value(global)?;
                globals.push(Some(value.cast_signed()));
            }
            values.push(globals);
        }
        for (at, library) in self.libraries.iter().enumerate() {
            for (position, import) in library.global_imports.iter().enumerate() {
                if let Some(value) =
                    self.offset_table_entry(library, import.module, import.name, &values)?
                {
                    values[at][position] = Some(value.cast_signed());
                }
            }
        }
        Ok(values)
    }

    fn offset_table_entry(
        &mut self,
        library: &Library<'_>,
        module: &str,
        name: &str,
        values: &[GlobalValues],
    ) -> Result<Option<u32>> {
        let undefined = || library.error(format!("undefined symbol {module}.{name}"));
        match (module, name) {
            ("env", "__memory_base" | "__table_base" | "__stack_pointer") => Ok(None),
            ("GOT.mem", "__heap_base") => Ok(Some(self.heap_base)),
            ("GOT.mem", "__heap_end") => Ok(Some(self.pages() * PAGE as u32)),
            ("GOT.mem", _) => {
                let (at, index) = self.definer(name, ExternalKind::Global).ok_or_else(undefined)?;
                let relative = values[at].get(index as usize).copied().flatten();
                let relative = relative.ok_or_else(undefined)?.cast_unsigned();
                Ok(Some(self.places[at].memory_base + relative))
            }
            ("GOT.func", _) => {
                let (at, index) = self.definer(name, ExternalKind::Func).ok_or_else(undefined)?;
                let function = self.places[at].functions[index as usize];
                let next = self.shared_slots + self.shared.len() as u32;
                Ok(Some(*self.slots.entry(function).or_insert_with(|| {
                    self.shared.push(function);
                    next
                })))
            }
            _ => Err(undefined()),
        }
    }

    /// Runs all start-up code, giving the memory before any constructor.
    fn fold(&self, globals: &mut [GlobalValues]) -> Result<MemoryImage> {
        let mut memory = vec![0; self.pages() as usize * PAGE];
        for (library, globals) in self.libraries.iter().zip(globals.iter_mut()) {
            let mut folder = Folder { library, globals, memory: &mut memory };
            folder.active_data()?;
            for function in startup_functions(library) {
                folder.call(function)?;
            }
        }
        Ok(MemoryImage::capture(&memory))
    }

    fn encode(
        mut self,
        globals: &mut [GlobalValues],
        image: &MemoryImage,
        exports: &[&str],
    ) -> Result<Vec<u8>> {
        let nullary = self.intern(FuncType::new([], []));
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for (_, ty) in &self.stubs {
            functions.function(*ty);
            code.function(&zero_function(&self.types[*ty as usize])?);
        }
        let mut elements = ElementSection::new();
        let libraries = self.libraries;
        for (at, library) in libraries.iter().enumerate() {
            let types: Vec<u32> = (0..library.types.len() as u32)
                .map(|index| self.merged_type(library, index))
                .collect::<Result<_>>()?;
            let place = &self.places[at];
            let folded: Vec<u32> = startup_functions(library).collect();
            let mut rewriter = Rewriter {
                library: library.name,
                types: &types,
                functions: &place.functions,
                globals: &globals[at],
            };
            for (position, (ty, body)) in library.functions.iter().zip(&library.bodies).enumerate()
            {
                functions.function(rewriter.merged_type(*ty)?);
                let own_index = (library.function_imports.len() + position) as u32;
                if folded.contains(&own_index) {
                    code.function(&nothing());
                } else {
                    rewriter.body(&mut code, body.clone())?;
                }
            }
            for segment in &library.elements {
                let mut folder = Folder { library, globals: &mut globals[at], memory: &mut [] };
                let offset = ConstExpr::i32_const(folder.value(&segment.offset)?.cast_signed());
                let merged: Vec<u32> = segment
                    .functions
                    .iter()
                    .map(|index| place.functions.get(*index as usize).copied())
                    .collect::<Option<_>>()
                    .ok_or_else(|| library.error("an element refers to no function"))?;
                elements.active(None, &offset, Elements::Functions(merged.into()));
            }
        }
        let first_shared = ConstExpr::i32_const(self.shared_slots.cast_signed());
        elements.active(None, &first_shared, Elements::Functions((&self.shared).into()));
        functions.function(nullary);
        code.function(&self.constructors());

        let mut module = Module::new();
        module
            .section(&self.type_section()?)
            .section(&self.import_section(image))
            .section(&functions)
            .section(&self.table_section())
            .section(&stack_pointer())
            .section(&self.export_section(exports)?)
            .section(&elements)
            .section(&code);
        Ok(module.finish())
    }

    fn type_section(&self) -> Result<TypeSection> {
        let mut section = TypeSection::new();
        for ty in &self.types {
            let ty =
                RoundtripReencoder.func_type(ty.clone()).map_err(|e| Error::link("types", e))?;
            section.ty().func_type(&ty);
        }
        Ok(section)
    }

    fn import_section(&self, image: &MemoryImage) -> ImportSection {
        let mut section = ImportSection::new();
        for (module, name, ty) in &self.imports {
            section.import(module, name, EntityType::Function(*ty));
        }
        let memory = MemoryType {
            minimum: u64::from(image.pages),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        section.import("env", "memory", memory);
        section
    }

    fn table_section(&self) -> TableSection {
        let size = u64::from(self.shared_slots) + self.shared.len() as u64;
        let mut section = TableSection::new();
        section.table(TableType {
            element_type: RefType::FUNCREF,
            minimum: size,
            maximum: Some(size),
            table64: false,
            shared: false,
        });
        section
    }

    fn export_section(&self, exports: &[&str]) -> Result<ExportSection> {
        let mut section = ExportSection::new();
        section.export("memory", ExportKind::Memory, 0);
        section.export(STACK_POINTER, ExportKind::Global, 0);
        section.export(INITIALIZE, ExportKind::Func, self.constructors_index());
        for name in exports {
            let (at, index) = self
                .definer(name, ExternalKind::Func)
                .ok_or_else(|| Error::link("exports", format!("no library defines {name}")))?;
            section.export(name, ExportKind::Func, self.places[at].functions[index as usize]);
        }
        Ok(section)
    }

    fn constructors_index(&self) -> u32 {
        let defined: usize = self.libraries.iter().map(|library| library.functions.len()).sum();
        (self.imports.len() + self.stubs.len() + defined) as u32
    }

    /// Calls each library's own `_initialize` in order.
    fn constructors(&self) -> Function {
        let mut function = Function::new([]);
        for (place, library) in self.places.iter().zip(self.libraries) {
            if let Some(index) = library.export(INITIALIZE, ExternalKind::Func) {
                function.instruction(&Instruction::Call(place.functions[index as usize]));
            }
        }
        function.instruction(&Instruction::End);
        function
    }
}

/// The functions of `library` whose whole effect is part of the memory image.
fn startup_functions(library: &Library<'_>) -> impl Iterator<Item = u32> {
    let relocations = library.export("__wasm_apply_data_relocs", ExternalKind::Func);
    library.start.into_iter().chain(relocations)
}

fn stack_pointer() -> GlobalSection {
    let mut section = GlobalSection::new();
    let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    section.global(ty, &ConstExpr::i32_const(STACK_BYTES.cast_signed()));
    section
}

fn nothing() -> Function {
    let mut function = Function::new([]);
    function.instruction(&Instruction::End);
    function
}

fn zero_function(ty: &FuncType) -> Result<Function> {
    let mut function = Function::new([]);
    for result in ty.results() {
        function.instruction(&match result {
            wasmparser::ValType::I32 => Instruction::I32Const(0),
            wasmparser::ValType::I64 => Instruction::I64Const(0),
            other => return Err(Error::link("stubs", format!("no zero of type {other}"))),
        });
    }
    function.instruction(&Instruction::End);
    Ok(function)
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpreter::guest::source::{GuestSource, LIBRARIES};

    fn linked(exports: &[&str]) -> Result<Linked> {
        let source = GuestSource::from_env();
        let files: Vec<_> =
            LIBRARIES.iter().map(|pin| (pin.name(), source.load(pin).unwrap())).collect();
        let libraries: Vec<_> =
            files.iter().map(|(name, bytes)| Library::parse(name, bytes).unwrap()).collect();
        link(&libraries, exports)
    }

    #[test]
    fn the_guest_links_to_the_same_valid_module_every_time() {
        let one = linked(&["malloc", "Py_Initialize"]).unwrap();
        let two = linked(&["malloc", "Py_Initialize"]).unwrap();
        assert!(one.code == two.code && one.image == two.image);
        wasmparser::validate(&one.code).unwrap();
        wasmparser::validate(&one.image.to_module()).unwrap();
        assert!(one.image.offset >= STACK_BYTES && !one.image.bytes.is_empty());
    }

    #[test]
    fn an_unknown_export_is_an_error() {
        let error = linked(&["no_such_function"]).err().unwrap();
        assert!(error.to_string().contains("no_such_function"), "{error}");
    }

    #[test]
    fn what_is_no_shared_object_is_an_error() {
        for bytes in [b"".as_slice(), b"\0asm", b"\0asm\x01\0\0\0", b"#!/bin/sh\n"] {
            assert!(matches!(Library::parse("x", bytes), Err(Error::Link { .. })));
        }
    }
}
