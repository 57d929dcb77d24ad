//! Addresses of pods: which are free, and which is next. Pure.
//!
//! Each pod has an address of the loopback network to itself, so that two pods which bind their own address have ports
//! of their own. It is no network: whoever binds all addresses (0.0.0.0) has that port on every pod's, and on the host's.
//!
//! Differs: upstream's pods have a network each, with an address that only they can bind.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::Mutex;

/// A run of addresses that are given to pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodRange {
    /// The first one.
    pub first: Ipv4Addr,
    /// How many there are.
    pub count: u32,
}

/// What is taken of a range. The next address is the one after the last that was given, so one that is free again rests
/// for as long as there are others: who still holds it finds nobody there.
#[derive(Debug)]
struct Addresses {
    range: PodRange,
    next: u32,
    taken: HashSet<u32>,
}

impl Addresses {
    fn take(&mut self) -> Option<u32> {
        let count = self.range.count;
        let place = (0..count).map(|step| (self.next + step) % count).find(|place| !self.taken.contains(place))?;
        self.next = (place + 1) % count;
        self.taken.insert(place);
        Some(place)
    }

    /// The place of an address that a pod had before this kubelet began, unless another has it.
    fn take_again(&mut self, address: Ipv4Addr) -> Option<u32> {
        let place = u32::from(address).checked_sub(u32::from(self.range.first))?;
        (place < self.range.count && self.taken.insert(place)).then_some(place)
    }

    fn address(&self, place: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.range.first) + place)
    }
}

/// Gives addresses out. A clone gives out the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Pool(Arc<Mutex<Addresses>>);

impl Pool {
    pub(crate) fn new(range: PodRange) -> Self {
        Self(Arc::new(Mutex::new(Addresses { range, next: 0, taken: HashSet::new() })))
    }

    /// An address, the given one if it can be had; `None` when all are taken.
    pub(crate) fn lease(&self, before: Option<Ipv4Addr>) -> Option<Lease> {
        let mut addresses = self.0.lock();
        let place = match before.and_then(|address| addresses.take_again(address)) {
            Some(place) => place,
            None => addresses.take()?,
        };
        Some(Lease { address: addresses.address(place), place, pool: self.clone() })
    }
}

/// An address that nobody else is given for as long as this lives.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Addr,
    place: u32,
    pool: Pool,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.0.lock().taken.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(count: u32) -> Pool {
        Pool::new(PodRange { first: Ipv4Addr::new(127, 64, 0, 255), count })
    }

    fn text(lease: Option<&Lease>) -> Option<String> {
        lease.map(|lease| lease.address.to_string())
    }

    #[test]
    fn addresses_are_given_in_order_and_again_when_all_others_were() {
        let pool = pool(3);
        let (first, second) = (pool.lease(None), pool.lease(None));
        assert_eq!(text(first.as_ref()), Some("127.64.0.255".to_owned()));
        assert_eq!(text(second.as_ref()), Some("127.64.1.0".to_owned()));
        drop(first);
        let third = pool.lease(None);
        assert_eq!(text(third.as_ref()), Some("127.64.1.1".to_owned()), "the one that is free again rests");
        let again = pool.lease(None);
        assert_eq!(text(again.as_ref()), Some("127.64.0.255".to_owned()));
        assert!(pool.lease(None).is_none(), "all are taken");
    }

    #[test]
    fn a_pod_keeps_the_address_that_it_had_before_the_kubelet_began() {
        let pool = pool(4);
        let kept = pool.lease(Some(Ipv4Addr::new(127, 64, 1, 1)));
        assert_eq!(text(kept.as_ref()), Some("127.64.1.1".to_owned()));
        let other = pool.lease(Some(Ipv4Addr::new(127, 64, 1, 1)));
        assert_eq!(text(other.as_ref()), Some("127.64.0.255".to_owned()), "it is another pod's");
        let outside = pool.lease(Some(Ipv4Addr::new(127, 0, 0, 1)));
        assert_eq!(text(outside.as_ref()), Some("127.64.1.0".to_owned()), "it is not of the range");
    }
}
