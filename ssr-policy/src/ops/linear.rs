use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::contiguous;
use super::gemm::{Matrix, exact_rows, into_vec};

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
        let weight = Matrix::dense(weight, weight_rows, weight_columns);
        let weight = weight.at(weight_layout.start_offset());
        let (weight, weight_inner, outer) = if self.packed {
            (weight, weight_rows, weight_columns)
        } else {
            (weight.transposed(), weight_columns, weight_rows)
        };
        if inner != weight_inner || !weight_layout.is_contiguous() {
            bail!("a projection of {rows} x {inner} from {weight_inner} to {outer}");
        }
        let padded = exact_rows(rows, outer);
        let product = if padded == rows {
            let x = Matrix::dense(x, rows, inner).at(x_layout.start_offset());
            x.times(weight)?
        } else {
            let mut x = contiguous(x, x_layout)?.to_vec();
            x.resize(padded * inner, 0.0);
            let x = CpuStorage::F32(x);
            let product = Matrix::dense(&x, padded, inner).times(weight)?;
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
