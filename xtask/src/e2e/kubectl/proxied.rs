//! `proxy`, which serves the API without TLS on a loopback port; and `create secret tls` with a certificate of openssl's.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::step;
use crate::shell;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the checks.
///
/// # Errors
/// When kubectl or openssl cannot be started.
pub(super) fn run(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    proxy(session, report)?;
    certificate(session, report)
}

fn proxy(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let proxy = session.start("proxy --port=0")?;
    let ready = proxy.until(LIMIT, |text| text.contains("Starting to serve on 127.0.0.1:"));
    let port = proxy.output().trim().rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let answer = match (ready, port) {
        (Ok(()), Some(port)) => asked(port).map_err(|error| error.to_string()),
        (Ok(()), None) => Err(format!("it printed no port: {}", proxy.output())),
        (Err(why), _) => Err(why),
    };
    // Differs: kubectl 1.20 hands on the Host that it was asked for, and the server answers to its own addresses only, as
    // its guard against rebound names has it; newer kubectls name the server.
    let (name, wanted) = match session.minor() {
        ..=20 => (
            "proxy of an old kubectl is refused for the Host that it hands on",
            ("403 Forbidden", "the Host of the request"),
        ),
        _ => ("proxy serves the API on a loopback port", ("200 OK", "\"kind\":\"JobList\"")),
    };
    report.check(name, answer.and_then(|answer| says(&answer, wanted)));
    Ok(())
}

fn says(answer: &str, (status, body): (&str, &str)) -> Result<(), String> {
    let whole = answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(body);
    if whole { Ok(()) } else { Err(format!("it answered:\n{answer}")) }
}

fn asked(port: u16) -> std::io::Result<String> {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(LIMIT))?;
    let path = "/apis/batch/v1/jobs?limit=1";
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

fn certificate(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=e2e", "-keyout", "tls.key", "-out", "tls.crt",
    ]);
    let made = shell::capture(openssl.current_dir(session.folder()), LIMIT)?;
    report.check("openssl makes a certificate", if made.succeeded() { Ok(()) } else { Err(made.stderr) });
    let steps = [
        step("create secret tls pair --cert={work}/tls.crt --key={work}/tls.key").out("secret/pair created"),
        step("get secret pair").out("NAME TYPE DATA AGE\npair kubernetes.io/tls 2 *"),
        step("describe secret pair").has("Type: kubernetes.io/tls").has("tls.crt: * bytes").has("tls.key: * bytes"),
        step("patch secret pair -p '{\"data\":{\"tls.key\":null}}'")
            .exits(1)
            .err_has("The Secret \"pair\" is invalid: data[tls.key]: Required value"),
        step("delete secret pair").out("secret \"pair\" deleted*"),
    ];
    session.run(&steps, report)
}
