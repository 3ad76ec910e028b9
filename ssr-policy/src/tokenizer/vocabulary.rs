//! Tokenizers made of the lists that a GGUF file holds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;
use tokenizers::AddedToken;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::load::{self, GENERATION_CONFIG, Settings, TEMPLATE, TOKENIZER_CONFIG};
use super::{MAX_ID, Tokenizer, tokenizer_error, words};
use crate::chat::ChatTemplate;
use crate::error::{Error, Result};

/// A byte-level vocabulary as llama.cpp keeps it.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// The spelling of every token, by id.
    pub(crate) tokens: Vec<String>,
    /// llama.cpp's kind of every token; empty where all are usual ones.
    pub(crate) kinds: Vec<u32>,
    /// Pairs of tokens with a space between, the most important first.
    pub(crate) merges: Vec<String>,
    /// llama.cpp's name of the rule that cuts a text into words.
    pub(crate) words: String,
    /// Tokens that the template may know by name, such as `bos_token`.
    pub(crate) named: Vec<(&'static str, u32)>,
    /// Tokens that end what a model says.
    pub(crate) ends: Vec<u32>,
    /// The chat template, if the file has one.
    pub(crate) template: Option<ChatTemplate>,
}

/// llama.cpp's kinds of tokens: those that stand for no text, and those that a text is searched for
/// before it is cut into words.
const UNKNOWN: u32 = 2;
const CONTROL: u32 = 3;
const USER_DEFINED: u32 = 4;
const UNUSED: u32 = 5;

impl Vocabulary {
    /// The tokenizer of this vocabulary.
    pub(crate) fn into_tokenizer(self) -> Result<Tokenizer> {
        let count = self.tokens.len();
        if count == 0 || count > MAX_ID as usize {
            return Err(Error::tokenizer(format!("a vocabulary of {count} tokens")));
        }
        if !self.kinds.is_empty() && self.kinds.len() != count {
            let kinds = self.kinds.len();
            let problem = format!("{count} tokens, but kinds of {kinds}");
            return Err(Error::tokenizer(problem));
        }
        let of_named = self.named.iter().map(|&(_, id)| id);
        if let Some(id) = of_named.chain(self.ends.iter().copied()).find(|&id| id as usize >= count)
        {
            let problem = format!("the token {id} is named, but there are {count} tokens");
            return Err(Error::tokenizer(problem));
        }
        let settings = self.settings();
        // The tokenizers crate panics on some merges that are wrong.
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner()));
        let inner = inner.map_err(|_| Error::tokenizer("its merges cannot be used"))??;
        load::assemble(inner, settings)
    }

    /// What a folder would say besides `tokenizer.json`.
    fn settings(&self) -> Settings {
        let named = self.named.iter();
        let tokens: Vec<(String, String)> =
            named.map(|&(name, id)| (name.to_owned(), self.tokens[id as usize].clone())).collect();
        let mut config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": false,
        });
        for (name, token) in &tokens {
            config[name] = json!(token);
        }
        let mut others = vec![(TOKENIZER_CONFIG, config.to_string().into_bytes())];
        if !self.ends.is_empty() {
            let generation = json!({ "eos_token_id": self.ends });
            others.push((GENERATION_CONFIG, generation.to_string().into_bytes()));
        }
        if let Some(template) = &self.template {
            others.push((TEMPLATE, template.source().as_bytes().to_vec()));
        }
        let (ends, template) = (self.ends.clone(), self.template.clone());
        Settings { tokenizer: None, others, tokens, ends, template }
    }

    fn inner(&self) -> Result<tokenizers::Tokenizer> {
        let (words, whole) = words::named(&self.words)?;
        let pair = |merge: &String| {
            let (left, right) = merge.split_once(' ')?;
            Some((left.to_owned(), right.to_owned()))
        };
        let mut merges = Vec::with_capacity(self.merges.len());
        for merge in &self.merges {
            let problem = || format!("the merge {merge:?} is not a pair of tokens");
            merges.push(pair(merge).ok_or_else(|| Error::tokenizer(problem()))?);
        }
        let used = (0..).zip(&self.tokens).filter(|&(id, _)| self.kind(id) != UNUSED);
        let vocab: Vocab = used.map(|(id, token)| (token.clone(), id)).collect();
        let model = BPE::builder().vocab_and_merges(vocab, merges).ignore_merges(whole).build();
        let mut inner = tokenizers::Tokenizer::new(model.map_err(tokenizer_error)?);
        inner.with_pre_tokenizer(Some(words));
        inner.with_decoder(Some(ByteLevel::new(false, false, false)));
        let added = |special: bool| {
            let ids = (0..).zip(&self.tokens).filter(move |&(id, _)| match self.kind(id) {
                UNKNOWN | CONTROL => special,
                USER_DEFINED => !special,
                _ => false,
            });
            ids.map(move |(_, token)| AddedToken::from(token.clone(), special))
        };
        inner.add_special_tokens(added(true)).map_err(tokenizer_error)?;
        inner.add_tokens(added(false)).map_err(tokenizer_error)?;
        Ok(inner)
    }

    /// The kind of a token. What the model begins or ends with stands for no text, whatever the list
    /// says.
    fn kind(&self, id: u32) -> u32 {
        let is_bos = |&(name, named): &(&str, u32)| name == "bos_token" && named == id;
        if self.ends.contains(&id) || self.named.iter().any(is_bos) {
            return CONTROL;
        }
        self.kinds.get(id as usize).copied().unwrap_or_default()
    }
}
