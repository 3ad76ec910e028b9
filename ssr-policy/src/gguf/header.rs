//! The header of a GGUF file. Candle has a reader, too; but that one divides by an alignment of 0
//! and holds every element of every list, so files that nobody vouches for are read here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::kind::Kind;
use crate::error::{Error, Result};

/// The longest string that is kept; of longer ones, and of all lists, only the place is.
const MAX_STRING: u64 = 1 << 12;
/// The largest list that is read, in bytes: a vocabulary of 256,000 tokens has 5,000,000.
const MAX_LIST: u64 = 64 << 20;
/// The most settings and the most tensors of a file.
const MAX_ENTRIES: u64 = 1 << 16;

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

/// Where a long text or a list stands in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The type of the elements, as a setting's.
    kind: u32,
    /// Their number.
    len: u64,
    start: u64,
    bytes: u64,
}

/// The number of the type of texts.
const TEXT: u32 = 8;

pub(super) struct Header {
    file: BufReader<File>,
    path: PathBuf,
    size: u64,
    settings: HashMap<String, Value>,
    places: HashMap<String, Place>,
    tensors: HashMap<String, TensorInfo>,
    /// Where the tensors begin.
    start: u64,
}

impl Header {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let size = file.metadata().map_err(Error::io(path))?.len();
        let mut reader = Reader { file: BufReader::new(file), size, left: size };
        let Entries { settings, places, tensors } =
            reader.header().map_err(|problem| match problem {
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
        let (file, path) = (reader.file, path.to_owned());
        let header = Self { file, path, size, settings, places, tensors, start };
        header.refuse_overlaps()?;
        Ok(header)
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
        match self.place(info) {
            Some((position, bytes)) => self.read(position, bytes).map(Some),
            None => Ok(None),
        }
    }

    fn read(&mut self, position: u64, bytes: usize) -> Result<Vec<u8>> {
        let mut data = vec![0; bytes];
        let file = &mut self.file;
        let read = file.seek(SeekFrom::Start(position)).and_then(|_| file.read_exact(&mut data));
        read.map_err(Error::io(&self.path))?;
        Ok(data)
    }

    /// A text of any length.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(Value::Text(text)) = self.setting(name) {
            return Ok(Some(text.clone()));
        }
        match self.places.get(name) {
            Some(place) if place.kind == TEXT && place.len == 1 => {
                Ok(self.texts(name)?.and_then(|mut texts| texts.pop()))
            }
            _ => Ok(None),
        }
    }

    /// A list of texts; nothing where there is no such setting.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let Some((place, bytes)) = self.list(name, TEXT)? else { return Ok(None) };
        let mut rest = &bytes[..];
        let mut texts = Vec::new();
        for index in 0..place.len {
            let text = split_text(&mut rest).ok_or_else(|| {
                Error::file(&self.path, format!("GGUF file: text {index} of {name} is not UTF-8"))
            })?;
            texts.push(text.to_owned());
        }
        Ok(Some(texts))
    }

    /// A list of 32-bit integers; nothing where there is no such setting.
    pub(super) fn integers(&mut self, name: &str) -> Result<Option<Vec<u32>>> {
        const UNSIGNED: u32 = 4;
        const SIGNED: u32 = 5;
        let signed = self.places.get(name).is_some_and(|place| place.kind == SIGNED);
        let kind = if signed { SIGNED } else { UNSIGNED };
        let Some((_, bytes)) = self.list(name, kind)? else { return Ok(None) };
        Ok(Some(bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect()))
    }

    /// The place of a list and its bytes, if its elements have this type.
    fn list(&mut self, name: &str, kind: u32) -> Result<Option<(Place, Vec<u8>)>> {
        let Some(&place) = self.places.get(name) else { return Ok(None) };
        if place.kind != kind || place.bytes > MAX_LIST {
            let (count, found) = (place.len, place.kind);
            let problem = format!("GGUF file: {name} is a list of {count} of the type {found}");
            return Err(Error::file(&self.path, problem));
        }
        let bytes = self.read(place.start, place.bytes as usize)?;
        Ok(Some((place, bytes)))
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

/// Takes a text off the bytes of a list; nothing where they do not hold one.
fn split_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b str> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let (text, rest) = rest.split_at_checked(len)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

struct Reader {
    file: BufReader<File>,
    /// Bytes of the file.
    size: u64,
    /// Bytes of the file that have not been read.
    left: u64,
}

#[derive(Default)]
struct Entries {
    settings: HashMap<String, Value>,
    places: HashMap<String, Place>,
    tensors: HashMap<String, TensorInfo>,
}

/// A setting, or where it stands.
enum Entry {
    Value(Value),
    Place(Place),
}

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
        let mut entries = Entries::default();
        for _ in 0..settings {
            let name = self.name()?;
            let kind = self.u32()?;
            match self.entry(kind)? {
                Entry::Value(value) => drop(entries.settings.insert(name, value)),
                Entry::Place(place) => drop(entries.places.insert(name, place)),
            }
        }
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
            if entries.tensors.insert(name.clone(), info).is_some() {
                return wrong(format!("there are two tensors {name}"));
            }
        }
        Ok(entries)
    }

    /// A setting of one of the 13 types.
    fn entry(&mut self, kind: u32) -> Result<Entry, Problem> {
        let signed = |value: i64| match u64::try_from(value) {
            Ok(value) => Value::Integer(value),
            Err(_) => Value::Float(value as f64),
        };
        Ok(Entry::Value(match kind {
            0 | 7 => Value::Integer(u64::from(self.array::<1>()?[0])),
            1 => signed(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Integer(u64::from(u16::from_le_bytes(self.array()?))),
            3 => signed(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Integer(u64::from(self.u32()?)),
            5 => signed(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(written(f32::from_le_bytes(self.array()?))),
            TEXT => {
                let start = self.size - self.left;
                match self.text()? {
                    Some(text) => Value::Text(text),
                    None => return Ok(Entry::Place(self.passed(TEXT, 1, start))),
                }
            }
            9 => return Ok(Entry::Place(self.skip_list()?)),
            10 => Value::Integer(self.u64()?),
            11 => signed(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            other => return wrong(format!("a setting of the unknown type {other}")),
        }))
    }

    /// What has been read since a position.
    fn passed(&self, kind: u32, len: u64, start: u64) -> Place {
        Place { kind, len, start, bytes: self.size - self.left - start }
    }

    fn skip_list(&mut self) -> Result<Place, Problem> {
        let (kind, len) = (self.u32()?, self.u64()?);
        let start = self.size - self.left;
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            TEXT => {
                // Every text takes 8 bytes, so this ends with the file at the latest.
                for _ in 0..len {
                    let len = self.u64()?;
                    self.skip(len)?;
                }
                return Ok(self.passed(kind, len, start));
            }
            other => return wrong(format!("a list of the type {other}")),
        };
        self.skip(len.saturating_mul(width))?;
        Ok(self.passed(kind, len, start))
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
