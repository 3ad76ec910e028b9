//! Starting Python by calling its C API from outside.

use crate::interpreter::engine::{ExecOutcome, GuestInstance};
use crate::{Error, Result};

use super::link::INITIALIZE;

/// Where installed packages are looked for.
const SITE_PACKAGES: &str = "/site-packages";

/// Functions of the guest that the host calls.
pub(super) const EXPORTS: [&str; 17] = [
    "malloc",
    "free",
    CABI_REALLOC,
    "PyInitConfig_Create",
    "PyInitConfig_Free",
    "PyInitConfig_SetInt",
    "PyInitConfig_SetStr",
    "PyInitConfig_SetStrList",
    "PyInitConfig_GetError",
    "Py_InitializeFromInitConfig",
    "PyRun_SimpleStringFlags",
    "PySys_GetObject",
    "PyObject_CallMethod",
    "PyErr_Clear",
    "Py_DecRef",
    "PyErr_Print",
    "fflush",
];

/// Called for lists that WASI 0.2 returns; a guest that imports preview1 alone has none.
pub(super) const CABI_REALLOC: &str = "cabi_realloc";

/// Same hashes, same text encoding and same module path in every run.
const SETTINGS: [(&str, i64); 9] = [
    ("isolated", 0),
    ("safe_path", 0),
    ("use_environment", 0),
    ("user_site_directory", 0),
    ("use_hash_seed", 1),
    ("hash_seed", 0),
    ("utf8_mode", 1),
    ("install_signal_handlers", 0),
    ("parse_argv", 0),
];

/// Shims that make the guest look like the machine that test tools expect.
const PRELUDE: &str = include_str!("prelude.py");

/// Runs the constructors and starts the interpreter.
pub(super) fn boot(instance: &mut GuestInstance, stdlib: &str) -> Result<()> {
    let mut message = String::new();
    let started = instance.guarded(|guest| {
        guest.call::<_, ()>(INITIALIZE, ())?;
        match initialize(guest, stdlib)? {
            None => Ok(0),
            Some(reason) => {
                message = reason;
                Ok(1)
            }
        }
    })?;
    match started {
        ExecOutcome::Finished { status: 0 } => {}
        ExecOutcome::Finished { .. } => return Err(Error::Boot(message)),
        other => return Err(failed(instance, &other)),
    }
    match instance.exec(PRELUDE)? {
        ExecOutcome::Finished { status: 0 } => Ok(()),
        other => Err(failed(instance, &other)),
    }
}

fn failed(instance: &GuestInstance, outcome: &ExecOutcome) -> Error {
    Error::Boot(format!("{outcome:?}; {}", instance.ctx().stderr().text().trim()))
}

/// Configures and starts Python; a message if it refuses.
fn initialize(guest: &mut GuestInstance, stdlib: &str) -> wasmtime::Result<Option<String>> {
    let config: u32 = guest.call("PyInitConfig_Create", ())?;
    let mut status = 0;
    for (name, value) in SETTINGS {
        let name = guest.c_string(name)?;
        status |= guest.call::<_, i32>("PyInitConfig_SetInt", (config, name, value))?;
    }
    for (name, value) in
        [("program_name", "python3"), ("executable", "/usr/bin/python3"), ("home", "/usr")]
    {
        let (name, value) = (guest.c_string(name)?, guest.c_string(value)?);
        status |= guest.call::<_, i32>("PyInitConfig_SetStr", (config, name, value))?;
    }
    let mut paths = vec![guest.c_string(stdlib)?];
    if guest.ctx().vfs().exists(SITE_PACKAGES) {
        paths.push(guest.c_string(SITE_PACKAGES)?);
    }
    let (name, list) = (guest.c_string("module_search_paths")?, guest.pointers(&paths)?);
    let arguments = (config, name, paths.len() as u32, list);
    status |= guest.call::<_, i32>("PyInitConfig_SetStrList", arguments)?;
    if status == 0 {
        status = guest.call::<_, i32>("Py_InitializeFromInitConfig", config)?;
    }
    if status == 0 {
        guest.call::<_, ()>("PyInitConfig_Free", config)?;
        return Ok(None);
    }
    let message = guest.pointers(&[0])?;
    guest.call::<_, i32>("PyInitConfig_GetError", (config, message))?;
    let message = guest.read_pointer(message)?;
    Ok(Some(guest.read_c_string(message)))
}
