//! Identifiers: UIDs, name suffixes and secrets.

use parking_lot::Mutex;

/// Where components get identifiers from.
pub trait Entropy: Send + Sync + 'static {
    /// Sixty-four random bits; not for secrets.
    fn bits(&self) -> u64;

    /// A random UUID, version 4, as objects carry it in `metadata.uid`.
    fn uid(&self) -> String {
        let high = (self.bits() & !0xf000) | 0x4000;
        let low = (self.bits() & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    /// Draws for the suffix of a generated name; see `api::names::generated`.
    fn draws(&self) -> [u32; 5] {
        std::array::from_fn(|_| (self.bits() >> 33) as u32)
    }
}

/// Entropy of the machine, seeded once per process.
#[derive(Debug, Default)]
pub struct SystemEntropy(());

impl Entropy for SystemEntropy {
    fn bits(&self) -> u64 {
        fastrand::u64(..)
    }
}

/// Entropy that repeats itself: the same seed draws the same identifiers in the same order.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<fastrand::Rng>);

impl SeededEntropy {
    /// Entropy from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn bits(&self) -> u64 {
        self.0.lock().u64(..)
    }
}

/// A secret of `bytes` random bytes from the operating system, in hexadecimal: for tokens.
///
/// # Panics
/// When the operating system has no randomness to give, since a guessable token is worse than no server.
pub fn secret_hex(bytes: usize) -> String {
    let mut secret = vec![0; bytes];
    getrandom::fill(&mut secret).expect("the operating system gives randomness");
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_version_four_and_repeat_with_the_seed() {
        let uid = SeededEntropy::new(7).uid();
        assert_eq!(uid, SeededEntropy::new(7).uid());
        assert_eq!(uid.len(), 36);
        assert_eq!(uid.as_bytes()[14], b'4');
        assert!(matches!(uid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(SystemEntropy::default().uid(), SystemEntropy::default().uid());
    }
}
