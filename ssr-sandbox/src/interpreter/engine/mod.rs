//! Running the linked guest: limits, instances and snapshots.

mod budget;
mod image;
mod instance;
mod limits;
mod pool;
mod preview2;
mod runtime;
mod snapshot;
mod stack;
mod ticker;

pub use instance::{ExecOutcome, GuestInstance};
pub use limits::InstanceLimits;
pub use snapshot::GuestSnapshot;
pub use stack::on_guest_stack;

pub(crate) use budget::processor_time;
pub(crate) use image::{MemoryImage, PAGE};
pub(crate) use instance::STACK_POINTER;
#[cfg(test)]
pub(crate) use runtime::engine_with;
pub(crate) use runtime::{Runtime, compiler, engine};
