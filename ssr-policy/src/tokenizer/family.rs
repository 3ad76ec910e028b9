//! What the vocabularies of different families put before a text.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::bytes::ByteAlphabet;
use crate::error::{Error, Result};

/// Stands for a space in sentencepiece's vocabularies.
const SPACE: char = '\u{2581}';

/// How a vocabulary spells bytes, and what it puts before a text.
#[derive(Debug, Clone)]
pub(super) struct Family {
    lead: Lead,
    /// The bytes of [`SPACE`] itself, which a sentencepiece vocabulary can spell no other way.
    space: Option<[u32; 3]>,
}

/// When a space is put before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Never,
    /// At the beginning and after special tokens.
    Sections,
    /// The same, unless there is one.
    SectionsWithout,
    /// At the very beginning, unless there is one.
    FirstWithout,
}

impl Family {
    /// Finds out the family and turns off in `inner` what it puts before a text.
    pub(super) fn new(inner: &mut tokenizers::Tokenizer) -> Result<Self> {
        let wrong = |e: serde_json::Error| super::tokenizer_error(e.into());
        let mut lead = Lead::Never;
        let mut normalizer = serde_json::to_value(inner.get_normalizer()).map_err(wrong)?;
        strip(&mut normalizer, &mut lead);
        let mut splitter = serde_json::to_value(inner.get_pre_tokenizer()).map_err(wrong)?;
        strip(&mut splitter, &mut lead);
        if lead != Lead::Never {
            let normalizer: Option<tokenizers::NormalizerWrapper> =
                serde_json::from_value(normalizer).map_err(wrong)?;
            inner.with_normalizer(normalizer).map_err(super::tokenizer_error)?;
            let splitter: Option<tokenizers::PreTokenizerWrapper> =
                serde_json::from_value(splitter).map_err(wrong)?;
            inner.with_pre_tokenizer(splitter);
        }
        let byte = |byte: u8| inner.token_to_id(&byte_token(byte));
        let space = match SPACE.to_string().as_bytes() {
            [a, b, c] => byte(*a).zip(byte(*b)).zip(byte(*c)).map(|((a, b), c)| [a, b, c]),
            _ => None,
        };
        Ok(Self { lead, space: space.filter(|_| has_byte_fallback(inner)) })
    }

    /// How many spaces are put before a text.
    pub(super) fn lead(&self, text: &str, section: bool, first: bool) -> usize {
        let without = !text.starts_with([' ', SPACE]);
        usize::from(match self.lead {
            _ if text.is_empty() => false,
            Lead::Never => false,
            Lead::Sections => section,
            Lead::SectionsWithout => section && without,
            Lead::FirstWithout => first && without,
        })
    }

    /// A text in parts that the vocabulary can tell apart, each followed by tokens.
    pub(super) fn parts<'t>(
        &'t self,
        text: &'t str,
    ) -> impl Iterator<Item = (&'t str, &'t [u32])> + 't {
        let space = self.space.as_ref().filter(|_| text.contains(SPACE));
        let mut rest = Some(text);
        std::iter::from_fn(move || {
            let text = rest.take()?;
            match space.and_then(|space| Some((text.split_once(SPACE)?, space))) {
                None => Some((text, &[][..])),
                Some(((before, after), space)) => {
                    rest = Some(after);
                    Some((before, &space[..]))
                }
            }
        })
    }
}

/// Removes what puts a space before a text and notes it.
fn strip(part: &mut Json, lead: &mut Lead) {
    match part["type"].as_str() {
        Some("Prepend") if part["prepend"] == json!(SPACE) => {
            *lead = Lead::Sections;
            *part = Json::Null;
        }
        Some("Metaspace") => {
            match part["prepend_scheme"].as_str() {
                Some("always") => *lead = Lead::SectionsWithout,
                Some("first") => *lead = Lead::FirstWithout,
                _ => return,
            }
            part["prepend_scheme"] = json!("never");
        }
        Some("ByteLevel") if part["add_prefix_space"] == json!(true) => {
            *lead = Lead::SectionsWithout;
            part["add_prefix_space"] = json!(false);
        }
        Some("Sequence") => {
            for list in ["normalizers", "pretokenizers"] {
                if let Some(parts) = part.get_mut(list).and_then(Json::as_array_mut) {
                    parts.iter_mut().for_each(|part| strip(part, lead));
                    parts.retain(|part| !part.is_null());
                }
            }
        }
        _ => {}
    }
}

fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}

fn has_byte_fallback(inner: &tokenizers::Tokenizer) -> bool {
    matches!(inner.get_model(), tokenizers::ModelWrapper::BPE(model) if model.byte_fallback)
}

/// The bytes of every token by id: none for special tokens.
pub(super) fn token_bytes(
    inner: &tokenizers::Tokenizer,
    is_special: impl Fn(u32) -> bool,
    max_id: u32,
) -> Result<Vec<Option<Box<[u8]>>>> {
    if !matches!(inner.get_model(), tokenizers::ModelWrapper::BPE(_)) {
        let problem = "its model is not BPE; Llama's and Qwen's families are supported".to_owned();
        return Err(Error::tokenizer(problem));
    }
    let vocabulary = inner.get_vocab(true);
    let largest = vocabulary.values().max().copied().unwrap_or(0);
    if largest > max_id {
        let problem = format!("the token id {largest} exceeds {max_id}");
        return Err(Error::tokenizer(problem));
    }
    let added = inner.get_added_tokens_decoder();
    let alphabet = ByteAlphabet::new();
    let byte_tokens: HashMap<String, u8> = (0..=255)
        .filter(|_| has_byte_fallback(inner))
        .map(|byte| (byte_token(byte), byte))
        .collect();
    let sentencepiece = !byte_tokens.is_empty();
    let mut bytes = vec![None; largest as usize + 1];
    for (token, &id) in &vocabulary {
        let text: Option<Box<[u8]>> = if is_special(id) {
            Some(Box::default())
        } else if added.contains_key(&id) {
            Some(token.as_bytes().into())
        } else if let Some(&byte) = byte_tokens.get(token) {
            Some([byte].into())
        } else if sentencepiece {
            Some(token.replace(SPACE, " ").into_bytes().into())
        } else {
            alphabet.decode(token)
        };
        let problem = || format!("the token {token:?} does not stand for bytes");
        bytes[id as usize] = Some(text.ok_or_else(|| Error::tokenizer(problem()))?);
    }
    Ok(bytes)
}
