use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::gemm::{Matrix, exact_rows};
use super::{contiguous, with_slice};

/// The weight of a projection without bias.
pub(crate) enum Linear {
    /// The variable itself, [out, in].
    Rows(Tensor),
    /// A transposed copy, [in, out]: products with few rows are several times as fast, because the
    /// kernel reads it in order. It does not see later updates of the variable.
    Packed(Tensor),
}

impl Linear {
    pub(crate) fn packed(weight: &Tensor) -> Result<Self> {
        Ok(Self::Packed(weight.t()?.contiguous()?))
    }

    /// `x` [N, in] times the transposed weight: [N, out]. The bits of a row depend neither on the
    /// number of rows nor on the kind of weight.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.contiguous()?;
        match self {
            Self::Rows(weight) => x.apply_op2(weight, Product { packed: false }),
            Self::Packed(weight) => x.apply_op2_no_bwd(weight, &Product { packed: true }),
        }
    }
}

/// Like candle's `matmul`, but padded to enough rows, and with a weight gradient in the layout of
/// the weight.
struct Product {
    packed: bool,
}

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
        let (weight_rows, weight_columns) = weight_layout.shape().dims2()?;
        let x = contiguous(x, x_layout)?;
        let weight = Matrix::dense(contiguous(weight, weight_layout)?, weight_rows, weight_columns);
        let (weight, outer) =
            if self.packed { (weight, weight_columns) } else { (weight.transposed(), weight_rows) };
        let padded = exact_rows(rows, outer);
        let product = if padded == rows {
            Matrix::dense(x, rows, inner).times(weight)?
        } else {
            let mut x = x.to_vec();
            x.resize(padded * inner, 0.0);
            let mut product = Matrix::dense(&x, padded, inner).times(weight)?;
            product.truncate(rows * outer);
            product
        };
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
        let (x_grad, weight_grad) = with_slice(grad, |grad| {
            let grad = Matrix::dense(grad, rows, outer);
            let x_grad = with_slice(weight, |w| grad.times(Matrix::dense(w, outer, inner)))?;
            let weight_grad =
                with_slice(x, |x| grad.transposed().times(Matrix::dense(x, rows, inner)))?;
            Ok((x_grad, weight_grad))
        })?;
        let x_grad = Tensor::from_vec(x_grad, x.shape(), x.device())?;
        let weight_grad = Tensor::from_vec(weight_grad, weight.shape(), weight.device())?;
        Ok((Some(x_grad), Some(weight_grad)))
    }
}
