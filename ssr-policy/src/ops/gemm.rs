use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, Layout, Result, Shape, bail};

/// Below this many outputs the matrix multiplication takes paths that sum in another order
/// (dot products for at most 256 outputs, matrix-vector products for a single row or column).
const SMALL_PRODUCT: usize = 256;

/// The number of rows to which `rows` must be padded so that a product with `columns` columns has
/// the same bits as the same rows inside a larger product.
pub(super) fn exact_rows(rows: usize, columns: usize) -> usize {
    rows.max(SMALL_PRODUCT / columns.max(1) + 1).max(3)
}

/// A matrix inside a storage, element (i, j) at `offset + i * strides.0 + j * strides.1`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    storage: &'a CpuStorage,
    offset: usize,
    rows: usize,
    columns: usize,
    strides: (usize, usize),
}

impl<'a> Matrix<'a> {
    /// `rows` rows of `columns` elements each, one row directly after the other.
    pub(super) fn dense(storage: &'a CpuStorage, rows: usize, columns: usize) -> Self {
        Self { storage, offset: 0, rows, columns, strides: (columns, 1) }
    }

    /// The same matrix further on in the storage.
    pub(super) fn at(self, offset: usize) -> Self {
        Self { offset, ..self }
    }

    /// The leftmost columns.
    pub(super) fn columns(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// The topmost rows.
    pub(super) fn rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            strides: (self.strides.1, self.strides.0),
            ..self
        }
    }

    /// The product, dense.
    pub(super) fn times(self, other: Matrix<'_>) -> Result<CpuStorage> {
        if self.columns != other.rows {
            bail!("cannot multiply {} columns with {} rows", self.columns, other.rows);
        }
        let size = (1, self.rows, other.columns, self.columns);
        self.storage.matmul(other.storage, size, &self.layout()?, &other.layout()?)
    }

    /// The kernels below candle's `matmul` do not check bounds, so this does.
    fn layout(&self) -> Result<Layout> {
        let Self { storage, offset, rows, columns, strides } = *self;
        let len = storage.as_slice::<f32>()?.len();
        let reach = |count: usize, stride: usize| count.saturating_sub(1).saturating_mul(stride);
        let last =
            offset.saturating_add(reach(rows, strides.0)).saturating_add(reach(columns, strides.1));
        if last >= len {
            bail!("a matrix of {rows} x {columns} at {offset} exceeds {len} elements");
        }
        let shape = Shape::from((1, rows, columns));
        Ok(Layout::new(shape, vec![rows * columns, strides.0, strides.1], offset))
    }
}

/// The elements of a storage that was made here.
pub(super) fn into_vec(storage: CpuStorage) -> Result<Vec<f32>> {
    match storage {
        CpuStorage::F32(values) => Ok(values),
        other => bail!("expected f32, got {:?}", other.dtype()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn rows_of_a_padded_product_equal_the_rows_of_a_large_one() {
        for (k, n) in [(256, 64), (512, 256), (256, 2048), (32, 128), (256, 20), (768, 256)] {
            let weight = CpuStorage::F32(random(n * k, 1));
            let rows = random(100 * k, 2);
            let product = |m: usize| {
                let lhs = CpuStorage::F32(rows[..m * k].to_vec());
                let weight = Matrix::dense(&weight, n, k).transposed();
                into_vec(Matrix::dense(&lhs, m, k).times(weight).unwrap()).unwrap()
            };
            let large = product(100);
            for m in [1, 2, 5, 8, 33] {
                let m = exact_rows(m, n);
                assert_eq!(product(m), large[..m * n], "{m} rows of {k} to {n}");
            }
        }
    }

    #[test]
    fn a_matrix_beyond_its_storage_is_refused() {
        let storage = CpuStorage::F32(vec![0.0; 11]);
        assert!(Matrix::dense(&storage, 3, 4).times(Matrix::dense(&storage, 4, 2)).is_err());
        assert!(Matrix::dense(&storage, 2, 4).times(Matrix::dense(&storage, 3, 2)).is_err());
    }
}
