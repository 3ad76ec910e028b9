//! Root-mean-square normalisation of rows and heads.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::math::{dot, sum_of_squares};
use super::{Rotation, composed, contiguous, with_slice};

/// Rows per task.
const ROWS: usize = 32;

/// Root-mean-square normalisation of the rows of `x` [N, width], scaled by `weight` [width].
pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::rms_norm(x, weight, eps);
    }
    x.contiguous()?.apply_op2(weight, Norm { eps: eps as f32, rotation: None })
}

/// RMS normalisation of every head of `x` [N, heads * dim], scaled by `weight` [dim], then rotated
/// by the angles of the row's position.
pub(crate) fn head_norm_rope(
    x: &Tensor,
    weight: &Tensor,
    eps: f64,
    rotation: &Arc<Rotation>,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::head_norm_rope(x, weight, eps, rotation);
    }
    let rotation = Some(Arc::clone(rotation));
    x.contiguous()?.apply_op2(weight, Norm { eps: eps as f32, rotation })
}

/// Normalises one row by its root mean square and scales it: `out = x / rms(x) * weight`.
pub(crate) fn rms_norm_row(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let inverse = inverse_rms(x, eps);
    for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
        *out = x * inverse * w;
    }
}

fn inverse_rms(x: &[f32], eps: f32) -> f32 {
    1.0 / (sum_of_squares(x) / x.len() as f32 + eps).sqrt()
}

struct Norm {
    eps: f32,
    rotation: Option<Arc<Rotation>>,
}

impl Norm {
    /// How many normalised groups a row of `columns` elements has.
    fn groups(&self, rows: usize, columns: usize, width: usize) -> Result<usize> {
        if width == 0 || !columns.is_multiple_of(width) {
            bail!("cannot normalise rows of {columns} elements in groups of {width}");
        }
        if self.rotation.as_deref().is_some_and(|rotation| !rotation.is_for(rows, width)) {
            bail!("the rotation is not for {rows} rows of heads of {width} elements");
        }
        Ok(columns / width)
    }

    fn backward(
        &self,
        x: &[f32],
        weight: &[f32],
        grad: &[f32],
        groups: usize,
    ) -> (Vec<f32>, Vec<f32>) {
        let width = weight.len();
        let mut x_grad = vec![0.0; x.len()];
        let task = ROWS * groups * width;
        let tasks = x_grad.par_chunks_mut(task).zip(x.par_chunks(task)).zip(grad.par_chunks(task));
        let weight_grads: Vec<Vec<f32>> = tasks
            .enumerate()
            .map(|(index, ((x_grad, x), grad))| {
                let mut weight_grad = vec![0.0; width];
                let mut g = vec![0.0; width];
                let groups_of =
                    x_grad.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width));
                for (group, ((x_grad, x), grad)) in groups_of.enumerate() {
                    g.copy_from_slice(grad);
                    if let Some(rotation) = &self.rotation {
                        rotation.rotate(&mut g, index * ROWS + group / groups, -1.0);
                    }
                    self.group_backward(x, weight, &mut g, x_grad, &mut weight_grad);
                }
                weight_grad
            })
            .collect();
        let mut weight_grad = vec![0.0; width];
        for part in weight_grads {
            for (sum, value) in weight_grad.iter_mut().zip(part) {
                *sum += value;
            }
        }
        (x_grad, weight_grad)
    }

    /// For y = w · x / rms(x): dw = g · x̂ and dx = (w·g − x̂ · mean(w·g·x̂)) / rms(x).
    fn group_backward(
        &self,
        x: &[f32],
        weight: &[f32],
        g: &mut [f32],
        x_grad: &mut [f32],
        weight_grad: &mut [f32],
    ) {
        let inverse = inverse_rms(x, self.eps);
        for (((g, w), x), sum) in g.iter_mut().zip(weight).zip(x).zip(weight_grad) {
            *sum += *g * x * inverse;
            *g *= w;
        }
        let mean = dot(g, x) * inverse * inverse / x.len() as f32;
        for ((x_grad, g), x) in x_grad.iter_mut().zip(g).zip(x) {
            *x_grad = (*g - x * mean) * inverse;
        }
    }
}

impl CustomOp2 for Norm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = x_layout.shape().dims2()?;
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let width = weight.len();
        let groups = self.groups(rows, columns, width)?;
        let mut out = vec![0.0; x.len()];
        let task = ROWS * columns;
        let tasks = out.par_chunks_mut(task).zip(x.par_chunks(task)).enumerate();
        tasks.for_each(|(index, (out, x))| {
            for (group, (out, x)) in out.chunks_mut(width).zip(x.chunks(width)).enumerate() {
                rms_norm_row(x, weight, self.eps, out);
                if let Some(rotation) = &self.rotation {
                    rotation.rotate(out, index * ROWS + group / groups, 1.0);
                }
            }
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, columns) = x.dims2()?;
        let groups = self.groups(rows, columns, weight.dim(0)?)?;
        let (x_grad, weight_grad) = with_slice(x, |x| {
            with_slice(weight, |weight| {
                with_slice(grad, |grad| Ok(self.backward(x, weight, grad, groups)))
            })
        })?;
        let x_grad = Tensor::from_vec(x_grad, x.shape(), x.device())?;
        let weight_grad = match weight.track_op() {
            true => Some(Tensor::from_vec(weight_grad, weight.shape(), weight.device())?),
            false => None,
        };
        Ok((x.track_op().then_some(x_grad), weight_grad))
    }
}
