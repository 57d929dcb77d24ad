//! Why a server could not be reached, and what to do about it, in words for the person at the keyboard.

use std::error::Error as StdError;

use super::connect::Origin;
use crate::Error;

/// A server that was not reached; the text names address, cause and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Unreachable {
    text: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure an error's chain of causes tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Refused,
    UnknownHost,
    TimedOut,
    ForeignCertificate,
    NotTls,
    Other,
}

/// Explains a failed exchange.
pub(crate) fn explain(origin: &Origin, error: kube::Error) -> Error {
    if let kube::Error::Auth(auth) = &error {
        let from = origin.from();
        return Error::Config(format!("the credentials{from} cannot be used: {}", chain(auth)));
    }
    let text = text(origin, cause(&error));
    Error::Transport(Box::new(Unreachable { text, source: Some(Box::new(error)) }))
}

/// A call that took longer than it may.
pub(crate) fn timed_out(origin: &Origin, timeout: std::time::Duration) -> Error {
    let text = format!("{} did not answer within {} s", origin.server, timeout.as_secs_f64());
    Error::Transport(Box::new(Unreachable { text, source: None }))
}

/// A server that does not know the credentials.
pub(crate) fn unauthorized(origin: &Origin) -> Error {
    let advice = match &origin.file {
        Some(file) => format!(
            "the credentials in {file} are not this server's: the file is stale, or another server has taken the address"
        ),
        None => "give a token or a client certificate that the server knows".to_owned(),
    };
    Error::Config(format!("{} refuses the credentials (401 Unauthorized): {advice}", origin.server))
}

impl Origin {
    fn from(&self) -> String {
        match (&self.file, &self.context) {
            (Some(file), Some(context)) => format!(" from {file} (context {context})"),
            (Some(file), None) => format!(" from {file}"),
            (None, _) => String::new(),
        }
    }
}

fn text(origin: &Origin, cause: Cause) -> String {
    let (server, from) = (&origin.server, origin.from());
    match cause {
        Cause::Refused => format!("nothing listens at {server}{from}: start the server, or name the one that runs"),
        Cause::UnknownHost => format!("the host of {server}{from} has no address: check its name"),
        Cause::TimedOut => format!("{server}{from} does not answer: check the address and the network"),
        Cause::ForeignCertificate => match &origin.file {
            Some(file) => format!(
                "the certificate of {server} is not signed by the authority in {file}: the file is stale, or another \
                 server has taken the address"
            ),
            None => format!("the certificate of {server} is not trusted: name the authority that signed it"),
        },
        Cause::NotTls => format!("{server}{from} does not speak TLS: try http:// in its URL"),
        Cause::Other => format!("the exchange with {server}{from} failed"),
    }
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn cause(error: &(dyn StdError + 'static)) -> Cause {
    use std::io::ErrorKind;
    let io = causes(error).filter_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    let kinds: Vec<ErrorKind> = io.collect();
    let text = chain(error).to_lowercase();
    if kinds.contains(&ErrorKind::ConnectionRefused) || text.contains("connection refused") {
        Cause::Refused
    } else if text.contains("certificate") {
        Cause::ForeignCertificate
    } else if text.contains("dns error") || text.contains("failed to lookup address") {
        Cause::UnknownHost
    } else if text.contains("invalidcontenttype") || text.contains("corrupt message") {
        Cause::NotTls
    } else if kinds.contains(&ErrorKind::TimedOut) || text.contains("timed out") || text.contains("timeout") {
        Cause::TimedOut
    } else {
        Cause::Other
    }
}
