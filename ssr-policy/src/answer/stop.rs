//! Stop texts, and which text no later token can take back.

/// Where the earliest stop text begins that ends in the bytes from `fresh` on.
pub(super) fn first_stop(text: &[u8], fresh: usize, stop: &[Vec<u8>]) -> Option<usize> {
    let find = |stop: &Vec<u8>| {
        let from = (fresh + 1).saturating_sub(stop.len());
        text[from..].windows(stop.len()).position(|window| window == stop).map(|at| from + at)
    };
    stop.iter().filter_map(find).min()
}

/// How many bytes at the end of `text` may be the beginning of a stop text.
pub(super) fn overlap(text: &[u8], stop: &[u8]) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|&n| text.ends_with(&stop[..n])).unwrap_or(0)
}

/// The length of `bytes` without a character at its end that is not complete yet.
pub(super) fn whole_characters(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let needed = match bytes[bytes.len() - back] {
            0x80..0xC0 => continue,
            0xC0..0xE0 => 2,
            0xE0..0xF0 => 3,
            0xF0.. => 4,
            _ => 1,
        };
        return if needed > back { bytes.len() - back } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_stop_text_wins_wherever_tokens_are_cut() {
        let stop = [b"END".to_vec(), b"\n\n".to_vec()];
        assert_eq!(first_stop(b"ab\n\nEND", 0, &stop), Some(2));
        assert_eq!(first_stop(b"abEND", 4, &stop), Some(2));
        assert_eq!(first_stop(b"abEN", 3, &stop), None);
        assert_eq!(first_stop(b"x", 0, &stop), None);
    }

    #[test]
    fn what_may_become_a_stop_text_or_a_character_is_held_back() {
        assert_eq!(overlap(b"abEN", b"END"), 2);
        assert_eq!(overlap(b"abE", b"END"), 1);
        assert_eq!((overlap(b"ab", b"END"), overlap(b"", b"END")), (0, 0));
        let text = "aé€😀".as_bytes();
        let whole: Vec<usize> = (0..=text.len()).map(|n| whole_characters(&text[..n])).collect();
        assert_eq!(whole, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
    }
}
