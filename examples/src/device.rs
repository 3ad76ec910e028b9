//! Finds a device by its name on the command line.

use ssr_policy::Device;

use crate::{Failure, Result};

/// The device that a name stands for: `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// When the name is unknown, the program was built without CUDA, or the device does not exist.
pub fn device(name: &str) -> Result<Device> {
    let number = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => {
            other.strip_prefix("cuda:").and_then(|number| number.parse().ok()).ok_or_else(|| {
                Failure::input(format!("there is no device {other:?}; say cpu, cuda or cuda:N"))
            })?
        }
    };
    if !cfg!(feature = "cuda") {
        let problem = "this program was built without CUDA; `cargo xtask cuda` builds one with it";
        return Err(Failure::input(problem));
    }
    Device::new_cuda(number).map_err(|error| Failure::Infrastructure(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_name() {
        assert!(device("cpu").unwrap().is_cpu());
        for wrong in ["gpu", "cuda:x", "cuda:", ""] {
            let message = device(wrong).unwrap_err().to_string();
            assert!(message.contains("no device"), "{message}");
        }
    }
}
