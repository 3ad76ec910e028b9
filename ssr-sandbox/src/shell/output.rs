//! What a script prints: kept up to a limit, and heard while it comes.

use std::sync::{Mutex, PoisonError};

/// Which of the two output streams of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears what a script prints while it runs.
pub(crate) type Listener<'a> = &'a mut (dyn FnMut(OutputStream, &[u8]) + Send);

/// Collects both streams as they come, so that nothing is lost when the script is cut off.
pub(super) struct Sinks<'a>(Mutex<Collected<'a>>);

struct Collected<'a> {
    limit: usize,
    listener: Listener<'a>,
    stdout: Kept,
    stderr: Kept,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: usize,
}

impl<'a> Sinks<'a> {
    /// Keeps so many bytes of each stream.
    pub(super) fn new(limit: usize, listener: Listener<'a>) -> Self {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        Self(Mutex::new(Collected { limit, listener, stdout, stderr }))
    }

    pub(super) fn take(&self, stream: OutputStream, bytes: &[u8]) {
        let mut collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Collected { limit, listener, stdout, stderr } = &mut *collected;
        let kept = if stream == OutputStream::Stdout { stdout } else { stderr };
        let (head, rest) = bytes.split_at(bytes.len().min(*limit - kept.bytes.len()));
        kept.bytes.extend_from_slice(head);
        kept.dropped += rest.len();
        if !head.is_empty() {
            listener(stream, head);
        }
    }

    /// Both streams, each with a last line that says how much is missing, and whether any is.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u8>, bool) {
        let collected = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Collected { listener, mut stdout, mut stderr, .. } = collected;
        let cut = stdout.dropped > 0 || stderr.dropped > 0;
        for (stream, kept) in
            [(OutputStream::Stdout, &mut stdout), (OutputStream::Stderr, &mut stderr)]
        {
            if kept.dropped > 0 {
                let newline = if kept.bytes.ends_with(b"\n") { "" } else { "\n" };
                let mark = format!("{newline}[output truncated: {} bytes dropped]\n", kept.dropped);
                listener(stream, mark.as_bytes());
                kept.bytes.extend_from_slice(mark.as_bytes());
            }
        }
        (stdout.bytes, stderr.bytes, cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_counted_in_the_text() {
        let mut heard = Vec::new();
        let mut listener =
            |stream: OutputStream, bytes: &[u8]| heard.push((stream, bytes.to_vec()));
        let sinks = Sinks::new(4, &mut listener);
        for chunk in ["abc", "def", "g"] {
            sinks.take(OutputStream::Stdout, chunk.as_bytes());
        }
        sinks.take(OutputStream::Stderr, b"e\n");
        let mark = "\n[output truncated: 3 bytes dropped]\n";
        let expected = (format!("abcd{mark}").into_bytes(), b"e\n".to_vec(), true);
        assert_eq!(sinks.finish(), expected);
        let chunks = [
            ("abc", OutputStream::Stdout),
            ("d", OutputStream::Stdout),
            ("e\n", OutputStream::Stderr),
            (mark, OutputStream::Stdout),
        ];
        assert_eq!(heard, chunks.map(|(text, stream)| (stream, text.as_bytes().to_vec())));
    }
}
