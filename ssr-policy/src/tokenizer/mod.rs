//! Text as tokens and back.

mod bytes;
mod family;
mod load;
mod merges;
mod special;
mod train;
mod vocabulary;
mod words;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::chat::ChatTemplate;
use crate::error::{Error, Result};
use crate::files;
use family::Family;
use load::Settings;
pub(crate) use special::Piece;
use special::Specials;
pub(crate) use vocabulary::Vocabulary;

/// The largest token id that is accepted, so that a hostile file cannot ask for a huge table.
const MAX_ID: u32 = 1 << 22;

/// A byte-pair tokenizer: trained here, or read from the `tokenizer.json` of a model of the families
/// Qwen, Llama 3 and CWM (byte-level), or Llama 2 and Code Llama (sentencepiece), or from a GGUF file
/// with a byte-level vocabulary.
///
/// Text never becomes a special token: `<|im_end|>` in a message is five characters and some, not
/// the end of the message. Every string survives encoding and decoding unchanged, unless the
/// tokenizer itself normalises it (Qwen's composes accents).
#[derive(Clone)]
pub struct Tokenizer {
    /// Encodes text as it is: without special tokens, and without the space that some families put
    /// before it.
    inner: tokenizers::Tokenizer,
    bytes: Arc<[Option<Box<[u8]>>]>,
    family: Family,
    specials: Arc<Specials>,
    /// Ascending.
    ends: Arc<[u32]>,
    end_of_message: u32,
    template: Option<Arc<ChatTemplate>>,
    settings: Arc<Settings>,
    /// Built when the first request asks for them.
    #[cfg(feature = "grammar")]
    grammars: Arc<std::sync::OnceLock<Result<crate::grammar::Grammars, String>>>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").field("vocab_size", &self.vocab_size()).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads a folder in Hugging Face's layout: `tokenizer.json`, and where they exist
    /// `tokenizer_config.json`, `special_tokens_map.json`, `generation_config.json`, `config.json`
    /// (for the ends of generation) and `chat_template.jinja`.
    ///
    /// A folder without a chat template gets the plain format of its family where its special
    /// tokens tell one: ChatML, or the headers of Llama 3 and CWM.
    ///
    /// The path of a GGUF file instead reads the tokenizer inside it, as [`Self::load_gguf`] does, or
    /// the folder that it lies in, where there is none inside that can be read.
    ///
    /// # Errors
    /// When `tokenizer.json` is missing, a file is corrupt or too large, the tokenizer is of another
    /// family, or nothing tells which token ends a message.
    pub fn load(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return load::load(path);
        }
        let folder = path.parent().filter(|folder| folder.join(files::TOKENIZER).is_file());
        match (Self::load_gguf(path), folder) {
            (Err(_), Some(folder)) => load::load(folder),
            (inside, _) => inside,
        }
    }

    /// Writes what [`Self::load`] reads to a folder, each file at once or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        match &self.settings.tokenizer {
            Some(json) => files::write_atomically(&dir.join(files::TOKENIZER), json)?,
            None => {
                let json = self.inner.to_string(true).map_err(tokenizer_error)?;
                files::write_atomically(&dir.join(files::TOKENIZER), json.as_bytes())?;
            }
        }
        for (name, content) in &self.settings.others {
            files::write_atomically(&dir.join(name), content)?;
        }
        Ok(())
    }

    /// One more than the largest token id: the number of logits that a model needs.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The tokens of a text that continues another: nothing is put before it.
    ///
    /// # Errors
    /// When the tokenizer cannot express the text, which a byte-level one always can.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut tokens = Vec::new();
        for (text, bytes) in self.family.parts(text) {
            let encoding = self.inner.encode_fast(text, false).map_err(tokenizer_error)?;
            tokens.extend_from_slice(encoding.get_ids());
            tokens.extend_from_slice(bytes);
        }
        match tokens.iter().find(|&&token| self.specials.contains(token)) {
            None => Ok(tokens),
            Some(special) => {
                let problem = format!("a text would become the special token {special}");
                Err(Error::tokenizer(problem))
            }
        }
    }

    /// The text of tokens; special tokens have none, and bytes that are not UTF-8 become `U+FFFD`.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> =
            tokens.iter().flat_map(|&token| self.token_bytes(token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The bytes that one token adds to a text: none for special and unknown tokens.
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).and_then(|bytes| bytes.as_deref()).unwrap_or_default()
    }

    /// The token that closes a message: `<|im_end|>`, `<|eot_id|>`, or what the folder names.
    pub fn end_of_message(&self) -> u32 {
        self.end_of_message
    }

    /// All tokens that end what a model says, ascending.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Whether a token ends what a model says.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The id of a special token by its spelling.
    pub fn special_token(&self, spelling: &str) -> Option<u32> {
        self.specials.id(spelling)
    }

    /// The chat template, if the tokenizer has one.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.template.as_deref()
    }

    /// Replaces the chat template; it is saved with the tokenizer.
    #[must_use]
    pub fn with_chat_template(mut self, template: ChatTemplate) -> Self {
        self.settings = Arc::new(self.settings.with_template(&template));
        self.template = Some(Arc::new(template));
        self
    }

    /// How a special token is spelled.
    #[cfg(feature = "grammar")]
    pub(crate) fn special_spelling(&self, token: u32) -> Option<&str> {
        self.specials.spelling_of(token)
    }

    /// What answers in formal languages need to know of the vocabulary.
    #[cfg(feature = "grammar")]
    pub(crate) fn grammars(&self) -> Result<&crate::grammar::Grammars, String> {
        let grammars = self.grammars.get_or_init(|| crate::grammar::Grammars::new(self));
        grammars.as_ref().map_err(String::clone)
    }

    /// Cuts a text at its special tokens.
    pub(crate) fn pieces<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Piece<'t>> {
        self.specials.pieces(text)
    }

    /// The tokens of a part of a rendered conversation that holds no special token, and the bytes of
    /// the part that each stands for. Directly after a special token (`section`), or at the very
    /// beginning (`first`), some families put a space before it.
    pub(crate) fn encode_section(
        &self,
        text: &str,
        section: bool,
        first: bool,
    ) -> Result<(Vec<u32>, Vec<Range<usize>>)> {
        let lead = self.family.lead(text, section, first);
        let tokens = if lead > 0 { self.encode(&format!(" {text}"))? } else { self.encode(text)? };
        let mut end = 0;
        let mut span = |len: usize| {
            let start = end;
            end += len;
            start.saturating_sub(lead)..end.saturating_sub(lead)
        };
        let spans: Vec<Range<usize>> =
            tokens.iter().map(|&token| span(self.token_bytes(token).len())).collect();
        if end == lead + text.len() {
            return Ok((tokens, spans));
        }
        // The text was normalised: its tokens have other lengths than its characters.
        let encoding = self.inner.encode(text, false).map_err(tokenizer_error)?;
        let spans = encoding.get_offsets().iter().map(|&(start, end)| start..end).collect();
        if encoding.get_ids() == tokens {
            return Ok((tokens, spans));
        }
        let problem = format!("{} bytes of text are lost", text.len().abs_diff(end));
        Err(Error::tokenizer(problem))
    }
}

fn tokenizer_error(source: tokenizers::Error) -> Error {
    Error::Tokenizer { problem: source.to_string(), source: Some(source) }
}
