//! What the host keeps of the output of a guest.

/// What a program wrote to one stream: the head of it, up to a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapturedOutput {
    /// The bytes that were kept.
    pub bytes: Vec<u8>,
    /// Whether more was written than kept.
    pub truncated: bool,
    limit: usize,
}

impl CapturedOutput {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), truncated: false, limit }
    }

    /// Keeps what fits; the program is never told.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.truncated |= kept < bytes.len();
    }

    /// Puts what was written earlier in front.
    pub(crate) fn prepend(&mut self, earlier: &CapturedOutput) {
        let later = std::mem::take(&mut self.bytes);
        self.push(&earlier.bytes);
        self.push(&later);
        self.truncated |= earlier.truncated;
    }

    /// The bytes as text, with a replacement character for whatever is not UTF-8.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_kept() {
        let mut output = CapturedOutput::new(4);
        output.push(b"abc");
        assert!(!output.truncated);
        output.push(b"def");
        output.push(b"g");
        assert_eq!((output.bytes.as_slice(), output.truncated), (b"abcd".as_slice(), true));
    }
}
