//! The CUDA context of a thread that drops tensors.

use candle_core::Device;

/// Makes the device's CUDA context current on the thread that drops it. It must be the first field
/// of a struct that holds tensors of the device.
///
/// CUDA frees memory only on a thread where the context is current. The last owner of the tensors
/// may be dropped on a thread that never computed. Fields are dropped in the order of their
/// declaration, so the context is current before the tensors are freed.
pub(crate) struct Bound(pub(crate) Device);

impl Drop for Bound {
    fn drop(&mut self) {
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = &self.0 {
            // If this fails, so does the next operation, which can say so.
            let _ = device.cuda_stream().context().bind_to_thread();
        }
    }
}
