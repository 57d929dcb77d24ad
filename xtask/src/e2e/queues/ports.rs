//! `port-forward` to a pod and to a Service, and the Service's own address, as somebody outside of the cluster meets them.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::shell;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);
const PORT: u16 = 6379;

/// Asks Redis in each way that leads to it.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    for target in ["pod/redis-master", "service/redis"] {
        let forward = session.start(&format!("port-forward {target} :{PORT}"))?;
        let ready = forward.until(LIMIT, |text| text.contains("Forwarding from 127.0.0.1:"));
        let port = forwarded(&forward.output());
        let answer = match (ready, port) {
            (Ok(()), Some(port)) => ping(SocketAddr::from(([127, 0, 0, 1], port))),
            (Ok(()), None) => Err(format!("it printed no port: {}", forward.output())),
            (Err(why), _) => Err(why),
        };
        report.check(&format!("port-forward {target}"), answer);
    }
    let address = session.outcome("get service redis -o jsonpath={.spec.clusterIP}")?;
    let ip: IpAddr = address.stdout.trim().parse().with_context(|| format!("an address: {}", address.stdout))?;
    report.check("the address of a Service answers", ping(SocketAddr::new(ip, PORT)));
    let other = TcpStream::connect((ip, PORT + 1)).map_or(Ok(()), |_| Err("somebody listens".to_owned()));
    report.check("a port that the Service does not have is closed", other);
    Ok(())
}

/// The local port of `Forwarding from 127.0.0.1:PORT -> 6379`.
fn forwarded(text: &str) -> Option<u16> {
    let rest = text.split("Forwarding from 127.0.0.1:").nth(1)?;
    rest.split(' ').next()?.parse().ok()
}

fn ping(address: SocketAddr) -> Result<(), String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let mut last = String::new();
    let answered = shell::until(LIMIT, || match ask() {
        Ok(answer) if answer == "+PONG\r\n" => Some(()),
        Ok(answer) => {
            last = answer;
            None
        }
        Err(error) => {
            last = error.to_string();
            None
        }
    });
    answered.ok_or_else(|| format!("{address} answered {last:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_port_is_read_from_what_kubectl_prints() {
        assert_eq!(forwarded("Forwarding from 127.0.0.1:43211 -> 6379\nForwarding from [::1]"), Some(43_211));
        assert_eq!(forwarded("error"), None);
    }
}
