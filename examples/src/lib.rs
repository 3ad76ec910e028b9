//! Shared parts of the example programs.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod arena;
pub mod bench;
mod coverage;
mod device;
mod failure;
mod model;
mod operators;
mod package;
mod repository;
mod requirements;
mod sdist;
mod smollm2;
mod start;
mod trial;

pub use arena::Arena;
pub use coverage::{measure_coverage, measure_test_coverage};
pub use device::device;
pub use failure::{Failure, Result};
pub use model::ModelArgs;
pub use operators::{OperatorEdits, OperatorInjector};
pub use package::{PYTEST, Package, Packages, same_package};
pub use repository::{Screened, open_sandbox, prepare_guest, prepare_python, screen, test_modules};
pub use smollm2::{SMOLLM2, smollm2};
pub use start::{StartingPoint, pretrained_policy, untrained_policy};
pub use trial::{Effect, Trial, Trials, compile_all};
