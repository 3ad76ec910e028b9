//! A guest that rests in the middle of a command, as a state to go on from.

use std::sync::Arc;

use crate::Result;
use crate::interpreter::{CapturedOutput, DescriptorTable, GuestInstance, GuestSnapshot};

use super::tamper::Reference;

/// An interpreter that rests in the middle of a command, as a state to go on from.
///
/// A snapshot keeps memory and files only. Descriptors live in the host's table, so they are kept
/// beside it; output that was printed before is put in front of what a resumed run prints.
pub(super) struct Paused {
    snapshot: GuestSnapshot,
    reference: Arc<Reference>,
    descriptors: DescriptorTable,
    stdout: CapturedOutput,
    stderr: CapturedOutput,
}

impl Paused {
    pub(super) fn new(instance: GuestInstance, reference: Arc<Reference>) -> Result<Self> {
        let ctx = instance.ctx();
        let (stdout, stderr) = (ctx.stdout().clone(), ctx.stderr().clone());
        let descriptors = ctx.descriptors().clone();
        Ok(Self { snapshot: instance.snapshot()?, reference, descriptors, stdout, stderr })
    }

    pub(super) fn snapshot(&self) -> &GuestSnapshot {
        &self.snapshot
    }

    /// The memory of the test runner in it.
    pub(super) fn reference(&self) -> &Arc<Reference> {
        &self.reference
    }

    /// What the command has open, such as `/dev/null`.
    pub(super) fn descriptors(&self) -> &DescriptorTable {
        &self.descriptors
    }

    /// Puts what the command printed so far in front of what it printed since.
    pub(super) fn complete(&self, stdout: &mut CapturedOutput, stderr: &mut CapturedOutput) {
        for (before, after) in [(&self.stdout, stdout), (&self.stderr, stderr)] {
            if !before.bytes.is_empty() {
                after.prepend(before);
            }
        }
    }
}
