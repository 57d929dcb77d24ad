//! Where the addresses of Services come from.

use std::net::Ipv4Addr;

/// A network, without its first and last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceRange {
    network: Ipv4Addr,
    prefix_bits: u32,
}

impl Default for ServiceRange {
    /// kubeadm's, 10.96.0.0/12.
    fn default() -> Self {
        Self { network: Ipv4Addr::new(10, 96, 0, 0), prefix_bits: 12 }
    }
}

impl ServiceRange {
    /// The network of 65,536 addresses that begin with these two numbers.
    pub fn of_16_bits(first: u8, second: u8) -> Self {
        Self { network: Ipv4Addr::new(first, second, 0, 0), prefix_bits: 16 }
    }

    /// The address of the Service `kubernetes`: the first one.
    pub fn api_server(self) -> Ipv4Addr {
        Ipv4Addr::from(self.network() + 1)
    }

    pub(super) fn network(self) -> u32 {
        u32::from(self.network)
    }

    pub(super) fn addresses(self) -> u32 {
        1 << (32 - self.prefix_bits)
    }
}
