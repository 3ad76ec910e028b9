//! What the host asks of `ssr_runtime.py`, as Python source.

use std::collections::BTreeMap;

use serde::Serialize;
use ssr_core::{TestId, TestRunner};

use super::layout::Layout;
use super::process::{Invocation, Process};
use super::reach::ReachRequest;

/// What `ssr_runtime.run` takes.
#[derive(Serialize)]
struct RuntimeRequest<'a> {
    #[serde(flatten)]
    invocation: &'a Invocation,
    argv: &'a [String],
    env: &'a BTreeMap<String, String>,
    cwd: &'a str,
    path: Vec<&'a str>,
    shadowed: Vec<&'a str>,
    dont_write_bytecode: bool,
    #[serde(flatten)]
    reporting: Option<Reporting<'a>>,
}

/// What a run of tests reports on, and what it need not report.
#[derive(Serialize)]
pub(super) struct Reporting<'a> {
    /// The file that holds the key of the run.
    pub(super) key: &'a str,
    /// The file to write events to.
    pub(super) channel: &'a str,
    /// Ids that are left out.
    pub(super) skip: &'a [String],
    /// Ids that end the run by failing.
    pub(super) required: &'a [TestId],
}

/// The Python source that starts `process`.
pub(super) fn call(process: &Process, layout: &Layout, reporting: Option<Reporting<'_>>) -> String {
    format!("__import__('ssr_runtime').run({})\n", request(process, layout, reporting))
}

/// The Python source that goes on with a prepared session.
pub(super) fn resume(
    wanted: Option<&[String]>,
    files: &[String],
    changed: &[String],
    reporting: Reporting<'_>,
    reach: Option<ReachRequest<'_>>,
) -> String {
    #[derive(Serialize)]
    struct Resumed<'a> {
        kind: &'static str,
        wanted: Option<&'a [String]>,
        files: &'a [String],
        changed: &'a [String],
        reach: Option<ReachRequest<'a>>,
        #[serde(flatten)]
        reporting: Reporting<'a>,
    }
    let resumed = Resumed { kind: "resumed", wanted, files, changed, reach, reporting };
    format!("__import__('ssr_runtime').run({})\n", python_literal(&resumed))
}

/// What `ssr_runtime` takes, as a Python expression.
pub(super) fn request(
    process: &Process,
    layout: &Layout,
    reporting: Option<Reporting<'_>>,
) -> String {
    // The first entry of `sys.path`, as CPython sets it for each kind of command.
    let first = match &process.invocation {
        Invocation::Code { .. } => "",
        #[cfg(feature = "shell")]
        Invocation::Stdin => "",
        #[cfg(feature = "shell")]
        Invocation::File => script_directory(process),
        #[cfg(feature = "shell")]
        Invocation::Module { .. } => &process.cwd,
        Invocation::Tests(tests) if tests.runner == TestRunner::Django => script_directory(process),
        Invocation::Tests(_) => &process.cwd,
    };
    let mut path = vec![first];
    path.extend(layout.roots.iter().map(String::as_str));
    python_literal(&RuntimeRequest {
        invocation: &process.invocation,
        argv: &process.argv,
        env: &process.env,
        cwd: &process.cwd,
        path,
        shadowed: layout.modules.iter().map(String::as_str).collect(),
        dont_write_bytecode: !process.write_bytecode,
        reporting,
    })
}

/// The folder of the script that is the first argument.
fn script_directory(process: &Process) -> &str {
    let directory = process.argv.first().and_then(|file| file.rsplit_once('/'));
    directory.map_or(&process.cwd, |(directory, _)| directory)
}

/// Strings, lists and maps with string keys always have a JSON form, and the JSON form of a string
/// is a string literal of Python, too.
fn python_literal(value: &impl Serialize) -> String {
    let value = serde_json::to_string(value).unwrap_or_default();
    let literal = serde_json::to_string(&value).unwrap_or_default();
    format!("__import__('json').loads({literal})")
}
