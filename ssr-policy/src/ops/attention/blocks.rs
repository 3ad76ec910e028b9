//! The memory layout of a block of keys and values of one layer.

use super::AttentionShape;
use crate::kernels::{LANES, Line, PANEL};

/// Positions per block: the unit in which keys and values are shared and dropped. The arithmetic
/// does not depend on it.
pub(crate) const BLOCK: usize = PANEL;

/// Keys and values of [`BLOCK`] consecutive positions of one layer, zero where nothing was written.
#[derive(Clone)]
pub(crate) struct KvBlock {
    /// [kv_heads, dim, BLOCK]: a head's keys are a panel of a matrix product.
    keys: Box<[Line]>,
    /// [kv_heads, BLOCK, dim padded to whole vectors].
    values: Box<[Line]>,
}

impl AsRef<KvBlock> for KvBlock {
    fn as_ref(&self) -> &KvBlock {
        self
    }
}

impl KvBlock {
    pub(crate) fn new(shape: AttentionShape) -> Self {
        let lines = |width: usize| vec![Line::ZERO; shape.kv_heads * width * BLOCK / LANES];
        Self { keys: lines(shape.dim).into(), values: lines(shape.padded_dim()).into() }
    }

    /// Bytes that a block of this shape takes.
    pub(crate) fn bytes(shape: AttentionShape) -> usize {
        shape.kv_heads * (shape.dim + shape.padded_dim()) * BLOCK * size_of::<f32>()
    }

    /// Sets the key and the value of one position, each [kv_heads * dim].
    pub(crate) fn write(&mut self, shape: AttentionShape, slot: usize, key: &[f32], value: &[f32]) {
        let keys = Line::floats_mut(&mut self.keys);
        for (to, &key) in keys[slot..].iter_mut().step_by(BLOCK).zip(key) {
            *to = key;
        }
        let values = Line::floats_mut(&mut self.values);
        for (head, value) in value.chunks(shape.dim).enumerate() {
            let start = (head * BLOCK + slot) * shape.padded_dim();
            values[start..start + shape.dim].copy_from_slice(value);
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

    /// The keys of a head, as columns: [dim, BLOCK].
    pub(super) fn keys(&self, shape: AttentionShape, head: usize) -> &[f32] {
        let size = shape.dim * BLOCK;
        &Line::floats(&self.keys)[head * size..(head + 1) * size]
    }

    /// The values of a head, as rows: [BLOCK, padded dim].
    pub(super) fn values(&self, shape: AttentionShape, head: usize) -> &[f32] {
        let size = shape.padded_dim() * BLOCK;
        &Line::floats(&self.values)[head * size..(head + 1) * size]
    }
}
