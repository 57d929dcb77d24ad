//! The queries of exec, attach and port-forward (`NewOptions` and `NewV4Options` of upstream's streaming server).

use api::session::{Refused, SessionOptions, Streams};

use crate::http::query::Query;

/// Ports of one request, at once: each is two of the 255 channels there are.
const PORTS_MAX: usize = 100;

/// The options of an exec or an attach.
pub(super) fn session(query: &Query<'_>, is_exec: bool) -> SessionOptions {
    let flag = |name| query.flag(name).unwrap_or_default();
    let (tty, stderr) = (flag("tty"), flag("stderr"));
    let command = if is_exec { query.all("command").map(str::to_owned).collect() } else { Vec::new() };
    SessionOptions {
        container: query.get("container").map(str::to_owned),
        command,
        // A terminal is one stream: upstream passes over a standard error that is asked for with it.
        streams: Streams { stdin: flag("stdin"), stdout: flag("stdout"), stderr: stderr && !tty, tty },
    }
}

/// What the kubelet refuses of them.
pub(super) fn check(options: &SessionOptions) -> Result<(), Refused> {
    let Streams { stdin, stdout, stderr, .. } = options.streams;
    if stdin || stdout || stderr { Ok(()) } else { Err(bad("you must specify at least 1 of stdin, stdout, stderr")) }
}

/// The ports that a client which cannot open streams of its own must name.
pub(super) fn ports(query: &Query<'_>) -> Result<Vec<u16>, Refused> {
    let mut ports = Vec::new();
    for text in query.all("ports") {
        if text.is_empty() {
            return Err(bad("query parameter \"port\" cannot be empty"));
        }
        for port in text.split(',') {
            ports.push(self::port(text, port).map_err(|why| bad(&why))?);
        }
    }
    match ports.len() {
        0 => Err(bad("query parameter \"port\" is required")),
        1..=PORTS_MAX => Ok(ports),
        _ => Err(bad("too many ports")),
    }
}

/// Reads a port as upstream does; `whole` is what its error names.
pub(super) fn port(whole: &str, text: &str) -> Result<u16, String> {
    let why = if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse::<u16>() {
            Ok(0) => return Err(format!("port {whole:?} must be > 0")),
            Ok(port) => return Ok(port),
            Err(_) => "value out of range",
        }
    };
    Err(format!("unable to parse {whole:?} as a port: strconv.ParseUint: parsing {text:?}: {why}"))
}

fn bad(text: &str) -> Refused {
    Refused { code: 400, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_asked_for_one_by_one() {
        let query = Query::parse(Some("command=sh&command=-c&command=a+b&stdin=true&stdout=1&stderr=true&tty=false"));
        let options = session(&query, true);
        assert_eq!(options.command, ["sh", "-c", "a b"]);
        assert_eq!(options.streams, Streams { stdin: true, stdout: true, stderr: true, tty: false });
        assert!(check(&options).is_ok());
        let none = session(&Query::parse(Some("command=sh&container=c")), true);
        let text = "you must specify at least 1 of stdin, stdout, stderr".to_owned();
        assert_eq!(check(&none), Err(Refused { code: 400, text }));
    }

    #[test]
    fn terminal_has_no_standard_error() {
        let options = session(&Query::parse(Some("stdout=true&stderr=true&tty=true&command=x")), false);
        assert_eq!(options.streams, Streams { stdin: false, stdout: true, stderr: false, tty: true });
        assert!(options.command.is_empty(), "an attach has no command");
    }

    #[test]
    fn ports_are_read_as_upstream_reads_them() {
        let read = |query| ports(&Query::parse(Some(query))).map_err(|refused| refused.text);
        assert_eq!(read("ports=80&ports=81,82"), Ok(vec![80, 81, 82]));
        assert_eq!(read("ports="), Err("query parameter \"port\" cannot be empty".to_owned()));
        assert_eq!(read(""), Err("query parameter \"port\" is required".to_owned()));
        assert_eq!(read("ports=0"), Err("port \"0\" must be > 0".to_owned()));
        let text = "unable to parse \"x\" as a port: strconv.ParseUint: parsing \"x\": invalid syntax";
        assert_eq!(read("ports=x"), Err(text.to_owned()));
    }
}
