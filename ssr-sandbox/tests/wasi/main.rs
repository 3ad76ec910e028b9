//! The WASI host, called by a module that passes on what it is given.

mod clocks;
mod descriptors;
mod directories;
mod files;
mod guest;
mod hostile;
mod paths;
mod streams;
mod suite;
