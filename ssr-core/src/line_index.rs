//! Where the lines of a file start.

use std::ops::Range;

use memchr::memchr_iter;

/// Where the lines of a file start, to find the line of a byte without reading the file again.
/// A line ends after `\n`; a lone `\r` does not end one.
///
/// ```
/// use ssr_core::LineIndex;
///
/// let index = LineIndex::new(b"ab\ncd");
/// assert_eq!((index.len(), index.line(3), index.range(1)), (2, 1, 3..5));
/// ```
#[derive(Debug, Clone)]
pub struct LineIndex {
    /// The start of every line, then the length of the file.
    starts: Vec<usize>,
}

impl LineIndex {
    /// Reads `bytes` once.
    pub fn new(bytes: &[u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr_iter(b'\n', bytes).map(|at| at + 1));
        if starts.last() != Some(&bytes.len()) {
            starts.push(bytes.len());
        }
        Self { starts }
    }

    /// The number of lines; an unfinished last line counts.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line, from 0, that holds the byte at `offset`; the number of lines at the end of the
    /// file and beyond.
    pub fn line(&self, offset: usize) -> usize {
        (self.starts.partition_point(|start| *start <= offset) - 1).min(self.len())
    }

    /// The bytes of a line, its newline included; empty beyond the last line.
    pub fn range(&self, line: usize) -> Range<usize> {
        self.start(line)..self.start(line.saturating_add(1))
    }

    /// The first byte of a line; the length of the file beyond the last line.
    pub fn start(&self, line: usize) -> usize {
        self.starts[line.min(self.len())]
    }

    /// The length of the file in bytes.
    pub fn bytes(&self) -> usize {
        self.start(usize::MAX)
    }
}
