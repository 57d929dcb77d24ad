//! Which addresses the pods and Services of a cluster have: parts of the loopback network, which every user of a Linux
//! machine may bind, and nobody outside of the machine reaches.
//!
//! Several clusters on one machine must not share addresses, so each claims a block that no other has. Who holds a block
//! is known by a port that is bound in it; the system frees it with its process, however that ends.

use std::net::{Ipv4Addr, TcpListener};

use kubelet::PodRange;
use registry::service::ServiceRange;
use tracing::warn;

/// Blocks of 65,536 addresses: for pods 127.64.0.0/16 to 127.95.0.0/16, for Services 127.96.0.0/16 to 127.127.0.0/16.
///
/// Differs: kubeadm's range of Services, 10.96.0.0/12, can be bound by nobody without privilege.
const BLOCKS: u8 = 32;
const FIRST_POD_BLOCK: u8 = 64;
const FIRST_SERVICE_BLOCK: u8 = FIRST_POD_BLOCK + BLOCKS;
/// Addresses of a block that are given to pods.
const PODS_MAX: u32 = 65_000;
/// Addresses of all blocks, for pods that are acted out, and so share them with nobody.
const ACTED_PODS_MAX: u32 = BLOCKS as u32 * 65_536 - 2;
/// Says that a block is taken: its last address but one, at the port of kubelets.
const CLAIM: ([u8; 2], u16) = ([255, 254], 10_250);

/// The addresses of one cluster, for as long as this lives.
pub(crate) struct Network {
    /// The addresses of its pods; `None` when this machine gives them none.
    pub(crate) pods: Option<PodRange>,
    /// The addresses of its Services.
    pub(crate) services: ServiceRange,
    /// Kept open.
    _claim: Option<TcpListener>,
}

impl Network {
    /// The network of pods that are processes.
    pub(crate) fn claim() -> Self {
        // Linux has all of 127.0.0.0/8 on its loopback device; other systems have 127.0.0.1 alone.
        if let Err(error) = TcpListener::bind((block_address(0, [0, 1]), 0)) {
            warn!(%error, "pods have no addresses of their own: all are at 127.0.0.1");
            return Self { pods: None, services: ServiceRange::default(), _claim: None };
        }
        let claim = |block| TcpListener::bind((block_address(block, CLAIM.0), CLAIM.1)).ok().map(|it| (block, it));
        let claimed = (0..BLOCKS).find_map(claim);
        if claimed.is_none() {
            warn!("all blocks of addresses are taken: pods share addresses with those of another server");
        }
        let (block, _claim) = claimed.map_or((0, None), |(block, listener)| (block, Some(listener)));
        let pods = PodRange { first: block_address(block, [0, 1]), count: PODS_MAX };
        let services = ServiceRange::of_16_bits(127, FIRST_SERVICE_BLOCK + block);
        Self { pods: Some(pods), services, _claim }
    }

    /// The network of pods that are acted out: they have addresses, and nothing is bound.
    pub(crate) fn acted() -> Self {
        let pods = PodRange { first: block_address(0, [0, 1]), count: ACTED_PODS_MAX };
        Self { pods: Some(pods), services: ServiceRange::default(), _claim: None }
    }
}

fn block_address(block: u8, [third, fourth]: [u8; 2]) -> Ipv4Addr {
    Ipv4Addr::new(127, FIRST_POD_BLOCK + block, third, fourth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_at_one_time_share_no_addresses() {
        let networks = [Network::claim(), Network::claim(), Network::claim()];
        let mut first: Vec<_> = networks.iter().filter_map(|network| Some(network.pods?.first)).collect();
        first.dedup();
        assert_eq!(first.len(), 3);
        assert!(networks.iter().all(|network| network._claim.is_some()));
    }
}
