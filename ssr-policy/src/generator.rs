use candle_core::Tensor;

use crate::cache::Cache;
use crate::config::ModelConfig;
use crate::error::Result;
use crate::model::Model;
use crate::network::Network;

/// The generating executor: a snapshot of a model's weights, packed for few rows at a time.
pub(crate) struct Generator {
    network: Network,
}

impl Generator {
    pub(crate) fn new(model: &Model) -> Result<Self> {
        Ok(Self { network: Network::infer(model.config(), model.vars())? })
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        self.network.config()
    }

    pub(crate) fn new_cache(&self) -> Cache {
        Cache::new(self.config().num_hidden_layers)
    }

    /// Feeds every sequence its next tokens and returns the logits [B, vocabulary] of what follows
    /// the last of them. Neither the batch nor the cutting into steps changes a bit of a row.
    pub(crate) fn logits(&self, batch: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        let residual = self.feed(batch)?;
        let ends = batch.iter().scan(0, |end, (_, tokens)| {
            *end += tokens.len() as u32;
            Some(*end - 1)
        });
        self.network.logits(&self.network.hidden(&residual, ends.collect())?)
    }

    /// Feeds tokens to the caches and returns the residual stream [N, hidden] of all of them.
    pub(crate) fn feed(&self, batch: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        let shape = self.network.attention_shape();
        let tokens: Vec<u32> =
            batch.iter().flat_map(|(_, tokens)| tokens.iter().copied()).collect();
        let positions: Vec<usize> = batch
            .iter()
            .flat_map(|(cache, tokens)| cache.len()..cache.len() + tokens.len())
            .collect();
        let residual =
            self.network.residual(&tokens, &positions, |layer, queries, keys, values| {
                Cache::attend(batch, layer, shape, queries, keys, values)
            })?;
        for (cache, tokens) in batch {
            cache.advance(tokens.len());
        }
        Ok(residual)
    }
}
