//! Which endpoint a connection goes to: each in turn, or the one that this client had before. Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use jiff::{SignedDuration, Timestamp};

/// Most clients that are remembered for one port of a Service. All of them are addresses of this machine.
const CLIENTS_MAX: usize = 1024;

/// What was chosen before.
#[derive(Debug, Default)]
pub struct Choices {
    turn: usize,
    /// The endpoint of each client, and when it was last used.
    clients: BTreeMap<IpAddr, (SocketAddr, Timestamp)>,
}

impl Choices {
    /// The endpoints in the order in which they are to be tried: the chosen one first.
    ///
    /// With an affinity, a client keeps its endpoint until it has not connected for so long, or the endpoint is gone
    /// (`sessionAffinity: ClientIP`).
    ///
    /// Differs: all programs of this machine reach a loopback address from 127.0.0.1, unless they bind another one, so
    /// that they are one client.
    pub fn order(
        &mut self,
        backends: &[SocketAddr],
        affinity: Option<SignedDuration>,
        client: IpAddr,
        now: Timestamp,
    ) -> Vec<SocketAddr> {
        let kept = affinity.and_then(|timeout| self.kept(backends, timeout, client, now));
        let first = match kept {
            Some(place) => place,
            None => {
                self.turn = self.turn.wrapping_add(1);
                self.turn.wrapping_sub(1) % backends.len().max(1)
            }
        };
        let order: Vec<SocketAddr> = backends.iter().cycle().skip(first).take(backends.len()).copied().collect();
        if let (Some(timeout), Some(chosen)) = (affinity, order.first()) {
            self.keep(timeout, client, *chosen, now);
        }
        order
    }

    fn kept(&self, backends: &[SocketAddr], timeout: SignedDuration, client: IpAddr, now: Timestamp) -> Option<usize> {
        let (backend, used) = self.clients.get(&client)?;
        let holds = now.duration_since(*used) < timeout;
        backends.iter().position(|known| known == backend).filter(|_| holds)
    }

    fn keep(&mut self, timeout: SignedDuration, client: IpAddr, backend: SocketAddr, now: Timestamp) {
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            self.clients.retain(|_, (_, used)| now.duration_since(*used) < timeout);
            if self.clients.len() >= CLIENTS_MAX {
                self.clients.clear();
            }
        }
        self.clients.insert(client, (backend, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backends(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([127, 64, 0, 1], port))).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    const ME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn first(choices: &mut Choices, count: u16, affinity: Option<i64>, client: IpAddr, second: i64) -> u16 {
        let affinity = affinity.map(SignedDuration::from_secs);
        choices.order(&backends(count), affinity, client, at(second))[0].port()
    }

    #[test]
    fn endpoints_take_turns_and_the_others_are_tried_after_the_chosen_one() {
        let mut choices = Choices::default();
        let ports: Vec<u16> = (0..4).map(|_| first(&mut choices, 3, None, ME, 0)).collect();
        assert_eq!(ports, [1, 2, 3, 1]);
        let order: Vec<u16> = choices.order(&backends(3), None, ME, at(0)).iter().map(SocketAddr::port).collect();
        assert_eq!(order, [2, 3, 1]);
        assert!(choices.order(&[], None, ME, at(0)).is_empty());
    }

    #[test]
    fn a_client_keeps_its_endpoint_until_it_rests_for_too_long() {
        let mut choices = Choices::default();
        assert_eq!(first(&mut choices, 3, Some(60), ME, 0), 1);
        assert_eq!(first(&mut choices, 3, Some(60), ME, 59), 1);
        assert_eq!(first(&mut choices, 3, Some(60), ME, 118), 1, "each use counts anew");
        assert_eq!(first(&mut choices, 3, Some(60), "127.0.0.2".parse().unwrap(), 118), 2, "another client");
        assert_eq!(first(&mut choices, 3, Some(60), ME, 178), 3);
    }

    #[test]
    fn a_client_whose_endpoint_is_gone_gets_another() {
        let mut choices = Choices::default();
        assert_eq!(first(&mut choices, 1, None, ME, 0), 1);
        assert_eq!(first(&mut choices, 2, Some(60), ME, 0), 2);
        assert_eq!(first(&mut choices, 1, Some(60), ME, 0), 1);
    }

    #[test]
    fn the_memory_of_clients_is_bounded() {
        let mut choices = Choices::default();
        for number in 0..5_000_u32 {
            first(&mut choices, 2, Some(60), IpAddr::from(std::net::Ipv4Addr::from(number)), 0);
        }
        assert!(choices.clients.len() <= CLIENTS_MAX);
    }
}
