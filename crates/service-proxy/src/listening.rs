//! Who listens on this machine, and whether the proxy may then listen for them. Pure.
//!
//! A pod is ready before its program listens, and a program that binds all addresses cannot do so while the proxy has
//! its port at the address of its Service. So the proxy waits until an endpoint listens. If it is one that binds all
//! addresses at the port of the Service, the Service's address is among them: connections reach it without a proxy.
//! Nobody is connected to in order to find out: a server that takes one connection would have had it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a socket that listens, as the kernel writes it.
const LISTEN: &str = "0A";

/// The addresses at which somebody listens.
#[derive(Debug, Default)]
pub struct Listening(HashSet<SocketAddr>);

impl Listening {
    /// Reads the texts of `/proc/net/tcp` and `/proc/net/tcp6`.
    pub fn read(tables: &[&str]) -> Self {
        Self(tables.iter().flat_map(|table| table.lines()).filter_map(socket).collect())
    }

    /// Whether a connection to an address is taken.
    fn answers(&self, address: SocketAddr) -> bool {
        self.0.contains(&address) || self.has_all_addresses(address.port())
    }

    /// Whether somebody has a port at all addresses of this machine. Those who have it at all of IPv6 have IPv4's too,
    /// unless they asked not to.
    fn has_all_addresses(&self, port: u16) -> bool {
        let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        all.iter().any(|ip| self.0.contains(&SocketAddr::new(*ip, port)))
    }
}

/// The address of a socket that listens: the second word of its line, with the bytes of each group in the machine's order.
fn socket(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().skip(1);
    let local = words.next()?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let group = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(group(0)?),
        _ => {
            let bytes: Vec<u8> = [group(0)?, group(1)?, group(2)?, group(3)?].concat();
            IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)
        }
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// What is to be done about a port of a Service that is not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Listen.
    Listen,
    /// An endpoint has the address already.
    Direct,
    /// Look again later: no endpoint listens yet.
    Wait,
}

/// Decides about one address. Endpoints on other machines are taken to listen.
pub fn verdict(front: SocketAddr, backends: &[SocketAddr], listening: &Listening) -> Verdict {
    let own_port = backends.iter().any(|backend| backend.port() == front.port() && backend.ip().is_loopback());
    if own_port && listening.has_all_addresses(front.port()) {
        return Verdict::Direct;
    }
    match backends.iter().any(|backend| !backend.ip().is_loopback() || listening.answers(*backend)) {
        true => Verdict::Listen,
        false => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn decided(front: &str, backends: &[&str], listening: &[&str]) -> Verdict {
        let backends: Vec<SocketAddr> = backends.iter().map(|text| address(text)).collect();
        let listening = Listening(listening.iter().map(|text| address(text)).collect());
        verdict(address(front), &backends, &listening)
    }

    #[test]
    fn the_proxy_waits_until_an_endpoint_listens() {
        let decide = |listening: &[&str]| decided("127.96.0.7:80", &["127.64.0.1:8080", "127.64.0.2:8080"], listening);
        assert_eq!(decide(&["127.64.0.1:80", "127.64.0.3:8080", "127.0.0.1:8080"]), Verdict::Wait);
        assert_eq!(decide(&["127.64.0.2:8080"]), Verdict::Listen);
        assert_eq!(decide(&["0.0.0.0:8080"]), Verdict::Listen, "the Service's port is another");
        assert_eq!(decided("127.96.0.7:80", &["10.0.0.1:80"], &[]), Verdict::Listen, "it is out of sight");
    }

    #[test]
    fn an_endpoint_at_all_addresses_needs_no_proxy_at_its_own_port() {
        for all in ["0.0.0.0:6379", "[::]:6379"] {
            assert_eq!(decided("127.96.0.7:6379", &["127.64.0.1:6379"], &[all]), Verdict::Direct);
        }
        let other = decided("127.96.0.7:6379", &["127.64.0.1:6380"], &["0.0.0.0:6379", "127.64.0.1:6380"]);
        assert_eq!(other, Verdict::Listen, "somebody else has the port, which will be told");
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_table_is_read() {
        let four = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n\
                    1: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n\
                    2: 0100007F:0050 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1 1\n";
        let six = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0 0 0\n";
        let mut found: Vec<String> = Listening::read(&[four, six]).0.iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, ["0.0.0.0:6379", "127.0.0.1:8080", "[::1]:80"]);
        assert!(Listening::read(&["", "nonsense\n1: 2 3 0A"]).0.is_empty());
    }

    #[test]
    fn a_socket_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        assert!(Listening::read(&[&table]).answers(listener.local_addr().unwrap()));
    }
}
