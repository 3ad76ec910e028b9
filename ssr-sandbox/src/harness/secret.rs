//! Randomness of the operating system: the key of a run's events, the name of its event channel.

use crate::{Error, Result};

/// Random bytes of the operating system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random { source: error.into() })?;
    Ok(bytes)
}

/// 128 random bits in hexadecimal digits: tested code that cannot find them cannot guess them.
pub(crate) fn secret() -> Result<String> {
    let bytes: [u8; 16] = random_bytes()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_128_bits() {
        let secrets: std::collections::BTreeSet<_> = (0..100).map(|_| secret().unwrap()).collect();
        assert_eq!(secrets.len(), 100);
        assert!(secrets.iter().all(|secret| secret.len() == 32));
    }
}
