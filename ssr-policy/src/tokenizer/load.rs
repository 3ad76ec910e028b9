//! Tokenizers read from a folder.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use tokenizers::AddedToken;

use super::family::{Family, token_bytes};
use super::special::Specials;
use super::{MAX_ID, Tokenizer, tokenizer_error};
use crate::chat::ChatTemplate;
use crate::error::{Error, Result};
use crate::files;
use crate::read::read_at_most;

/// The largest `tokenizer.json` that is read, and the largest of the other files.
const MAX_FILE_BYTES: u64 = 64 << 20;
const MAX_SETTINGS_BYTES: u64 = 16 << 20;

pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS: &str = "special_tokens_map.json";
pub(super) const GENERATION_CONFIG: &str = "generation_config.json";
pub(super) const TEMPLATE: &str = "chat_template.jinja";

/// Special tokens that end what a model says, where they exist. The first is preferred as the end
/// of a message.
const ENDS: [&str; 5] =
    ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>"];

/// What a folder says besides its vocabulary.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// `tokenizer.json` as it was read; `None` if it was made here.
    pub(super) tokenizer: Option<Vec<u8>>,
    /// The other files, as they were read.
    pub(super) others: Vec<(&'static str, Vec<u8>)>,
    /// Variables of the template, such as `bos_token`.
    pub(super) tokens: Vec<(String, String)>,
    /// Ends of generation, those of `generation_config.json` first.
    pub(super) ends: Vec<u32>,
    pub(super) template: Option<ChatTemplate>,
}

pub(super) fn load(dir: &Path) -> Result<Tokenizer> {
    let path = dir.join(files::TOKENIZER);
    let bytes = read_at_most(&path, MAX_FILE_BYTES)?;
    let inner = parse(&bytes)
        .map_err(|e| Error::file_from(&path, "corrupt or unsupported tokenizer: ", e))?;
    let settings = Settings { tokenizer: Some(bytes), ..Settings::read(dir)? };
    assemble(inner, settings).map_err(|e| Error::file_from(&path, "", e))
}

/// The tokenizers crate panics on some files that are wrong.
fn parse(bytes: &[u8]) -> tokenizers::Result<tokenizers::Tokenizer> {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes)?;
    catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes))
        .map_err(|_| "one of its parts has an unknown form")?
}

/// Puts a tokenizer together.
pub(super) fn assemble(
    mut inner: tokenizers::Tokenizer,
    mut settings: Settings,
) -> Result<Tokenizer> {
    inner.set_encode_special_tokens(true);
    inner.with_truncation(None).map_err(tokenizer_error)?;
    inner.with_padding(None);
    inner.with_post_processor(None::<tokenizers::PostProcessorWrapper>);
    let family = Family::new(&mut inner)?;
    let mut added = inner.get_added_tokens_decoder();
    added.retain(|_, token| token.special);
    if let tokenizers::ModelWrapper::BPE(model) = inner.get_model()
        && let Some(unknown) = &model.unk_token
        && let Some(id) = inner.token_to_id(unknown)
    {
        added.entry(id).or_insert_with(|| AddedToken::from(unknown.clone(), true));
    }
    let specials = Specials::new(added);
    let bytes = token_bytes(&inner, |id| specials.contains(id), MAX_ID)?;
    let (ends, end_of_message) = ends(&settings, &specials, bytes.len())?;
    let template = match settings.template.take() {
        Some(template) => Some(template),
        None if specials.id("<|im_start|>").is_some() => Some(ChatTemplate::chatml()?),
        None if specials.id("<|start_header_id|>").is_some() => Some(
            ChatTemplate::headers()?
                .with_token("bos_token", specials.spelling("<|begin_of_text|>")),
        ),
        None => None,
    };
    let template = template.map(|template| {
        let tokens = settings.tokens.iter();
        Arc::new(tokens.fold(template, |template, (name, token)| template.with_token(name, token)))
    });
    settings.keep_ends(&ends);
    Ok(Tokenizer {
        inner,
        bytes: bytes.into(),
        family,
        specials: Arc::new(specials),
        ends: ends.into(),
        end_of_message,
        template,
        settings: Arc::new(settings),
        #[cfg(feature = "grammar")]
        grammars: Arc::default(),
    })
}

/// All ends of generation, ascending, and the end of a message.
fn ends(settings: &Settings, specials: &Specials, vocab_size: usize) -> Result<(Vec<u32>, u32)> {
    let named = |name: &str| settings.tokens.iter().find(|(key, _)| key == name);
    let eos = named("eos_token").and_then(|(_, token)| specials.id(token));
    let known: Vec<u32> = ENDS.iter().filter_map(|name| specials.id(name)).collect();
    let messages = ENDS[..2].iter().filter_map(|name| specials.id(name));
    let first =
        messages.chain(eos).chain(settings.ends.iter().copied()).chain(known.clone()).next();
    let first = first.ok_or_else(|| {
        Error::tokenizer(
            "nothing tells which token ends a message; add generation_config.json with \
             eos_token_id to its folder",
        )
    })?;
    let all: BTreeSet<u32> = settings.ends.iter().copied().chain(eos).chain(known).collect();
    match all.iter().find(|&&id| id as usize >= vocab_size || !specials.contains(id)) {
        None => Ok((all.into_iter().collect(), first)),
        Some(id) => {
            let problem = format!("the end of generation {id} is not one of its special tokens");
            Err(Error::tokenizer(problem))
        }
    }
}

impl Specials {
    /// The name itself if there is such a token, nothing otherwise.
    fn spelling<'n>(&self, name: &'n str) -> &'n str {
        if self.id(name).is_some() { name } else { "" }
    }
}

impl Settings {
    fn read(dir: &Path) -> Result<Self> {
        let mut settings = Self::default();
        // The map is older: what the configuration says counts.
        for name in [SPECIAL_TOKENS, TOKENIZER_CONFIG] {
            let Some(json) = settings.read_json(dir, name, true)? else { continue };
            settings.read_tokens(&json);
            if let Some(template) = json.get("chat_template").filter(|json| !json.is_null()) {
                let template =
                    read_template(template).map_err(|e| Error::file_from(dir.join(name), "", e));
                settings.template = Some(template?);
            }
        }
        for (name, keep) in [(GENERATION_CONFIG, true), (files::CONFIG, false)] {
            let Some(json) = settings.read_json(dir, name, keep)? else { continue };
            settings.read_ends(&json).map_err(|e| Error::file(dir.join(name), e))?;
        }
        let path = dir.join(TEMPLATE);
        if path.exists() {
            let source = read_at_most(&path, MAX_SETTINGS_BYTES)?;
            let text = std::str::from_utf8(&source).map_err(|e| Error::file_from(&path, "", e))?;
            let template = ChatTemplate::new(text).map_err(|e| Error::file_from(&path, "", e))?;
            settings.template = Some(template);
            settings.others.push((TEMPLATE, source));
        }
        Ok(settings)
    }

    fn read_json(&mut self, dir: &Path, name: &'static str, keep: bool) -> Result<Option<Json>> {
        let path = dir.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = read_at_most(&path, MAX_SETTINGS_BYTES)?;
        let json = serde_json::from_slice(&bytes)
            .map_err(|e| Error::file_from(&path, "not valid JSON: ", e))?;
        if keep {
            self.others.push((name, bytes));
        }
        Ok(Some(json))
    }

    /// Notes what the template may know by name.
    fn read_tokens(&mut self, json: &Json) {
        for (name, token) in json.as_object().into_iter().flatten() {
            let content = token.as_str().or_else(|| token.get("content").and_then(Json::as_str));
            if let Some(content) = content.filter(|_| name.ends_with("_token")) {
                self.tokens.retain(|(known, _)| known != name);
                self.tokens.push((name.clone(), content.to_owned()));
            }
        }
    }

    /// `eos_token_id`: a number, a list of numbers, or nothing.
    fn read_ends(&mut self, json: &Json) -> Result<(), String> {
        let ids = match json.get("eos_token_id") {
            None | Some(Json::Null) => return Ok(()),
            Some(Json::Array(ids)) => &ids[..],
            Some(id) => std::slice::from_ref(id),
        };
        for id in ids {
            let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = number.ok_or_else(|| format!("eos_token_id holds {id}, not a token id"))?;
            if !self.ends.contains(&id) {
                self.ends.push(id);
            }
        }
        Ok(())
    }

    /// What only the model's configuration told goes to a file of the tokenizer's own.
    fn keep_ends(&mut self, ends: &[u32]) {
        if self.tokenizer.is_none() || self.ends.is_empty() {
            return;
        }
        let at = self.others.iter().position(|(name, _)| *name == GENERATION_CONFIG);
        let json = at.and_then(|at| serde_json::from_slice(&self.others[at].1).ok());
        let mut json = json.filter(Json::is_object).unwrap_or_else(|| serde_json::json!({}));
        if json["eos_token_id"].is_null() {
            json["eos_token_id"] = serde_json::json!(ends);
            at.map(|at| self.others.remove(at));
            self.others.push((GENERATION_CONFIG, json.to_string().into_bytes()));
        }
    }

    /// The same files with another chat template, which counts more than any other that they name.
    pub(super) fn with_template(&self, template: &ChatTemplate) -> Self {
        let mut settings = self.clone();
        settings.others.retain(|(name, _)| *name != TEMPLATE);
        settings.others.push((TEMPLATE, template.source().as_bytes().to_vec()));
        settings
    }
}

/// A template, or a list of named ones.
fn read_template(json: &Json) -> Result<ChatTemplate> {
    match json {
        Json::String(source) => ChatTemplate::new(source),
        json => {
            let entries = json.as_array().map(Vec::as_slice).unwrap_or_default().iter();
            let named = entries.filter_map(|entry| {
                Some((entry.get("name")?.as_str()?, entry.get("template")?.as_str()?))
            });
            ChatTemplate::named(named)
        }
    }
}
