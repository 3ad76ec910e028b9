//! Where CPython keeps what in a linear memory of 32 bits: the few offsets that are needed, which
//! are equal in 3.11 and 3.14.

/// `PyObject.ob_type`.
const OB_TYPE: u32 = 4;
/// `PyDictObject.ma_keys` and `ma_values`.
const DICT_KEYS: u32 = 24;
const DICT_VALUES: u32 = 28;
/// `PyFrameObject.f_frame`.
const FRAME: u32 = 12;
/// `globals`, `builtins`, `code`, `defaults`, `kwdefaults` and `closure` of `PyFunctionObject`.
pub(super) const FUNCTION: [u32; 6] = [8, 12, 24, 28, 32, 36];
/// `PyFunctionObject.func_version` of 3.14: set once, and cleared for good by a change of the code
/// or the defaults.
pub(super) const FUNCTION_VERSION: u32 = 72;
/// `PyTypeObject.tp_base` and `tp_mro`.
pub(super) const TYPE: [u32; 2] = [128, 168];
/// `PyTypeObject.tp_dict`.
pub(super) const TYPE_DICT: u32 = 132;
/// `PyTypeObject.tp_version_tag`: a new number after each change of an attribute.
pub(super) const TYPE_VERSION: u32 = 192;

/// A linear memory with pointers of 32 bits; whatever leads outside of it is `None`.
#[derive(Clone, Copy)]
pub(super) struct Memory<'m>(pub(super) &'m [u8]);

impl Memory<'_> {
    pub(super) fn word(self, at: u32) -> Option<u32> {
        let bytes = self.0.get(at as usize..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn byte(self, at: u32) -> Option<u8> {
        self.0.get(at as usize).copied()
    }

    pub(super) fn type_of(self, object: u32) -> Option<u32> {
        self.word(object.checked_add(OB_TYPE)?)
    }

    /// The interpreter's frame behind a frame object.
    pub(super) fn frame_of(self, frame_object: u32) -> Option<u32> {
        self.word(frame_object.checked_add(FRAME)?)
    }

    /// The table of keys and values of a dict; `None` when its values are kept elsewhere.
    pub(super) fn dict_keys(self, dict: u32) -> Option<u32> {
        let values = self.word(dict.checked_add(DICT_VALUES)?)?;
        let keys = self.word(dict.checked_add(DICT_KEYS)?)?;
        (values == 0).then_some(keys)
    }

    /// The key of each used entry of a table, with the address at which its value is.
    pub(super) fn dict_entries(self, keys: u32) -> Option<Vec<(u32, u32)>> {
        const HEADER: u32 = 20;
        const GENERAL: u8 = 0;
        let indices = 1_u32.checked_shl(self.byte(keys.checked_add(5)?)?.into())?;
        let kind = self.byte(keys + 6)?;
        let used = self.word(keys.checked_add(16)?)?;
        let first = keys.checked_add(HEADER)?.checked_add(indices)?;
        // An entry of the general kind begins with the hash.
        let (size, key) = if kind == GENERAL { (12, 4) } else { (8, 0) };
        let mut entries = Vec::new();
        for index in 0..used.min(1 << 20) {
            let at = first.checked_add(index.checked_mul(size)?)?.checked_add(key)?;
            if self.word(at + 4)? != 0 {
                entries.push((self.word(at)?, at + 4));
            }
        }
        Some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_outside_of_the_memory_is_nothing() {
        let bytes = [0xff_u8; 64];
        let memory = Memory(&bytes);
        assert_eq!(memory.word(60), Some(u32::MAX));
        for at in [61, 64, u32::MAX - 1, u32::MAX] {
            assert_eq!(memory.word(at), None);
            assert_eq!(memory.type_of(at), None);
            assert_eq!(memory.dict_keys(at), None);
            assert_eq!(memory.dict_entries(at), None);
        }
        assert_eq!(memory.dict_entries(0), None);
    }
}
