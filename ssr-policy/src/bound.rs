use candle_core::Device;

/// The first field of what holds tensors of a device. A thread may free them only if the device's
/// context is current there, and whoever drops last is not always one that computes: fields are
/// dropped in order, so this one makes the context current before the tensors go.
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
