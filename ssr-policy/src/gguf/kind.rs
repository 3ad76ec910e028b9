//! How the elements of a GGUF tensor are stored: which types are read, and what the others are called.

use super::blocks::{self, Blocks};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    /// Integers in blocks with scales.
    Blocks(&'static Blocks),
    /// A type that is not read, by its number in ggml.
    Other(u32),
}

/// ggml's names of the types that are not read.
const OTHERS: [(u32, &str); 18] = [
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

impl Kind {
    pub(super) fn new(code: u32) -> Self {
        match code {
            0 => Self::F32,
            1 => Self::F16,
            30 => Self::Bf16,
            _ => match blocks::ALL.iter().find(|blocks| blocks.code == code) {
                Some(blocks) => Self::Blocks(blocks),
                None => Self::Other(code),
            },
        }
    }

    /// Elements and bytes of a block, where the type is read.
    pub(super) fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Blocks(blocks) => Some((blocks.elements, blocks.bytes)),
            Self::Other(_) => None,
        }
    }

    /// ggml's name of the type.
    pub(super) fn name(self) -> String {
        match self {
            Self::F32 => "F32".to_owned(),
            Self::F16 => "F16".to_owned(),
            Self::Bf16 => "BF16".to_owned(),
            Self::Blocks(blocks) => blocks.name.to_owned(),
            Self::Other(code) => match OTHERS.iter().find(|(other, _)| *other == code) {
                Some((_, name)) => (*name).to_owned(),
                None => format!("of the unknown type {code}"),
            },
        }
    }
}
