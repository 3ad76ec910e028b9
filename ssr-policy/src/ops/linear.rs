//! Products with a weight, differentiable, in one order of summation.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{composed, contiguous, with_slice};
use crate::kernels::{times_columns, times_rows, transposed};

/// `x` [N, in] times the transposed `weight` [out, in], plus `bias` [out]: [N, out]. The bits of a
/// row do not depend on the number of rows.
///
/// A weight that tracks no operation (a detached tensor) gets no gradient and costs none.
pub(crate) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let product = if x.device().is_cpu() {
        x.contiguous()?.apply_op2(weight, Product)?
    } else {
        composed::linear(x, weight)?
    };
    match bias {
        Some(bias) => product.broadcast_add(bias),
        None => Ok(product),
    }
}

/// Like candle's `matmul` in meaning, but with one order of summation, and with a weight gradient in
/// the layout of the weight.
struct Product;

impl CustomOp2 for Product {
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
        if inner != weight_inner || inner == 0 {
            bail!("cannot multiply {inner} columns with {weight_inner} inputs");
        }
        let mut product = vec![0.0; rows * outer];
        let (x, weight) = (contiguous(x, x_layout)?, contiguous(weight, weight_layout)?);
        times_rows(x, weight, inner, &mut product);
        Ok((CpuStorage::F32(product), Shape::from((rows, outer))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((rows, inner), (outer, _)) = (x.dims2()?, weight.dims2()?);
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        with_slice(grad, |grad| {
            let mut grads = (None, None);
            if x.track_op() {
                let mut values = vec![0.0; rows * inner];
                with_slice(weight, |weight| {
                    times_columns(grad, weight, outer, &mut values);
                    Ok(())
                })?;
                grads.0 = Some(tensor(values, x)?);
            }
            if weight.track_op() {
                let grad = transposed(grad, outer);
                let mut values = vec![0.0; outer * inner];
                with_slice(x, |x| {
                    times_columns(&grad, x, rows, &mut values);
                    Ok(())
                })?;
                grads.1 = Some(tensor(values, weight)?);
            }
            Ok(grads)
        })
    }
}
