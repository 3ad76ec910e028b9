//! Causal grouped-query attention over blocks of keys and values, with an optional window.
//!
//! Training builds the blocks from the packed batch, generation appends to them token by token;
//! both then run the same kernel, so that the probabilities agree to the last bit.

mod backward;
mod blocks;
mod forward;
mod op;

pub(crate) use blocks::{BLOCK, KvBlock};
pub(crate) use forward::{Attending, attend};
pub(crate) use op::{Prefix, Span, Spans, causal_attention};

use crate::kernels::LANES;

/// Numbers of heads, their width, and how far back they look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttentionShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) dim: usize,
    /// Keys that a query sees, itself included; `None` for all before it.
    pub(crate) window: Option<usize>,
}

impl AttentionShape {
    /// Query heads per key head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Elements of a row of queries.
    pub(crate) fn query_width(&self) -> usize {
        self.heads * self.dim
    }

    /// Elements of a row of keys.
    pub(crate) fn key_width(&self) -> usize {
        self.kv_heads * self.dim
    }

    /// Elements of a stored value of one head.
    fn padded_dim(&self) -> usize {
        self.dim.next_multiple_of(LANES)
    }

    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// The first position that a query at `position` sees.
    pub(crate) fn first_visible(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}
