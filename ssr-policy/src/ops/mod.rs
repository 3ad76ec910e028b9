//! Differentiable operations on `f32` CPU tensors.
//!
//! candle's own fused normalisation, softmax and RoPE have no backward pass, and their composed
//! forms allocate a tensor per step. These are fused in both directions. They also run on detached
//! tensors, so that generation and training execute the same instructions: every output row depends
//! on its own input row only and is reduced in one fixed order, whatever else is in the batch.

mod attention;
mod checkpoint;
mod composed;
mod linear;
mod logprob;
mod lora;
mod math;
mod norm;
mod rotation;
mod swiglu;
#[cfg(test)]
mod tests;

pub(crate) use attention::{
    Attending, AttentionShape, BLOCK, KvBlock, Prefix, Span, Spans, attend, causal_attention,
};
pub(crate) use checkpoint::checkpointed;
pub(crate) use linear::linear;
pub(crate) use logprob::{Mass, Scored, token_logprobs};
pub(crate) use lora::{lora_linear, merged};
pub(crate) use math::exp;
pub(crate) use norm::{head_norm_rope, rms_norm, rms_norm_row};
pub(crate) use rotation::{Rotation, rope};
pub(crate) use swiglu::{swiglu, swiglu_row};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The elements of a contiguous `f32` storage.
fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("expected a contiguous tensor, got strides {:?}", layout.stride()),
    }
}

/// Calls `read` with the elements of a tensor, made contiguous.
pub(crate) fn with_slice<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    with_slices(&[tensor.contiguous()?], |slices| read(slices[0]))
}

/// Calls `read` with the elements of contiguous tensors.
pub(crate) fn with_slices<T>(
    tensors: &[Tensor],
    read: impl FnOnce(&[&[f32]]) -> Result<T>,
) -> Result<T> {
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let slices = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => contiguous(storage, layout),
        _ => bail!("expected a tensor on the CPU"),
    });
    read(&slices.collect::<Result<Vec<_>>>()?)
}
