//! GPT-2's table of characters for bytes.

use std::collections::HashMap;

/// The printable characters that stand for bytes in a byte-level vocabulary (GPT-2's table):
/// printable Latin-1 bytes stand for themselves, the others are shifted to U+0100 and on.
pub(super) struct ByteAlphabet {
    bytes: HashMap<char, u8>,
}

impl ByteAlphabet {
    pub(super) fn new() -> Self {
        let mut shifted = '\u{100}'..;
        let character = |byte: u8| match byte {
            b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => Some((char::from(byte), byte)),
            _ => shifted.next().map(|character| (character, byte)),
        };
        Self { bytes: (0..=255).filter_map(character).collect() }
    }

    /// All characters, ascending.
    pub(super) fn chars(&self) -> impl Iterator<Item = char> {
        let mut chars: Vec<char> = self.bytes.keys().copied().collect();
        chars.sort_unstable();
        chars.into_iter()
    }

    /// The bytes of a token, if it consists of such characters.
    pub(super) fn decode(&self, token: &str) -> Option<Box<[u8]>> {
        token.chars().map(|character| self.bytes.get(&character).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_tokenizers_crate() {
        let theirs = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        let ours: Vec<char> = ByteAlphabet::new().chars().collect();
        assert_eq!(ours.len(), 256);
        assert!(ours.iter().all(|character| theirs.contains(character)));
        assert_eq!(ByteAlphabet::new().decode("Ġa").as_deref(), Some(&b" a"[..]));
        assert_eq!(ByteAlphabet::new().decode("a b"), None);
    }
}
