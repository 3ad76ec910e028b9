use candle_core::{Result, bail};
use gemm::Parallelism;

/// A matrix inside a slice, element (i, j) at `i * strides.0 + j * strides.1`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    strides: (usize, usize),
}

impl<'a> Matrix<'a> {
    /// `rows` rows of `columns` elements each, one row directly after the other.
    pub(super) fn dense(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, strides: (columns, 1) }
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
    ///
    /// This is what candle's `matmul` calls, too; but that counts the machine's cores by reading
    /// `/proc/cpuinfo` at every call, which takes longer than the products of a small model.
    #[allow(unsafe_code)]
    pub(super) fn times(self, other: Matrix<'_>) -> Result<Vec<f32>> {
        if self.columns != other.rows {
            bail!("cannot multiply {} columns with {} rows", self.columns, other.rows);
        }
        let (left, right) = (self.in_bounds()?, other.in_bounds()?);
        let mut product = vec![0f32; self.rows * other.columns];
        let parallelism = match rayon::current_num_threads() {
            1 => Parallelism::None,
            threads => Parallelism::Rayon(threads),
        };
        // SAFETY: `in_bounds` has checked that every element of both factors, whatever the strides,
        // lies in its slice; the product is a slice of its own with rows * columns elements, stored
        // row by row; the strides fit into `isize` because they are reached inside a slice, and for
        // a single row or column the unused stride is never multiplied by anything but 0.
        unsafe {
            gemm::gemm(
                self.rows,
                other.columns,
                self.columns,
                product.as_mut_ptr(),
                1,
                other.columns as isize,
                false,
                left.as_ptr(),
                self.strides.1 as isize,
                self.strides.0 as isize,
                right.as_ptr(),
                other.strides.1 as isize,
                other.strides.0 as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
        Ok(product)
    }

    /// The slice from the first element on, if it holds the last one.
    fn in_bounds(&self) -> Result<&'a [f32]> {
        let Self { values, rows, columns, strides } = *self;
        let reach = |count: usize, stride: usize| count.saturating_sub(1).saturating_mul(stride);
        let last = reach(rows, strides.0).saturating_add(reach(columns, strides.1));
        if last < values.len() {
            Ok(values)
        } else {
            bail!("a {rows} x {columns} matrix of {} elements", values.len())
        }
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
    fn products_equal_those_of_candle() {
        use candle_core::{Device, Tensor};
        for (m, k, n) in [(1, 1, 1), (3, 7, 5), (5, 130, 33), (64, 64, 64), (1, 300, 9)] {
            let (a, b) = (random(m * k, 1), random(k * n, 2));
            let tensor = |v: &[f32], shape| Tensor::from_slice(v, shape, &Device::Cpu).unwrap();
            let expected = tensor(&a, (m, k)).matmul(&tensor(&b, (k, n))).unwrap();
            let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let (left, right) = (Matrix::dense(&a, m, k), Matrix::dense(&b, k, n));
            let product = left.times(right).unwrap();
            let turned = right.transposed().times(left.transposed()).unwrap();
            for i in 0..m * n {
                assert!((product[i] - expected[i]).abs() < 1e-5);
                assert!((turned[i % n * m + i / n] - expected[i]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_matrix_beyond_its_storage_is_refused() {
        let storage = [0.0; 11];
        assert!(Matrix::dense(&storage, 3, 4).times(Matrix::dense(&storage, 4, 2)).is_err());
        assert!(Matrix::dense(&storage, 2, 4).times(Matrix::dense(&storage, 3, 2)).is_err());
        assert!(
            Matrix::dense(&storage, usize::MAX, 2).times(Matrix::dense(&storage, 2, 2)).is_err()
        );
    }
}
