//! The operations made of candle's own differentiable ones: for devices that the kernels do not
//! serve, and what the kernels are tested against.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::{log_softmax, silu, softmax};
use candle_nn::rotary_emb::rope_slow;

use super::{AttentionShape, Rotation, Scored, Span};

/// Rows whose logits are held at once.
const ROWS: usize = 256;
/// What a logit that is not allowed is lowered by.
const NEVER: f32 = -1e30;

pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let mean = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean + eps)?.sqrt()?)?.broadcast_mul(weight)
}

pub(super) fn head_norm_rope(
    x: &Tensor,
    weight: &Tensor,
    eps: f64,
    rotation: &Rotation,
) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let heads = x.reshape((rows * columns / weight.dim(0)?, weight.dim(0)?))?;
    rope(&rms_norm(&heads, weight, eps)?.reshape((rows, columns))?, rotation)
}

pub(super) fn rope(x: &Tensor, rotation: &Rotation) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let (cos, sin) = rotation.tensors(x.device())?;
    let dim = 2 * cos.dim(1)?;
    let x = x.reshape((1, rows, columns / dim, dim))?.transpose(1, 2)?.contiguous()?;
    rope_slow(&x, &cos, &sin)?.transpose(1, 2)?.reshape((rows, columns))
}

pub(super) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    silu(gate)? * up
}

pub(super) fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.matmul(&weight.t()?)
}

pub(super) fn causal_attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    shape: AttentionShape,
    spans: &[Span],
) -> Result<Tensor> {
    let AttentionShape { heads, kv_heads, dim, .. } = shape;
    let mut outs = Vec::with_capacity(spans.len());
    let mut first = 0;
    for &Span { tokens, prefix } in spans {
        let split = |x: &Tensor, heads: usize| -> Result<Tensor> {
            x.reshape((x.dim(0)?, heads, dim))?.transpose(0, 1)?.contiguous()
        };
        let all = |x: &Tensor| -> Result<Tensor> {
            let own = x.narrow(0, first, tokens)?;
            match prefix {
                Some(prefix) => Tensor::cat(&[x.narrow(0, prefix.first, prefix.tokens)?, own], 0),
                None => Ok(own),
            }
        };
        let start = prefix.map_or(0, |prefix| prefix.tokens);
        let seen = start + tokens;
        let repeat = |x: Tensor| -> Result<Tensor> {
            x.unsqueeze(1)?
                .broadcast_as((kv_heads, heads / kv_heads, seen, dim))?
                .reshape((heads, seen, dim))
        };
        let queries = split(&queries.narrow(0, first, tokens)?, heads)?;
        let (keys, values) =
            (repeat(split(&all(keys)?, kv_heads)?)?, repeat(split(&all(values)?, kv_heads)?)?);
        let scores = (queries.matmul(&keys.t()?)? / (dim as f64).sqrt())?;
        let mut mask = vec![f32::NEG_INFINITY; tokens * seen];
        for (position, row) in (start..).zip(mask.chunks_mut(seen)) {
            row[shape.first_visible(position)..=position].fill(0.0);
        }
        let mask = Tensor::from_vec(mask, (1, tokens, seen), queries.device())?;
        let weights = softmax(&scores.broadcast_add(&mask)?, D::Minus1)?;
        outs.push(weights.matmul(&values)?.transpose(0, 1)?.reshape((tokens, heads * dim))?);
        first += tokens;
    }
    Tensor::cat(&outs, 0)
}

/// Log-probabilities [N] and entropies [N].
pub(super) fn token_logprobs(
    hidden: &Tensor,
    head: &Tensor,
    scored: &[Scored],
) -> Result<(Tensor, Vec<f32>)> {
    let vocabulary = head.dim(0)?;
    let head = head.t()?;
    let (mut logprobs, mut entropies) = (Vec::new(), Vec::new());
    for (index, scored) in scored.chunks(ROWS).enumerate() {
        let mut logits = hidden.narrow(0, index * ROWS, scored.len())?.matmul(&head)?;
        if scored.iter().any(|scored| scored.allowed.is_some()) {
            let mut mask = vec![0f32; scored.len() * vocabulary];
            for (row, scored) in mask.chunks_mut(vocabulary).zip(scored) {
                if let Some(allowed) = &scored.allowed {
                    row.fill(NEVER);
                    allowed.ranges().for_each(|range| {
                        row[*range.start() as usize..=*range.end() as usize].fill(0.0);
                    });
                }
            }
            let mask = Tensor::from_vec(mask, (scored.len(), vocabulary), hidden.device())?;
            logits = (logits + mask)?;
        }
        let all = log_softmax(&logits, D::Minus1)?;
        let tokens: Vec<u32> = scored.iter().map(|scored| scored.token).collect();
        let tokens = Tensor::new(tokens, hidden.device())?.unsqueeze(1)?;
        logprobs.push(all.gather(&tokens, 1)?.squeeze(1)?);
        let all = all.detach();
        let entropy = (all.exp()? * &all)?.sum(1)?.neg()?;
        entropies.extend(entropy.to_dtype(DType::F32)?.to_vec1::<f32>()?);
    }
    Ok((Tensor::cat(&logprobs, 0)?, entropies))
}
