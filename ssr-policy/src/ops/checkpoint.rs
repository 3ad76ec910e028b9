//! Activation checkpointing: layers that are recomputed for the gradients.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::backprop::GradStore;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, DType, Error, Layout, Result, Shape, Storage, Tensor, Var,
    bail,
};

/// Applies `layer` to `x` without keeping what it computes on the way: the backward pass runs it
/// again. `weights` are the variables that it trains; their gradients have the same bits as without.
pub(crate) fn checkpointed(
    x: &Tensor,
    weights: &[&Tensor],
    layer: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let y = layer(&x.detach())?.detach().contiguous()?;
    let grads = Slot::default();
    // An operation has three operands at most, and a layer has more weights. A chain of numbers
    // stands for them: its gradient reaches one weight after the other, once the layer has run.
    let mut gate = Tensor::zeros(1, DType::F32, x.device())?;
    for weight in weights.iter().filter(|weight| weight.track_op()) {
        gate = gate.apply_op2(weight, WeightGradient { grads: Arc::clone(&grads) })?;
    }
    let y = Mutex::new(Some(y));
    x.contiguous()?.apply_op2(&gate, Checkpoint { layer: Box::new(layer), y, grads })
}

/// Gradients of the weights of a layer that has run backward.
type Slot = Arc<Mutex<Option<GradStore>>>;

type Layer = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

struct Checkpoint {
    layer: Box<Layer>,
    /// The result, until it is taken.
    y: Mutex<Option<Tensor>>,
    grads: Slot,
}

impl Checkpoint {
    fn result(&self) -> Result<Tensor> {
        let y = self.y.lock().unwrap_or_else(PoisonError::into_inner).take();
        y.ok_or_else(|| Error::Msg("the result was taken already".to_owned()))
    }
}

impl CustomOp2 for Checkpoint {
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn cpu_fwd(
        &self,
        _x: &CpuStorage,
        _x_layout: &Layout,
        _gate: &CpuStorage,
        _gate_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let result = self.result()?;
        match &*result.storage_and_layout().0 {
            Storage::Cpu(y) => Ok((y.try_clone(result.layout())?, result.shape().clone())),
            _ => bail!("the layer has left the CPU"),
        }
    }

    fn cuda_fwd(
        &self,
        _x: &CudaStorage,
        _x_layout: &Layout,
        _gate: &CudaStorage,
        _gate_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let result = self.result()?;
        match &*result.storage_and_layout().0 {
            Storage::Cuda(y) => Ok((y.try_clone(result.layout())?, result.shape().clone())),
            _ => bail!("the layer has left the GPU"),
        }
    }

    fn bwd(
        &self,
        x: &Tensor,
        gate: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let input = Var::from_tensor(&x.detach())?;
        let y = (self.layer)(input.as_tensor())?;
        let mut grads = (y * grad)?.sum_all()?.backward()?;
        let x_grad = if x.track_op() { grads.remove(input.as_tensor()) } else { None };
        *self.grads.lock().unwrap_or_else(PoisonError::into_inner) = Some(grads);
        Ok((x_grad, Some(gate.ones_like()?)))
    }
}

/// Hands one weight its gradient.
struct WeightGradient {
    grads: Slot,
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "weight-gradient"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        _weight: &CpuStorage,
        _weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((gate.try_clone(gate_layout)?, gate_layout.shape().clone()))
    }

    fn cuda_fwd(
        &self,
        gate: &CudaStorage,
        gate_layout: &Layout,
        _weight: &CudaStorage,
        _weight_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Ok((gate.try_clone(gate_layout)?, gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut grads = self.grads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(grads) = grads.as_mut() else { bail!("the layer has not run backward yet") };
        let previous = gate.track_op().then(|| grad.clone());
        Ok((previous, grads.remove(weight)))
    }
}
