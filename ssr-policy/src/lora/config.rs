//! The shape of an adapter: PEFT's `adapter_config.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::read::read_json;

/// The projections that a decoder layer has.
const PROJECTIONS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// The shape of a low-rank adapter: PEFT's `adapter_config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PeftConfig", into = "PeftConfig")]
#[non_exhaustive]
pub struct LoraConfig {
    /// Rank of what is added to a weight. Default: 16.
    pub rank: usize,
    /// Scale of the adapter before it is divided by the rank. Default: 32.
    pub alpha: f64,
    /// The adapted projections, by the last parts of their names. Default: all projections of the
    /// layers.
    pub target_modules: Vec<String>,
    /// Whether `alpha` is divided by the root of the rank (arXiv 2312.03732). Default: false.
    pub use_rslora: bool,
    /// Name or path of the frozen model, for tools that read the adapter. Default: `None`.
    pub base_model: Option<String>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            target_modules: PROJECTIONS.map(str::to_owned).to_vec(),
            use_rslora: false,
            base_model: None,
        }
    }
}

impl LoraConfig {
    /// Sets [`Self::rank`].
    #[must_use]
    pub fn with_rank(self, rank: usize) -> Self {
        Self { rank, ..self }
    }

    /// Sets [`Self::alpha`].
    #[must_use]
    pub fn with_alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Sets [`Self::target_modules`].
    #[must_use]
    pub fn with_target_modules(
        self,
        target_modules: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let target_modules = target_modules.into_iter().map(Into::into).collect();
        Self { target_modules, ..self }
    }

    /// Sets [`Self::use_rslora`].
    #[must_use]
    pub fn with_use_rslora(self, use_rslora: bool) -> Self {
        Self { use_rslora, ..self }
    }

    /// Sets [`Self::base_model`].
    #[must_use]
    pub fn with_base_model(self, base_model: impl Into<String>) -> Self {
        Self { base_model: Some(base_model.into()), ..self }
    }

    /// Reads an `adapter_config.json`. A dropout is not applied: training here has none.
    ///
    /// # Errors
    /// When the file cannot be read or asks for something that is not implemented.
    pub fn load(path: &Path) -> Result<Self> {
        let file: PeftConfig = read_json(path)?;
        Self::try_from(file).map_err(|problem| Error::file(path, problem))
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Input`] for the first that is out of its range.
    pub fn validate(&self) -> Result<()> {
        self.problem().map_or(Ok(()), |problem| Err(Error::input(problem)))
    }

    fn problem(&self) -> Option<String> {
        if !(1..=4096).contains(&self.rank) {
            return Some(format!("the rank of an adapter is {}, not in 1..=4096", self.rank));
        }
        if !self.alpha.is_finite() {
            return Some(format!("the alpha of an adapter is {}", self.alpha));
        }
        let none = self.target_modules.is_empty();
        none.then(|| "an adapter has no target modules".into())
    }

    /// What the product of the factors is multiplied with.
    pub fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }

    /// Whether a projection is adapted.
    pub(super) fn targets(&self, projection: &str) -> bool {
        self.target_modules.iter().any(|target| Self::names(target, projection))
    }

    /// Whether a target is a projection or its last parts.
    pub(super) fn names(target: &str, projection: &str) -> bool {
        projection.strip_suffix(target).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// The fields of PEFT's file. Those of features that are not implemented are only checked.
#[derive(Debug, Serialize, Deserialize)]
struct PeftConfig {
    peft_type: String,
    #[serde(default)]
    task_type: Option<String>,
    #[serde(default)]
    base_model_name_or_path: Option<String>,
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    lora_dropout: f64,
    target_modules: Targets,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default = "no_bias")]
    bias: String,
    #[serde(default)]
    init_lora_weights: Value,
    #[serde(default)]
    inference_mode: bool,
    #[serde(flatten, skip_serializing)]
    others: std::collections::HashMap<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Targets {
    Names(Vec<String>),
    Pattern(String),
}

fn no_bias() -> String {
    "none".into()
}

impl TryFrom<PeftConfig> for LoraConfig {
    type Error = String;

    fn try_from(file: PeftConfig) -> Result<Self, String> {
        if file.peft_type != "LORA" {
            return Err(format!("peft_type is {:?}; only \"LORA\" is implemented", file.peft_type));
        }
        if file.bias != "none" {
            return Err(format!("bias is {:?}; only \"none\" is implemented", file.bias));
        }
        // Other beginnings change the frozen weights, too.
        match &file.init_lora_weights {
            Value::Null | Value::Bool(_) => {}
            Value::String(kind) if kind == "gaussian" || kind == "orthogonal" => {}
            other => return Err(format!("init_lora_weights is {other}, which is not implemented")),
        }
        let unused = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        let fields = [
            "use_dora",
            "lora_bias",
            "fan_in_fan_out",
            "modules_to_save",
            "layers_to_transform",
            "layers_pattern",
            "layer_replication",
            "rank_pattern",
            "alpha_pattern",
            "target_parameters",
            "exclude_modules",
            "trainable_token_indices",
            "alora_invocation_tokens",
            "use_qalora",
            "use_bdlora",
            "arrow_config",
            "kasa_config",
            "monteclora_config",
            "velora_config",
        ];
        let asked = |field: &&&str| file.others.get(**field).is_some_and(|value| !unused(value));
        if let Some(field) = fields.iter().find(asked) {
            return Err(format!("{field} is set, which is not implemented"));
        }
        let target_modules = match file.target_modules {
            Targets::Names(names) => names,
            Targets::Pattern(pattern) if pattern == "all-linear" => {
                PROJECTIONS.map(str::to_owned).to_vec()
            }
            Targets::Pattern(pattern) => {
                return Err(format!("target_modules is the pattern {pattern:?}; list the names"));
            }
        };
        let config = Self {
            rank: file.r,
            alpha: file.lora_alpha,
            target_modules,
            use_rslora: file.use_rslora,
            base_model: file.base_model_name_or_path,
        };
        config.problem().map_or(Ok(config), Err)
    }
}

impl From<LoraConfig> for PeftConfig {
    fn from(config: LoraConfig) -> Self {
        Self {
            peft_type: "LORA".into(),
            task_type: Some("CAUSAL_LM".into()),
            base_model_name_or_path: config.base_model,
            r: config.rank,
            lora_alpha: config.alpha,
            lora_dropout: 0.0,
            target_modules: Targets::Names(config.target_modules),
            use_rslora: config.use_rslora,
            bias: no_bias(),
            init_lora_weights: Value::Bool(true),
            inference_mode: true,
            others: std::collections::HashMap::new(),
        }
    }
}
