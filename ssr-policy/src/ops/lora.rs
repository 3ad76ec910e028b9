//! Products with a frozen weight and a low-rank adapter.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{composed, contiguous, with_slice};
use crate::kernels::{times_columns, times_rows, transposed};

/// `x` [N, in] times the transpose of `weight + scale * up · down`, plus `bias` [out], where `weight`
/// [out, in] is frozen, `down` is [rank, in] and `up` is [out, rank].
///
/// The sum is formed first, as [`merged`] does, so that a merged model gives the same bits. The
/// gradients of `down` and `up` are computed through the rank: no gradient of the size of the weight
/// exists at any time.
pub(crate) fn lora_linear(
    x: &Tensor,
    weight: &Tensor,
    down: &Tensor,
    up: &Tensor,
    scale: f64,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let product = if x.device().is_cpu() {
        let op = LoraProduct { weight: weight.detach(), scale: scale as f32 };
        x.contiguous()?.apply_op3(down, up, op)?
    } else {
        composed::linear(x, &sum(weight, down, up, scale)?)?
    };
    match bias {
        Some(bias) => product.broadcast_add(bias),
        None => Ok(product),
    }
}

/// `weight + scale * up · down`, without gradients.
pub(crate) fn merged(weight: &Tensor, down: &Tensor, up: &Tensor, scale: f64) -> Result<Tensor> {
    if !weight.device().is_cpu() {
        return sum(weight, &down.detach(), &up.detach(), scale);
    }
    let sum = with_slice(weight, |weight| {
        with_slice(down, |down| with_slice(up, |up| merge(weight, down, up, scale as f32)))
    })?;
    Tensor::from_vec(sum, weight.shape(), weight.device())
}

/// The same of candle's operations.
fn sum(weight: &Tensor, down: &Tensor, up: &Tensor, scale: f64) -> Result<Tensor> {
    weight.detach() + (up.matmul(down)? * scale)?
}

/// Row by row, each in the order of the rank.
fn merge(weight: &[f32], down: &[f32], up: &[f32], scale: f32) -> Result<Vec<f32>> {
    // weight is [out, in], down [rank, in] and up [out, rank], so rank² = down · up / weight.
    let rank = (down.len() * up.len()).checked_div(weight.len()).unwrap_or(0).isqrt();
    let inputs = down.len().checked_div(rank).unwrap_or(0);
    if inputs == 0 || weight.len() != up.len() / rank * inputs {
        bail!("adapters of {} and {} elements for {}", down.len(), up.len(), weight.len());
    }
    let mut sum = vec![0f32; weight.len()];
    let rows = sum.par_chunks_mut(inputs).zip(weight.par_chunks(inputs)).zip(up.par_chunks(rank));
    rows.for_each(|((sum, weight), up)| {
        for (up, down) in up.iter().zip(down.chunks(inputs)) {
            let factor = scale * up;
            sum.iter_mut().zip(down).for_each(|(sum, down)| *sum += factor * down);
        }
        sum.iter_mut().zip(weight).for_each(|(sum, weight)| *sum += weight);
    });
    Ok(sum)
}

struct LoraProduct {
    weight: Tensor,
    scale: f32,
}

impl CustomOp3 for LoraProduct {
    fn name(&self) -> &'static str {
        "lora-linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        down: &CpuStorage,
        down_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = x_layout.shape().dims2()?;
        let (outer, weight_inner) = self.weight.dims2()?;
        let (rank, down_inner) = down_layout.shape().dims2()?;
        if inner == 0 || [weight_inner, down_inner] != [inner; 2] {
            bail!("cannot multiply {inner} columns with {weight_inner} and {down_inner} inputs");
        }
        if up_layout.shape().dims2()? != (outer, rank) {
            bail!("the adapter is not of {outer} outputs and rank {rank}");
        }
        let (down, up) = (contiguous(down, down_layout)?, contiguous(up, up_layout)?);
        let weight = with_slice(&self.weight, |weight| merge(weight, down, up, self.scale))?;
        let mut product = vec![0.0; rows * outer];
        times_rows(contiguous(x, x_layout)?, &weight, inner, &mut product);
        Ok((CpuStorage::F32(product), Shape::from((rows, outer))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        down: &Tensor,
        up: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((rows, inner), (outer, rank)) = (x.dims2()?, up.dims2()?);
        let (mut down_grad, mut up_grad) = (vec![0.0; rank * inner], vec![0.0; outer * rank]);
        let mut x_grad = None;
        with_slice(x, |x_values| {
            with_slice(down, |down| {
                with_slice(up, |up| {
                    with_slice(grad, |grad| {
                        // [N, rank]: the gradient of what `down` gives, and that itself.
                        let mut narrow = vec![0.0; rows * rank];
                        times_columns(grad, up, outer, &mut narrow);
                        narrow.iter_mut().for_each(|value| *value *= self.scale);
                        times_columns(&transposed(&narrow, rank), x_values, rows, &mut down_grad);
                        let mut lowered = vec![0.0; rows * rank];
                        times_rows(x_values, down, inner, &mut lowered);
                        lowered.iter_mut().for_each(|value| *value *= self.scale);
                        times_columns(&transposed(grad, outer), &lowered, rows, &mut up_grad);
                        if x.track_op() {
                            let mut sum = vec![0.0; rows * inner];
                            with_slice(&self.weight, |weight| {
                                times_columns(grad, weight, outer, &mut sum);
                                Ok(())
                            })?;
                            let mut part = vec![0.0; rows * inner];
                            times_columns(&narrow, down, rank, &mut part);
                            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
                            x_grad = Some(sum);
                        }
                        Ok(())
                    })
                })
            })
        })?;
        let x_grad =
            x_grad.map(|grad| Tensor::from_vec(grad, x.shape(), x.device())).transpose()?;
        let down_grad = Tensor::from_vec(down_grad, down.shape(), down.device())?;
        let up_grad = Tensor::from_vec(up_grad, up.shape(), up.device())?;
        Ok((x_grad, Some(down_grad), Some(up_grad)))
    }
}
