//! The header of a GGUF file. Candle has a reader, too; but that one divides by an alignment of 0
//! and holds every element of every list, so files that nobody vouches for are read here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The longest string that is kept; longer ones, and all lists, are skipped.
const MAX_STRING: u64 = 1 << 12;
/// The most settings and the most tensors of a file.
const MAX_ENTRIES: u64 = 1 << 16;

/// How the elements of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    Bf16,
    /// Blocks of 32: a half-precision scale and as many signed bytes.
    Q8,
    /// Blocks of 32: a half-precision scale and 16 bytes, each with an element in its low half and
    /// the one 16 places later in its high half, both plus 8.
    Q4,
    /// Not implemented.
    Other,
}

impl Kind {
    fn new(code: u32) -> Self {
        match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4,
            8 => Self::Q8,
            30 => Self::Bf16,
            _ => Self::Other,
        }
    }

    /// Elements and bytes of a block.
    pub(super) fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Q8 => Some((32, 34)),
            Self::Q4 => Some((32, 18)),
            Self::Other => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct TensorInfo {
    /// The slowest dimension first, as in a checkpoint of PyTorch.
    pub(super) shape: Vec<usize>,
    pub(super) kind: Kind,
    offset: u64,
}

/// A setting that is a number, a truth value or a short text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Integer(u64),
    Float(f64),
    Text(String),
}

pub(super) struct Header {
    file: BufReader<File>,
    path: PathBuf,
    size: u64,
    settings: HashMap<String, Value>,
    tensors: HashMap<String, TensorInfo>,
    /// Where the tensors begin.
    start: u64,
}

impl Header {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let size = file.metadata().map_err(Error::io(path))?.len();
        let mut reader = Reader { file: BufReader::new(file), left: size };
        let (settings, tensors) = reader.header().map_err(|problem| match problem {
            Problem::Io(e) if e.kind() != ErrorKind::UnexpectedEof => Error::io(path)(e),
            Problem::Io(_) => Error::file(path, "truncated GGUF file"),
            Problem::Format(problem) => Error::file(path, format!("GGUF file: {problem}")),
        })?;
        let alignment = match settings.get("general.alignment") {
            Some(&Value::Integer(alignment)) => alignment,
            _ => 32,
        };
        if !alignment.is_power_of_two() || alignment > 1 << 16 {
            return Err(Error::file(path, format!("GGUF file: an alignment of {alignment}")));
        }
        let start = (size - reader.left).next_multiple_of(alignment);
        let file =
            Self { file: reader.file, path: path.to_owned(), size, settings, tensors, start };
        file.refuse_overlaps()?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The bytes of a tensor, if they are all there and of an implemented kind.
    pub(super) fn bytes(&mut self, info: &TensorInfo) -> Result<Option<Vec<u8>>> {
        let Some((position, bytes)) = self.place(info) else { return Ok(None) };
        let mut data = vec![0; bytes];
        let file = &mut self.file;
        let read = file.seek(SeekFrom::Start(position)).and_then(|_| file.read_exact(&mut data));
        read.map_err(Error::io(&self.path))?;
        Ok(Some(data))
    }

    /// Refuses tensors that share bytes, which would ask for more memory than the file has.
    fn refuse_overlaps(&self) -> Result<()> {
        let place = |(name, info)| Some((self.place(info)?, name));
        let mut places: Vec<((u64, usize), &String)> =
            self.tensors.iter().filter_map(place).collect();
        places.sort_unstable();
        for pair in places.windows(2) {
            let [((start, bytes), name), ((next, _), other)] = [pair[0], pair[1]];
            if start + bytes as u64 > next {
                let problem = format!("GGUF file: the tensors {name} and {other} overlap");
                return Err(Error::file(&self.path, problem));
            }
        }
        Ok(())
    }

    /// Position and size of a tensor inside the file.
    fn place(&self, info: &TensorInfo) -> Option<(u64, usize)> {
        let (block, block_bytes) = info.kind.block()?;
        // Blocks do not reach over the end of a row.
        if !info.shape.last()?.is_multiple_of(block) {
            return None;
        }
        let bytes = (info.len()? / block).checked_mul(block_bytes)?;
        let position = self.start.checked_add(info.offset)?;
        let end = position.checked_add(bytes as u64)?;
        (end <= self.size).then_some((position, bytes))
    }
}

enum Problem {
    Io(std::io::Error),
    Format(String),
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

fn wrong<T>(problem: String) -> Result<T, Problem> {
    Err(Problem::Format(problem))
}

struct Reader {
    file: BufReader<File>,
    /// Bytes of the file that have not been read.
    left: u64,
}

type Entries = (HashMap<String, Value>, HashMap<String, TensorInfo>);

impl Reader {
    fn header(&mut self) -> Result<Entries, Problem> {
        if self.array::<4>()? != *b"GGUF" {
            return wrong("it does not begin with GGUF".into());
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return wrong(format!("version {version}; 2 and 3 are supported"));
        }
        let (tensors, settings) = (self.u64()?, self.u64()?);
        if tensors > MAX_ENTRIES || settings > MAX_ENTRIES {
            return wrong(format!("{tensors} tensors and {settings} settings"));
        }
        let mut values = HashMap::new();
        for _ in 0..settings {
            let name = self.name()?;
            let kind = self.u32()?;
            if let Some(value) = self.value(kind)? {
                values.insert(name, value);
            }
        }
        let mut infos = HashMap::new();
        for _ in 0..tensors {
            let name = self.name()?;
            let dimensions = self.u32()?;
            if dimensions > 4 {
                return wrong(format!("the tensor {name} has {dimensions} dimensions"));
            }
            let mut shape = Vec::new();
            for _ in 0..dimensions {
                // A size that does not fit is not the expected one either.
                shape.push(usize::try_from(self.u64()?).unwrap_or(usize::MAX));
            }
            shape.reverse();
            let kind = Kind::new(self.u32()?);
            let offset = self.u64()?;
            let info = TensorInfo { shape, kind, offset };
            if infos.insert(name.clone(), info).is_some() {
                return wrong(format!("there are two tensors {name}"));
            }
        }
        Ok((values, infos))
    }

    /// A setting of one of the 13 types, or nothing for what is skipped.
    fn value(&mut self, kind: u32) -> Result<Option<Value>, Problem> {
        let signed = |value: i64| match u64::try_from(value) {
            Ok(value) => Some(Value::Integer(value)),
            Err(_) => Some(Value::Float(value as f64)),
        };
        Ok(match kind {
            0 | 7 => Some(Value::Integer(u64::from(self.array::<1>()?[0]))),
            1 => signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Some(Value::Integer(u64::from(u16::from_le_bytes(self.array()?)))),
            3 => signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Some(Value::Integer(u64::from(self.u32()?))),
            5 => signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Some(Value::Float(written(f32::from_le_bytes(self.array()?)))),
            8 => self.text()?.map(Value::Text),
            9 => {
                self.skip_list()?;
                None
            }
            10 => Some(Value::Integer(self.u64()?)),
            11 => signed(i64::from_le_bytes(self.array()?)),
            12 => Some(Value::Float(f64::from_le_bytes(self.array()?))),
            other => return wrong(format!("a setting of the unknown type {other}")),
        })
    }

    fn skip_list(&mut self) -> Result<(), Problem> {
        let (kind, len) = (self.u32()?, self.u64()?);
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => {
                // Every text takes 8 bytes, so this ends with the file at the latest.
                for _ in 0..len {
                    let len = self.u64()?;
                    self.skip(len)?;
                }
                return Ok(());
            }
            other => return wrong(format!("a list of the type {other}")),
        };
        self.skip(len.saturating_mul(width))
    }

    fn name(&mut self) -> Result<String, Problem> {
        match self.text()? {
            Some(name) => Ok(name),
            None => wrong(format!("a name is longer than {MAX_STRING} bytes or not UTF-8")),
        }
    }

    /// A text, or nothing when it is too long or not UTF-8.
    fn text(&mut self) -> Result<Option<String>, Problem> {
        let len = self.u64()?;
        if len > MAX_STRING {
            self.skip(len)?;
            return Ok(None);
        }
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8(bytes).ok())
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Problem> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Problem> {
        self.take(bytes.len() as u64)?;
        Ok(self.file.read_exact(bytes)?)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Problem> {
        self.take(bytes)?;
        match i64::try_from(bytes) {
            Ok(bytes) => Ok(self.file.seek_relative(bytes)?),
            Err(_) => Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Counts bytes as read.
    fn take(&mut self, bytes: u64) -> Result<(), Problem> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(std::io::Error::from(ErrorKind::UnexpectedEof).into()),
        }
    }
}

/// The decimal number that a `f32` was written for: 1e-5, not 9.999999747378752e-6.
fn written(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
