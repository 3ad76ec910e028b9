//! The tokenizer and the chat template inside a GGUF file.

use std::path::Path;

use super::header::{Header, Value};
use crate::chat::ChatTemplate;
use crate::error::{Error, Result};
use crate::tokenizer::{Tokenizer, Vocabulary};

/// What a template may know by name, and the setting that has its id.
const NAMED: [(&str, &str); 4] = [
    ("bos_token", "bos_token_id"),
    ("eos_token", "eos_token_id"),
    ("unk_token", "unknown_token_id"),
    ("pad_token", "padding_token_id"),
];
/// The settings with the ids of tokens that end what a model says.
const ENDS: [&str; 3] = ["eos_token_id", "eot_token_id", "eom_token_id"];
const TEMPLATE: &str = "tokenizer.chat_template";
const TOOL_TEMPLATE: &str = "tokenizer.chat_template.tool_use";
const REMEDY: &str = "name a folder with the model's tokenizer.json";

impl Tokenizer {
    /// Reads the tokenizer inside a GGUF file, with its chat template: byte-level vocabularies
    /// (`tokenizer.ggml.model` is `gpt2`), as Llama 3, Qwen and SmolLM have them. A text gets the
    /// tokens that llama.cpp gives it, where no special token is looked for in it; what the
    /// vocabulary cannot spell is left out, as there.
    ///
    /// A file without a chat template gets the plain format of its family where its special tokens
    /// tell one.
    ///
    /// # Errors
    /// When the file is missing, corrupt or truncated, has no vocabulary or one of another kind, or
    /// cuts words in a way that is not implemented.
    pub fn load_gguf(path: &Path) -> Result<Self> {
        let mut header = Header::open(path)?;
        let wrong = |problem: String| Error::file(path, problem);
        match header.setting("tokenizer.ggml.model") {
            Some(Value::Text(model)) if model == "gpt2" => {}
            Some(Value::Text(model)) => {
                return Err(wrong(format!(
                    "its vocabulary is of the kind {model:?}, and only \"gpt2\" is read from GGUF \
                     files; {REMEDY}"
                )));
            }
            _ => return Err(wrong(format!("it has no tokenizer; {REMEDY}"))),
        }
        let tokens = header.texts("tokenizer.ggml.tokens")?;
        let Some(tokens) = tokens else {
            return Err(wrong(format!("tokenizer.ggml.tokens is missing; {REMEDY}")));
        };
        let vocabulary = Vocabulary {
            tokens,
            kinds: header.integers("tokenizer.ggml.token_type")?.unwrap_or_default(),
            merges: header.texts("tokenizer.ggml.merges")?.unwrap_or_default(),
            words: header.text("tokenizer.ggml.pre")?.unwrap_or_default(),
            named: NAMED
                .iter()
                .filter_map(|&(name, field)| Some((name, id(&header, field)?)))
                .collect(),
            ends: ends(&header),
            template: template(&mut header).map_err(|e| Error::file_from(path, "", e))?,
        };
        vocabulary.into_tokenizer().map_err(|e| Error::file_from(path, "", e))
    }
}

/// The id of a token that a setting names.
pub(super) fn id(header: &Header, field: &str) -> Option<u32> {
    match header.setting(&format!("tokenizer.ggml.{field}")) {
        // How files say that there is none.
        Some(&Value::Integer(id)) if id != u64::from(u32::MAX) => {
            Some(u32::try_from(id).unwrap_or(u32::MAX))
        }
        _ => None,
    }
}

/// Ids of the tokens that end what a model says, without repetition.
pub(super) fn ends(header: &Header) -> Vec<u32> {
    let mut ends = Vec::new();
    for id in ENDS.iter().filter_map(|field| id(header, field)) {
        if !ends.contains(&id) {
            ends.push(id);
        }
    }
    ends
}

fn template(header: &mut Header) -> Result<Option<ChatTemplate>> {
    let Some(usual) = header.text(TEMPLATE)? else { return Ok(None) };
    let tools = header.text(TOOL_TEMPLATE)?;
    let tools = tools.as_deref().map(|source| ("tool_use", source));
    ChatTemplate::named([("default", usual.as_str())].into_iter().chain(tools)).map(Some)
}
