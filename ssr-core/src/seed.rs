//! Randomness keyed by what it is for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Randomness keyed by what it is for, not by when it is drawn.
///
/// A seed is derived step by step from the run's seed, a purpose and ids, so that the same question
/// gets the same answer at any thread count and in any order. [`Seed::rng`] gives as many numbers as
/// are needed.
///
/// ```
/// use ssr_core::Seed;
///
/// let run = Seed::new(7);
/// let a = run.derive("attempt").index(3);
/// assert_eq!(a, Seed::new(7).derive("attempt").index(3));
/// assert_ne!(a, run.derive("attempt").index(4));
/// assert!(a.below(10) < 10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root seed of a run.
    pub fn new(run: u64) -> Self {
        Self::hash(b"run", &[0; 32], &run.to_le_bytes())
    }

    /// The seed for a named purpose, or for anything else that is named by text.
    pub fn derive(&self, purpose: &str) -> Self {
        Self::hash(b"text", &self.0, purpose.as_bytes())
    }

    /// The seed of the `index`-th of something.
    pub fn index(&self, index: u64) -> Self {
        Self::hash(b"index", &self.0, &index.to_le_bytes())
    }

    fn hash(kind: &[u8], key: &[u8; 32], value: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(kind);
        hasher.update(key);
        hasher.update(value);
        Self(hasher.finalize().into())
    }

    /// The key itself, for a generator of another kind.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A generator that starts at the beginning of this seed's stream.
    pub fn rng(&self) -> SeedRng {
        SeedRng(ChaCha8Rng::from_seed(self.0))
    }

    /// The first 64 bits of this seed, uniform.
    pub fn value(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(bytes)
    }

    /// A uniform number below `bound`, 0 when `bound` is 0.
    pub fn below(&self, bound: usize) -> usize {
        // The bias of a 64 × 64 → 128 bit product is below bound / 2⁶⁴.
        ((u128::from(self.value()) * bound as u128) >> 64) as usize
    }

    /// A uniform number in `0.0..1.0`.
    pub fn unit(&self) -> f64 {
        (self.value() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The numbers that follow from a [`Seed`]: ChaCha8 with the seed as its key.
///
/// ```
/// use ssr_core::Seed;
///
/// let (mut one, mut other) = (Seed::new(7).rng(), Seed::new(7).rng());
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert_ne!(one.next_u32(), Seed::new(8).rng().next_u32());
/// ```
#[derive(Debug, Clone)]
pub struct SeedRng(ChaCha8Rng);

impl SeedRng {
    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills a buffer with the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_indices_do_not_collide() {
        let run = Seed::new(0);
        let seeds = [
            run,
            run.derive(""),
            run.derive("0"),
            run.index(0),
            run.index(0).index(0),
            run.derive("a").derive("b"),
            run.derive("ab"),
            Seed::new(1),
        ];
        for (i, a) in seeds.iter().enumerate() {
            assert!(seeds[i + 1..].iter().all(|b| a != b), "seed {i} collides");
        }
    }

    /// Weights are drawn from this stream, so that it may never change.
    #[test]
    fn the_stream_of_a_seed_is_chacha8_over_its_key() {
        let mut expected = ChaCha8Rng::from_seed(*Seed::new(5).bytes());
        let mut rng = Seed::new(5).rng();
        assert_eq!((rng.next_u32(), rng.next_u64()), (expected.next_u32(), expected.next_u64()));
        let (mut bytes, mut same) = ([0; 9], [0; 9]);
        rng.fill(&mut bytes);
        expected.fill_bytes(&mut same);
        assert_eq!(bytes, same);
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut counts = [0u32; 7];
        for i in 0..7000 {
            counts[Seed::new(1).index(i).below(7)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(Seed::new(1).below(0), 0);
    }
}
