mod bytes;
mod merges;

use std::collections::HashMap;
use std::path::Path;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    SplitDelimiterBehavior,
};

use crate::error::{Error, Result};
use crate::files;
use bytes::ByteAlphabet;

/// Qwen's rule for cutting text into words, within which bytes are merged.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const END_OF_TEXT: &str = "<|endoftext|>";
const START_OF_MESSAGE: &str = "<|im_start|>";
const END_OF_MESSAGE: &str = "<|im_end|>";
/// In the order of their ids.
const SPECIAL: [&str; 3] = [END_OF_TEXT, START_OF_MESSAGE, END_OF_MESSAGE];

/// The largest `tokenizer.json` that is read.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// The largest token id that is accepted, so that a hostile file cannot ask for a huge table.
const MAX_ID: u32 = 1 << 22;

/// A byte-level BPE tokenizer with the special tokens of Qwen.
///
/// Every string survives encoding and decoding unchanged, and text never becomes a special token:
/// `<|im_end|>` in a message is five characters and some, not the end of the message.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    bytes: Vec<Option<Box<[u8]>>>,
    end_of_text: u32,
    start_of_message: u32,
    end_of_message: u32,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// The smallest vocabulary: all bytes and the special tokens.
    pub const MIN_VOCAB_SIZE: usize = 256 + SPECIAL.len();

    /// Learns merges from texts until the vocabulary has `vocab_size` tokens or no pair of tokens
    /// occurs twice. Equal texts give an equal tokenizer, to the byte.
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
            return Err(Error::Tokenizer { problem });
        }
        let splitter = pre_tokenizer()?;
        let mut words: HashMap<String, u64> = HashMap::new();
        for text in texts {
            let mut text = PreTokenizedString::from(text.as_ref());
            splitter.pre_tokenize(&mut text).map_err(tokenizer_error)?;
            for (word, ..) in text.get_splits(OffsetReferential::Original, OffsetType::None) {
                *words.entry(word.to_owned()).or_default() += 1;
            }
        }
        let mut tokens: Vec<String> = SPECIAL.map(str::to_owned).into();
        tokens.extend(ByteAlphabet::new().chars().map(String::from));
        let merges = merges::learn(words, &mut tokens, vocab_size);
        let vocab: Vocab = tokens.into_iter().zip(0..).collect();
        let model = BPE::builder().vocab_and_merges(vocab, merges).build();
        let mut inner = tokenizers::Tokenizer::new(model.map_err(tokenizer_error)?);
        inner.with_pre_tokenizer(Some(splitter));
        inner.with_decoder(Some(ByteLevel::new(false, false, false)));
        let special = SPECIAL.map(|token| AddedToken::from(token, true));
        inner.add_special_tokens(special).map_err(tokenizer_error)?;
        Self::from_inner(inner)
    }

    /// Reads `tokenizer.json` from a folder.
    ///
    /// # Errors
    /// When the file is missing, corrupt, not a byte-level tokenizer, or lacks a special token.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(files::TOKENIZER);
        let size = std::fs::metadata(&path).map_err(Error::io(&path))?.len();
        if size > MAX_FILE_BYTES {
            return Err(Error::file(path, format!("{size} bytes, too large for a tokenizer")));
        }
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let inner = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::file(&path, format!("corrupt or unsupported tokenizer: {e}")))?;
        Self::from_inner(inner).map_err(|e| Error::file(&path, e))
    }

    /// Writes `tokenizer.json` to a folder, at once or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let json = self.inner.to_string(true).map_err(tokenizer_error)?;
        files::write_atomically(&dir.join(files::TOKENIZER), json.as_bytes())
    }

    fn from_inner(mut inner: tokenizers::Tokenizer) -> Result<Self> {
        inner.set_encode_special_tokens(true);
        let vocabulary = inner.get_vocab(true);
        let added = inner.get_added_tokens_decoder();
        let largest = vocabulary.values().max().copied().unwrap_or(0);
        if largest > MAX_ID {
            let problem = format!("the token id {largest} exceeds {MAX_ID}");
            return Err(Error::Tokenizer { problem });
        }
        let alphabet = ByteAlphabet::new();
        let mut bytes = vec![None; largest as usize + 1];
        for (token, &id) in &vocabulary {
            let text = if added.get(&id).is_some_and(|token| token.special) {
                Some(Box::default())
            } else if added.contains_key(&id) {
                Some(token.as_bytes().into())
            } else {
                alphabet.decode(token)
            };
            let problem = || format!("the token {token:?} does not stand for bytes");
            bytes[id as usize] = Some(text.ok_or_else(|| Error::Tokenizer { problem: problem() })?);
        }
        let id = |token: &str| {
            let problem = || format!("the special token {token} is missing");
            vocabulary.get(token).copied().ok_or_else(|| Error::Tokenizer { problem: problem() })
        };
        let ids = (id(END_OF_TEXT)?, id(START_OF_MESSAGE)?, id(END_OF_MESSAGE)?);
        let (end_of_text, start_of_message, end_of_message) = ids;
        Ok(Self { inner, bytes, end_of_text, start_of_message, end_of_message })
    }

    /// One more than the largest token id: the number of logits that a model needs.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// When the tokenizer cannot express the text, which a trained one always can.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(tokenizer_error)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens; special tokens have none, and bytes that are not UTF-8 become `U+FFFD`.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> =
            tokens.iter().flat_map(|&token| self.token_bytes(token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes of one token: none for special and unknown tokens.
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).and_then(|bytes| bytes.as_deref()).unwrap_or_default()
    }

    /// `<|im_start|>`, which opens a message.
    pub fn start_of_message(&self) -> u32 {
        self.start_of_message
    }

    /// `<|im_end|>`, which closes a message.
    pub fn end_of_message(&self) -> u32 {
        self.end_of_message
    }

    /// `<|endoftext|>`, which ends a document.
    pub fn end_of_text(&self) -> u32 {
        self.end_of_text
    }
}

fn pre_tokenizer() -> Result<Sequence> {
    let words = SplitPattern::Regex(WORDS.to_owned());
    let split =
        Split::new(words, SplitDelimiterBehavior::Isolated, false).map_err(tokenizer_error)?;
    Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, false, false).into()]))
}

fn tokenizer_error(problem: tokenizers::Error) -> Error {
    Error::Tokenizer { problem: problem.to_string() }
}
