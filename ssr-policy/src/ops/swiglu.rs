//! The gated activation of the feed-forward layer.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{composed, contiguous, exp, with_slice};
use crate::kernels::widened;

/// Elements per task.
const CHUNK: usize = 1 << 14;

/// `silu(gate) * up`, element by element.
pub(crate) fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if !gate.device().is_cpu() {
        return composed::swiglu(gate, up);
    }
    gate.apply_op2(up, SwiGlu)
}

widened! {
    /// `silu(gate) * up` of slices.
    pub(crate) fn swiglu_row(gate: &[f32], up: &[f32], out: &mut [f32]) {
        for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
            *out = gate * sigmoid(gate) * up;
        }
    }
}

struct SwiGlu;

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let gate = contiguous(gate, gate_layout)?;
        let up = contiguous(up, up_layout)?;
        let mut out = vec![0.0; gate.len()];
        let chunks =
            out.par_chunks_mut(CHUNK).zip(gate.par_chunks(CHUNK)).zip(up.par_chunks(CHUNK));
        chunks.for_each(|((out, gate), up)| {
            swiglu_row(gate, up, out);
        });
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (gate_grad, up_grad) = with_slice(gate, |gate| {
            with_slice(up, |up| with_slice(grad, |grad| Ok(backward(gate, up, grad))))
        })?;
        let tensor = |values| Tensor::from_vec(values, gate.shape(), gate.device());
        Ok((Some(tensor(gate_grad)?), Some(tensor(up_grad)?)))
    }
}

fn backward(gate: &[f32], up: &[f32], grad: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut gate_grad, mut up_grad) = (vec![0.0; gate.len()], vec![0.0; gate.len()]);
    let outputs = gate_grad.par_chunks_mut(CHUNK).zip(up_grad.par_chunks_mut(CHUNK));
    let inputs = gate.par_chunks(CHUNK).zip(up.par_chunks(CHUNK)).zip(grad.par_chunks(CHUNK));
    outputs.zip(inputs).for_each(|((gate_grad, up_grad), ((gate, up), grad))| {
        let outputs = gate_grad.iter_mut().zip(up_grad);
        for ((gate_grad, up_grad), ((&gate, &up), &grad)) in
            outputs.zip(gate.iter().zip(up).zip(grad))
        {
            let s = sigmoid(gate);
            *up_grad = grad * gate * s;
            *gate_grad = grad * up * s * (1.0 + gate * (1.0 - s));
        }
    });
    (gate_grad, up_grad)
}
