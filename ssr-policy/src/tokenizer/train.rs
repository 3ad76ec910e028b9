//! Training of a byte-level vocabulary.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use super::bytes::ByteAlphabet;
use super::load::{self, Settings};
use super::{MAX_ID, Tokenizer, merges, tokenizer_error, words};
use crate::error::{Error, Result};

/// In the order of their ids.
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

impl Tokenizer {
    /// The smallest vocabulary that is trained: all bytes and the special tokens.
    pub const MIN_VOCAB_SIZE: usize = 256 + SPECIAL.len();

    /// Learns merges from texts until the vocabulary has `vocab_size` tokens or no pair of tokens
    /// occurs twice. Equal texts give an equal tokenizer, to the byte. Its special tokens and its
    /// chat template are Qwen's.
    ///
    /// # Errors
    /// When `vocab_size` is below [`Self::MIN_VOCAB_SIZE`] or absurdly large.
    pub fn train<S: AsRef<str>>(
        texts: impl IntoIterator<Item = S>,
        vocab_size: usize,
    ) -> Result<Self> {
        if !(Self::MIN_VOCAB_SIZE..=MAX_ID as usize).contains(&vocab_size) {
            let range = Self::MIN_VOCAB_SIZE..=MAX_ID as usize;
            let problem = format!("a vocabulary of {vocab_size}; it must lie in {range:?}");
            return Err(Error::tokenizer(problem));
        }
        let splitter = words::splitter(&[words::QWEN])?;
        let mut counts: HashMap<String, u64> = HashMap::new();
        for text in texts {
            let mut text = PreTokenizedString::from(text.as_ref());
            splitter.pre_tokenize(&mut text).map_err(tokenizer_error)?;
            for (word, ..) in text.get_splits(OffsetReferential::Original, OffsetType::None) {
                *counts.entry(word.to_owned()).or_default() += 1;
            }
        }
        let mut tokens: Vec<String> = SPECIAL.map(str::to_owned).into();
        tokens.extend(ByteAlphabet::new().chars().map(String::from));
        let merges = merges::learn(counts, &mut tokens, vocab_size);
        let vocab: Vocab = tokens.into_iter().zip(0..).collect();
        let model = BPE::builder().vocab_and_merges(vocab, merges).build();
        let mut inner = tokenizers::Tokenizer::new(model.map_err(tokenizer_error)?);
        inner.with_pre_tokenizer(Some(splitter));
        inner.with_decoder(Some(ByteLevel::new(false, false, false)));
        let special = SPECIAL.map(|token| AddedToken::from(token, true));
        inner.add_special_tokens(special).map_err(tokenizer_error)?;
        load::assemble(inner, Settings::default())
    }
}
