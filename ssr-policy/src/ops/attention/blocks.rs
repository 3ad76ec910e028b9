use super::AttentionShape;
use crate::ops::gemm::Matrix;

/// Positions per block. A constant of the arithmetic: sums over positions are cut here, in training
/// and in generation alike.
pub(crate) const BLOCK: usize = 128;

/// Keys and values of [`BLOCK`] consecutive positions of one layer, zero where nothing was written.
#[derive(Clone)]
pub(crate) struct KvBlock {
    /// [kv_heads, dim, BLOCK]: transposed, because a contiguous right-hand side would send small
    /// products down a path that sums in another order.
    keys: Vec<f32>,
    /// [kv_heads, BLOCK, dim].
    values: Vec<f32>,
}

impl AsRef<KvBlock> for KvBlock {
    fn as_ref(&self) -> &KvBlock {
        self
    }
}

impl KvBlock {
    pub(crate) fn new(shape: AttentionShape) -> Self {
        let zeros = || vec![0.0; shape.key_width() * BLOCK];
        Self { keys: zeros(), values: zeros() }
    }

    /// Sets the key and the value of one position, each [kv_heads * dim].
    pub(crate) fn write(&mut self, shape: AttentionShape, slot: usize, key: &[f32], value: &[f32]) {
        for (index, &key) in key.iter().enumerate() {
            self.keys[index * BLOCK + slot] = key;
        }
        for (head, value) in value.chunks(shape.dim).enumerate() {
            let start = (head * BLOCK + slot) * shape.dim;
            self.values[start..start + shape.dim].copy_from_slice(value);
        }
    }

    /// The blocks of a whole sequence, from keys and values [T, kv_heads * dim].
    pub(super) fn of_sequence(shape: AttentionShape, keys: &[f32], values: &[f32]) -> Vec<Self> {
        let width = shape.key_width();
        let block = |(keys, values): (&[f32], &[f32])| {
            let mut block = Self::new(shape);
            let rows = keys.chunks(width).zip(values.chunks(width));
            for (slot, (key, value)) in rows.enumerate() {
                block.write(shape, slot, key, value);
            }
            block
        };
        keys.chunks(width * BLOCK).zip(values.chunks(width * BLOCK)).map(block).collect()
    }

    /// The first `count` keys of a head, as columns: [dim, count].
    pub(super) fn keys(&self, shape: AttentionShape, head: usize, count: usize) -> Matrix<'_> {
        Matrix::dense(&self.keys, shape.dim, BLOCK).at(head * shape.dim * BLOCK).columns(count)
    }

    /// The first `count` values of a head, as rows: [count, dim].
    pub(super) fn values(&self, shape: AttentionShape, head: usize, count: usize) -> Matrix<'_> {
        Matrix::dense(&self.values, BLOCK, shape.dim).at(head * shape.dim * BLOCK).rows(count)
    }
}
