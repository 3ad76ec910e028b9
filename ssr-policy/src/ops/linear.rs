use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::contiguous;
use super::gemm::{Matrix, exact_rows, into_vec};

/// `x` [N, in] times the transpose of `weight` [out, in]: [N, out].
pub(crate) fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(weight, Linear)
}

/// Like candle's `x.matmul(weight.t())`, but with bits that do not depend on the number of rows,
/// and a weight gradient in the layout of the weight.
struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = x_layout.shape().dims2()?;
        let (outer, weight_inner) = weight_layout.shape().dims2()?;
        if inner != weight_inner || !weight_layout.is_contiguous() {
            bail!("linear of {rows} x {inner} with {outer} x {weight_inner}");
        }
        let weight = Matrix::dense(weight, outer, inner).at(weight_layout.start_offset());
        let padded = exact_rows(rows, outer);
        let product = if padded == rows {
            let x = Matrix::dense(x, rows, inner).at(x_layout.start_offset());
            x.times(weight.transposed())?
        } else {
            let mut x = contiguous(x, x_layout)?.to_vec();
            x.resize(padded * inner, 0.0);
            let x = CpuStorage::F32(x);
            let product = Matrix::dense(&x, padded, inner).times(weight.transposed())?;
            let mut product = into_vec(product)?;
            product.truncate(rows * outer);
            CpuStorage::F32(product)
        };
        Ok((product, Shape::from((rows, outer))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let x_grad = grad.matmul(&weight.detach())?;
        let weight_grad = grad.t()?.matmul(&x.detach())?;
        Ok((Some(x_grad), Some(weight_grad)))
    }
}
