//! How a text is cut into words, within which bytes are merged: the rules by the names that GGUF
//! files give them.

use tokenizers::SplitDelimiterBehavior::Isolated;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};

use super::tokenizer_error;
use crate::error::{Error, Result};

/// Qwen's rule, as its `tokenizer.json` writes it.
pub(super) const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// GPT-2's rule.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// A rule of llama.cpp.
struct Rule {
    /// The names that `tokenizer.ggml.pre` has for it.
    names: &'static [&'static str],
    /// Cut with one after another: both what fits and what is between become words.
    patterns: &'static [&'static str],
    /// Whether a word that is a token is taken whole, whatever merges there are.
    whole: bool,
}

/// Where an English contraction is meant, `(?i)` would take the long s, too, which llama.cpp does not.
const RULES: [Rule; 9] = [
    Rule {
        names: &["default", ""],
        patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
        whole: false,
    },
    Rule {
        names: &["gpt-2", "phi-2", "mpt", "olmo", "exaone4", "trillion"],
        patterns: &[GPT2],
        whole: false,
    },
    Rule {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
        patterns: &[r"\p{N}", GPT2],
        whole: false,
    },
    Rule {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
        patterns: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole: true,
    },
    Rule {
        names: &["smaug-bpe", "dbrx", "glm4", "chatglm-bpe"],
        patterns: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole: false,
    },
    Rule {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan"],
        patterns: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole: false,
    },
    Rule {
        names: &["seed-coder"],
        patterns: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole: false,
    },
    Rule {
        names: &["deepseek-coder"],
        patterns: &[
            r"[\r\n]",
            r"\s?\p{L}+",
            r"\s?\p{P}+",
            "[\u{4e00}-\u{9fa5}\u{0800}-\u{4e00}\u{ac00}-\u{d7ff}]+",
            r"\p{N}",
        ],
        whole: false,
    },
    Rule {
        names: &["tekken"],
        patterns: &[
            r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        whole: true,
    },
];

/// The splitter that `tokenizer.ggml.pre` names, and whether a word that is a token is taken whole.
pub(super) fn named(name: &str) -> Result<(Sequence, bool)> {
    let Some(rule) = RULES.iter().find(|rule| rule.names.contains(&name)) else {
        let problem = format!(
            "tokenizer.ggml.pre is {name:?}, a way of cutting words that is not implemented; name \
             a folder with the model's tokenizer.json"
        );
        return Err(Error::tokenizer(problem));
    };
    Ok((splitter(rule.patterns)?, rule.whole))
}

/// Cuts at one pattern after another, and spells bytes as GPT-2 does.
pub(super) fn splitter(patterns: &[&str]) -> Result<Sequence> {
    let mut steps = Vec::new();
    for pattern in patterns {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        steps.push(Split::new(pattern, Isolated, false).map_err(tokenizer_error)?.into());
    }
    steps.push(ByteLevel::new(false, false, false).into());
    Ok(Sequence::new(steps))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_rule_is_a_pattern_and_every_name_has_one_rule() {
        let mut names = HashSet::new();
        for name in RULES.iter().flat_map(|rule| rule.names) {
            named(name).unwrap();
            assert!(names.insert(name), "{name}");
        }
        let error = named("kimi-k2").unwrap_err().to_string();
        assert!(error.contains("\"kimi-k2\"") && error.contains("tokenizer.json"), "{error}");
    }
}
