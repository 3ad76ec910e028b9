//! Reading one WebAssembly shared object (the `dylink.0` convention of the tool-conventions repository).

use std::collections::BTreeMap;

use wasmparser::{
    ConstExpr, Data, Dylink0Subsection, ElementItems, ElementKind, ExternalKind, FuncType,
    FunctionBody, KnownCustom, Operator, Parser, Payload, TypeRef,
};

use crate::{Error, Result};

/// What a shared object expects the linker to provide.
pub(super) struct Import<'a> {
    pub module: &'a str,
    pub name: &'a str,
}

/// An active element segment of function references.
pub(super) struct Elements<'a> {
    pub offset: ConstExpr<'a>,
    pub functions: Vec<u32>,
}

/// One parsed shared object; index spaces are still its own.
pub(super) struct Library<'a> {
    pub name: &'a str,
    pub memory_size: u32,
    /// Alignment of the library's memory, as a power of two.
    pub memory_alignment: u32,
    pub table_size: u32,
    pub types: Vec<FuncType>,
    /// Imported functions with the index of their type.
    pub function_imports: Vec<(Import<'a>, u32)>,
    pub global_imports: Vec<Import<'a>>,
    /// Type index of every defined function.
    pub functions: Vec<u32>,
    pub bodies: Vec<FunctionBody<'a>>,
    /// Initial values of the defined globals.
    pub globals: Vec<ConstExpr<'a>>,
    pub exports: BTreeMap<&'a str, (ExternalKind, u32)>,
    pub elements: Vec<Elements<'a>>,
    pub data: Vec<Data<'a>>,
    pub start: Option<u32>,
}

impl<'a> Library<'a> {
    /// Parses `bytes`; `name` is used in messages.
    pub fn parse(name: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let mut library = Library {
            name,
            memory_size: 0,
            memory_alignment: 0,
            table_size: 0,
            types: Vec::new(),
            function_imports: Vec::new(),
            global_imports: Vec::new(),
            functions: Vec::new(),
            bodies: Vec::new(),
            globals: Vec::new(),
            exports: BTreeMap::new(),
            elements: Vec::new(),
            data: Vec::new(),
            start: None,
        };
        let mut has_dylink = false;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|e| library.parse_error(e))?;
            if let Payload::CustomSection(section) = &payload {
                has_dylink |= matches!(section.as_known(), KnownCustom::Dylink0(_));
            }
            library.read(payload)?;
        }
        if !has_dylink {
            return Err(library.error("it has no dylink.0 section, so it is not a shared object"));
        }
        if library.bodies.len() != library.functions.len() {
            return Err(library.error("function and code sections disagree"));
        }
        Ok(library)
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<()> {
        let name = self.name;
        let parse_error = move |e: wasmparser::BinaryReaderError| Error::link(name, e);
        match payload {
            Payload::CustomSection(section) => {
                if let KnownCustom::Dylink0(subsections) = section.as_known() {
                    for subsection in subsections {
                        if let Dylink0Subsection::MemInfo(info) = subsection.map_err(parse_error)? {
                            self.memory_size = info.memory_size;
                            self.memory_alignment = info.memory_alignment;
                            self.table_size = info.table_size;
                        }
                    }
                }
            }
            Payload::TypeSection(section) => {
                self.types = section
                    .into_iter_err_on_gc_types()
                    .collect::<Result<_, _>>()
                    .map_err(parse_error)?;
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(parse_error)?;
                    let (source, ty) =
                        (Import { module: import.module, name: import.name }, import.ty);
                    match ty {
                        TypeRef::Func(ty) => self.function_imports.push((source, ty)),
                        TypeRef::Global(_) => self.global_imports.push(source),
                        TypeRef::Memory(_) | TypeRef::Table(_) => {}
                        _ => {
                            return Err(self.error(format!(
                                "unsupported import {}.{}",
                                source.module, source.name
                            )));
                        }
                    }
                }
            }
            Payload::FunctionSection(section) => {
                self.functions =
                    section.into_iter().collect::<Result<_, _>>().map_err(parse_error)?;
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.map_err(parse_error)?;
                    self.globals.push(global.init_expr);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(parse_error)?;
                    self.exports.insert(export.name, (export.kind, export.index));
                }
            }
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.map_err(parse_error)?;
                    let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(items)) =
                        (element.kind, element.items)
                    else {
                        return Err(
                            self.error("only active function element segments are supported")
                        );
                    };
                    let functions =
                        items.into_iter().collect::<Result<_, _>>().map_err(parse_error)?;
                    self.elements.push(Elements { offset: offset_expr, functions });
                }
            }
            Payload::DataSection(section) => {
                self.data = section.into_iter().collect::<Result<_, _>>().map_err(parse_error)?;
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::TableSection(_) | Payload::MemorySection(_) | Payload::TagSection(_) => {
                return Err(self.error(
                    "a shared object must import its memory and table, and define no tags",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Type of function `index` of the library's own index space.
    pub fn function_type(&self, index: u32) -> Result<&FuncType> {
        let imported = self.function_imports.len();
        let ty = match (index as usize).checked_sub(imported) {
            None => self.function_imports.get(index as usize).map(|(_, ty)| *ty),
            Some(defined) => self.functions.get(defined).copied(),
        };
        ty.and_then(|ty| self.types.get(ty as usize))
            .ok_or_else(|| self.error(format!("function {index} has no type")))
    }

    /// The exported function or global `name`, if the library has it.
    pub fn export(&self, name: &str, kind: ExternalKind) -> Option<u32> {
        self.exports.get(name).filter(|(found, _)| *found == kind).map(|(_, index)| *index)
    }

    pub fn error(&self, reason: impl ToString) -> Error {
        Error::link(self.name, reason)
    }

    fn parse_error(&self, error: wasmparser::BinaryReaderError) -> Error {
        Error::link(self.name, error)
    }
}

/// All operators of a constant expression or body that has no control flow.
pub(super) fn operators<'a>(library: &str, expr: &ConstExpr<'a>) -> Result<Vec<Operator<'a>>> {
    expr.get_operators_reader()
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|e| Error::link(library, e))
}
