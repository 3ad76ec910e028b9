use std::sync::Arc;

use crate::Result;
use crate::engine::{Instance, Snapshot};
use crate::tamper::Judge;
use crate::wasi::{Output, Table};

/// An interpreter that rests in the middle of a command, as a state to go on from.
pub(super) struct Paused {
    snapshot: Snapshot,
    judge: Arc<Judge>,
    descriptors: Table,
    stdout: Output,
    stderr: Output,
}

impl Paused {
    pub(super) fn new(instance: Instance, judge: Arc<Judge>) -> Result<Self> {
        let ctx = instance.ctx();
        let (stdout, stderr) = (ctx.stdout().clone(), ctx.stderr().clone());
        let descriptors = ctx.descriptors().clone();
        Ok(Self { snapshot: instance.snapshot()?, judge, descriptors, stdout, stderr })
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What the interpreter looks like while it is left alone.
    pub(super) fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// What the command has open, such as `/dev/null`.
    pub(super) fn descriptors(&self) -> &Table {
        &self.descriptors
    }

    /// Puts what the command printed so far in front of what it printed since.
    pub(super) fn complete(&self, stdout: &mut Output, stderr: &mut Output) {
        for (before, after) in [(&self.stdout, stdout), (&self.stderr, stderr)] {
            if !before.bytes.is_empty() {
                after.prepend(before);
            }
        }
    }
}
