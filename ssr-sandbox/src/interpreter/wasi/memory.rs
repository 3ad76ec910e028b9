//! Checked access to the linear memory of a guest.

use crate::interpreter::vfs::Errno;

/// As on Linux.
const MAX_VECTORS: u32 = 1024;

/// The linear memory of the guest during one call. Every pointer is checked: one that leads
/// outside gives `EFAULT`.
pub(super) struct GuestMemory<'m>(&'m mut [u8]);

impl<'m> GuestMemory<'m> {
    pub(super) fn new(bytes: &'m mut [u8]) -> Self {
        Self(bytes)
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0
    }

    pub(super) fn slice(&self, at: u32, len: u32) -> Result<&[u8], Errno> {
        let start = at as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::Fault)?;
        self.0.get(start..end).ok_or(Errno::Fault)
    }

    pub(super) fn slice_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8], Errno> {
        let start = at as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::Fault)?;
        self.0.get_mut(start..end).ok_or(Errno::Fault)
    }

    /// Checks that `len` bytes at `at` exist, before anything is done that they will report.
    pub(super) fn check(&self, at: u32, len: u32) -> Result<(), Errno> {
        self.slice(at, len).map(drop)
    }

    /// Text such as a path.
    pub(super) fn text(&self, at: u32, len: u32) -> Result<&str, Errno> {
        std::str::from_utf8(self.slice(at, len)?).map_err(|_| Errno::NotUtf8)
    }

    fn array<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        let bytes = self.slice(at, N as u32)?;
        bytes.try_into().map_err(|_| Errno::Fault)
    }

    pub(super) fn read_u8(&self, at: u32) -> Result<u8, Errno> {
        self.array(at).map(u8::from_le_bytes)
    }

    pub(super) fn read_u16(&self, at: u32) -> Result<u16, Errno> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub(super) fn read_u32(&self, at: u32) -> Result<u32, Errno> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub(super) fn read_u64(&self, at: u32) -> Result<u64, Errno> {
        self.array(at).map(u64::from_le_bytes)
    }

    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.slice_mut(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, at: u32, value: u32) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, at: u32, value: u64) -> Result<(), Errno> {
        self.write(at, &value.to_le_bytes())
    }

    /// The buffer that element `index` of an array of `iovec` names.
    pub(super) fn vector(&self, array: u32, index: u32) -> Result<(u32, u32), Errno> {
        let at = index.checked_mul(8).and_then(|offset| array.checked_add(offset));
        let at = at.ok_or(Errno::Fault)?;
        let record: [u8; 8] = self.array(at)?;
        let [p0, p1, p2, p3, l0, l1, l2, l3] = record;
        let pointer = u32::from_le_bytes([p0, p1, p2, p3]);
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        self.check(pointer, len)?;
        Ok((pointer, len))
    }

    /// Checks a whole array of `iovec`: its length, every buffer, and that the total fits a
    /// `ssize_t`.
    pub(super) fn check_vectors(&self, array: u32, count: u32) -> Result<(), Errno> {
        if count > MAX_VECTORS {
            return Err(Errno::Invalid);
        }
        let mut total = 0_u64;
        for index in 0..count {
            total += u64::from(self.vector(array, index)?.1);
        }
        if total > i32::MAX as u64 { Err(Errno::Invalid) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_outside_the_memory_are_faults() {
        let mut bytes = [0_u8; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.check(60, 4), Ok(()));
        assert_eq!(memory.check(64, 0), Ok(()));
        for (at, len) in [(65, 0), (61, 4), (u32::MAX, 1), (u32::MAX, u32::MAX), (0, 65)] {
            assert_eq!(memory.check(at, len), Err(Errno::Fault), "{at}+{len}");
        }
        assert_eq!(memory.write_u64(57, 1), Err(Errno::Fault));
        assert_eq!(memory.vector(u32::MAX - 3, 0), Err(Errno::Fault));
        assert_eq!(memory.vector(0, u32::MAX), Err(Errno::Fault));
    }

    #[test]
    fn vectors_are_capped_in_number_and_total() {
        let mut bytes = vec![0_u8; 1 << 20];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.check_vectors(0, 1024), Ok(()));
        assert_eq!(memory.check_vectors(0, 1025), Err(Errno::Invalid));
        for index in 0..1024 {
            memory.write_u32(index * 8 + 4, 1 << 19).unwrap();
        }
        assert_eq!(memory.check_vectors(0, 1024), Ok(()));
        for index in 0..1024 {
            memory.write_u32(index * 8 + 4, 1 << 20).unwrap();
        }
        let total = 1024_u64 << 20;
        assert_eq!(memory.check_vectors(0, 1024).is_ok(), total <= i32::MAX as u64);
    }
}
