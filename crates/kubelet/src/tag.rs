//! The mark that every process below a supervisor carries: which supervisor it came from, and which container.
//!
//! It is a soft `RLIMIT_RTTIME`, an inherited resource limit: a daemon leaves its group with `setsid` and its environment
//! with `env -i`, but this goes through fork and exec, can be read for any process of the same user, and binds only
//! real-time threads, for which 2^62 microseconds are 146,000 years. Pure, but for reading `/proc`.

use std::fs;

/// No limit that anybody else sets is as large, but for "none", which is larger.
const MARK: u64 = 1 << 62;
const SUPERVISOR_BITS: u32 = 30;
const TOKEN_BITS: u32 = 32;
const TOKEN_MASK: u64 = (1 << TOKEN_BITS) - 1;

/// The part of the mark that all processes of one supervisor share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family(u64);

impl Family {
    /// That of the supervisor with this process id, started at this time since boot: no other process has both.
    pub(crate) fn of(pid: u32, start_ticks: u64) -> Self {
        // FNV-1a: few bits must tell supervisors of one boot apart.
        let bytes = u64::from(pid).to_le_bytes().into_iter().chain(start_ticks.to_le_bytes());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(MARK | (hash >> (64 - SUPERVISOR_BITS)) << TOKEN_BITS)
    }

    /// The limit that marks the processes of a container.
    pub(crate) fn tag(self, token: u64) -> u64 {
        self.0 | (token & TOKEN_MASK)
    }

    /// The container's token, if a limit is of this family.
    pub(crate) fn token(self, limit: u64) -> Option<u64> {
        (limit & !TOKEN_MASK == self.0).then_some(limit & TOKEN_MASK)
    }

    /// The container's token of a process, if it is of this family and lives.
    pub(crate) fn token_of(self, pid: i32) -> Option<u64> {
        self.token(limit(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)?)
    }
}

/// The soft limit in the text of `/proc/PID/limits`.
fn limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// When a process started, in ticks since boot, and whether it is dead and waits to be reaped.
pub(crate) fn start_of(pid: u32) -> Option<(u64, bool)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    Some((fields.nth(18)?.parse().ok()?, is_dead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_tells_its_container_to_its_own_family_only() {
        let (own, later, other) = (Family::of(7, 100), Family::of(7, 101), Family::of(8, 100));
        let tag = own.tag(42);
        assert_eq!((own.token(tag), later.token(tag), other.token(tag)), (Some(42), None, None));
        assert!(own.tag(u64::from(u32::MAX)) < 1 << 63 && own.tag(0) >= MARK);
        assert_eq!(own.token(u64::MAX), None, "no limit");
    }

    #[test]
    fn the_limit_is_read_from_the_kernels_table() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max realtime priority     0                    0                    \n\
                    Max realtime timeout      4611686018427387946  unlimited            us        \n";
        assert_eq!(limit(text), Some(MARK + 42));
        assert_eq!(limit("Max realtime timeout      unlimited            unlimited            us"), None);
    }

    #[test]
    fn this_process_has_a_start_and_lives() {
        let (ticks, is_dead) = start_of(std::process::id()).unwrap();
        assert!(ticks > 0 && !is_dead);
        assert_eq!(start_of(u32::MAX), None);
    }
}
