//! Bytes in and out of pods: `cp`, which is `tar` through `exec`, and `port-forward`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::step;

/// How long a stream may take to show what it must.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the checks.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    session.run(
        &[
            step("run holder --image=busybox --restart=Never --command -- sleep 1000").out("pod/holder created"),
            step("wait --for=condition=ready pod holder --timeout=30s").out("..."),
        ],
        report,
    )?;
    copy(session, report)?;
    forward(session, report)?;
    refused(session, report)?;
    session.run(&[step("delete pod holder --grace-period=1").out("...")], report)
}

fn copy(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let folder = session.folder().to_owned();
    fs::write(folder.join("up.bin"), &content)?;
    session.run(
        &[
            step("cp up.bin holder:copied.bin").talks(),
            step("exec holder -- sh -c 'wc -c <copied.bin'").out("1200000"),
            step("cp holder:copied.bin back.bin").talks(),
        ],
        report,
    )?;
    let same = fs::read(folder.join("back.bin")).is_ok_and(|back| back == content);
    report.check("cp both ways keeps every byte", if same { Ok(()) } else { Err("the files differ".to_owned()) });
    Ok(())
}

/// A server that answers with what it was sent, in capitals, once that has ended; pods share the host's network.
fn capitals() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(connection));
        }
    });
    Ok(port)
}

fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut sent = Vec::new();
    connection.read_to_end(&mut sent)?;
    connection.write_all(&sent.to_ascii_uppercase())
}

fn forward(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let port = capitals()?;
    let forwarding = session.start(&format!("port-forward pod/holder :{port}"))?;
    let ready = forwarding.until(LIMIT, |text| text.contains("Forwarding from 127.0.0.1:"));
    report.check("port-forward is ready", ready.clone());
    if ready.is_err() {
        return Ok(());
    }
    let text = forwarding.output();
    let local = text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()).context("a local port")?;
    let local: u16 = local.parse()?;
    let clients: Vec<_> = (0..8_usize).map(|number| std::thread::spawn(move || ask(local, number))).collect();
    let wrong: Vec<String> = clients
        .into_iter()
        .filter_map(|client| match client.join() {
            Ok(Ok(true)) => None,
            other => Some(format!("{other:?}")),
        })
        .collect();
    let verdict = if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}\n{}", forwarding.output())) };
    report.check("port-forward carries many connections, each ended both ways by itself", verdict);
    Ok(())
}

/// Sends something, says that it was all, and compares the answer.
fn ask(port: u16, number: usize) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(LIMIT))?;
    let sent = vec![b'a' + u8::try_from(number).unwrap_or_default(); 20_000 * (number + 1)];
    connection.write_all(&sent)?;
    connection.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(answer == sent.to_ascii_uppercase())
}

fn refused(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    // A port that was just free: nobody listens there.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let forwarding = session.start(&format!("port-forward pod/holder :{port}"))?;
    let ready = forwarding.until(LIMIT, |text| text.contains("Forwarding from 127.0.0.1:"));
    let text = forwarding.output();
    if let Some(local) = text.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u16>().ok()) {
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, local)));
    }
    let told = forwarding.until(LIMIT, |text| {
        text.contains(&format!("error forwarding port {port} to pod")) && text.contains("connection refused")
    });
    report.check("port-forward tells why a port does not answer", ready.and(told));
    Ok(())
}
