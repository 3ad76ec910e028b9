//! The sandbox as its users see it: repositories, tests, programs and scripts in a real guest.

mod support;

mod django;
mod isolation;
mod limits;
mod logs;
mod outcomes;
mod python;
mod sessions;
mod shell;
mod supplies;
mod unittests;
