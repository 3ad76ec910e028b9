//! Rotary position embeddings.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{composed, contiguous, with_slice};

/// The rotary angles of a sequence of positions: cosines and sines, each [N, dim / 2].
pub(crate) struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
    pairs: usize,
}

impl Rotation {
    /// Angles `position * frequency` of every pair, computed in `f32` as Hugging Face does.
    pub(crate) fn new(positions: &[usize], frequencies: &[f32]) -> Arc<Self> {
        let angles = positions
            .iter()
            .flat_map(|&position| frequencies.iter().map(move |f| position as f32 * f));
        let (sin, cos) = angles.map(f32::sin_cos).unzip();
        Arc::new(Self { cos, sin, pairs: frequencies.len() })
    }

    /// Cosines and sines as tensors [N, dim / 2].
    pub(crate) fn tensors(&self, device: &Device) -> Result<(Tensor, Tensor)> {
        let shape = (self.cos.len() / self.pairs.max(1), self.pairs);
        let tensor = |values: &[f32]| Tensor::from_slice(values, shape, device);
        Ok((tensor(&self.cos)?, tensor(&self.sin)?))
    }

    /// Whether it has angles for that many rows of heads of `dim` elements.
    pub(super) fn is_for(&self, rows: usize, dim: usize) -> bool {
        self.pairs * 2 == dim && self.cos.len() == rows * self.pairs
    }

    /// Rotates one head of row `row`; `direction` is −1 for the transposed rotation.
    #[inline]
    pub(crate) fn rotate(&self, head: &mut [f32], row: usize, direction: f32) {
        let angles = row * self.pairs..(row + 1) * self.pairs;
        let (first, second) = head.split_at_mut(self.pairs);
        let values = first.iter_mut().zip(second);
        for ((a, b), (cos, sin)) in
            values.zip(self.cos[angles.clone()].iter().zip(&self.sin[angles]))
        {
            let sin = sin * direction;
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }

    /// Rotates the heads of all rows of `x` [N, heads * dim].
    fn rotate_rows(&self, x: &[f32], columns: usize, direction: f32) -> Vec<f32> {
        let mut out = x.to_vec();
        out.par_chunks_mut(columns).enumerate().with_min_len(16).for_each(|(row, out)| {
            out.chunks_mut(self.pairs * 2).for_each(|head| self.rotate(head, row, direction));
        });
        out
    }
}

/// Rotates every head of `x` [N, heads * dim] by the angles of the row's position.
pub(crate) fn rope(x: &Tensor, rotation: &Arc<Rotation>) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed::rope(x, rotation);
    }
    x.contiguous()?.apply_op1(Rope(Arc::clone(rotation)))
}

struct Rope(Arc<Rotation>);

impl CustomOp1 for Rope {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = layout.shape().dims2()?;
        let dim = self.0.pairs * 2;
        if !self.0.is_for(rows, dim) || dim == 0 || !columns.is_multiple_of(dim) {
            bail!("the rotation is not for {rows} rows of {columns} elements");
        }
        let out = self.0.rotate_rows(contiguous(x, layout)?, columns, 1.0);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let columns = x.dim(1)?;
        let grad = with_slice(grad, |grad| Ok(self.0.rotate_rows(grad, columns, -1.0)))?;
        Ok(Some(Tensor::from_vec(grad, x.shape(), x.device())?))
    }
}
