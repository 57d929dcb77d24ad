//! Who may speak: the address, origin and token checks, all before a body is read.
//!
//! An API on localhost that starts processes is remote code execution for any web page that can reach it. So a page's
//! requests are refused by what browsers must send (`Origin`, `Sec-Fetch-Site`), DNS rebinding by the host allow-list,
//! and everyone else by the bearer token. No CORS header is ever sent. Whose token it is, is known behind the door
//! (`crate::tokens`).

use std::net::SocketAddr;
use std::sync::Arc;

use api::{Reason, Status, User};
use http::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN, UPGRADE};
use http::uri::Authority;
use http::{HeaderValue, Uri};

/// Paths that are answered without a token: constant, and they tell nothing about the state.
const ANONYMOUS_PATHS: [&str; 4] = ["/livez", "/readyz", "/healthz", "/version"];

/// The checks of one server.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: [String; 3],
}

impl Guard {
    /// The checks for a server that listens on this address.
    pub(super) fn new(address: SocketAddr) -> Self {
        let port = address.port();
        Self { hosts: ["127.0.0.1", "[::1]", "localhost"].map(|host| format!("{host}:{port}")) }
    }

    /// Refuses foreign hosts and whatever comes from a web page.
    ///
    /// # Errors
    /// 403.
    pub(super) fn check_origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Status> {
        let forbidden = |why: &str| Err(Status::failure(403, Reason::FORBIDDEN, format!("forbidden: {why}")));
        let sec_fetch_site = headers.get_all("sec-fetch-site").iter().any(|site| site != "none");
        if self.names_a_page(headers) || sec_fetch_site {
            return forbidden("requests from web pages are not served");
        }
        let mut sent = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
        let (first, second) = (sent.next(), sent.next());
        let authority = uri.authority().map(Authority::as_str).map(str::as_bytes);
        let known = |host: &[u8]| self.hosts.iter().any(|known| host.eq_ignore_ascii_case(known.as_bytes()));
        let named = [first, second, authority];
        if named.iter().all(Option::is_none) || second.is_some() || !named.into_iter().flatten().all(known) {
            return forbidden("the Host of the request is not an address of this server");
        }
        Ok(())
    }

    /// Whether `Origin` says that a web page asks.
    ///
    /// WebSocket clients that are no browsers may name the server itself (Python's do). No page has that origin, as
    /// none is served here; and a page's request would bring `Sec-Fetch-Site` too, and could not bring the token.
    fn names_a_page(&self, headers: &HeaderMap) -> bool {
        let socket = headers.get(UPGRADE).is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let own = |origin: &[u8]| {
            let host = origin.strip_prefix(b"https://").unwrap_or_default();
            self.hosts.iter().any(|known| host.eq_ignore_ascii_case(known.as_bytes()))
        };
        !headers.get_all(ORIGIN).iter().all(|origin| socket && own(origin.as_bytes()))
    }

    /// Finds out whose token a request carries. The health and version paths need none.
    ///
    /// # Errors
    /// 401.
    pub(super) fn identify(
        &self,
        path: &str,
        headers: &HeaderMap,
        user_of: impl FnOnce(&[u8]) -> Option<Arc<User>>,
    ) -> Result<Option<Arc<User>>, Status> {
        let user = bearer(headers).and_then(user_of);
        if user.is_some() || ANONYMOUS_PATHS.contains(&path) { Ok(user) } else { Err(Status::unauthorized()) }
    }
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new(SocketAddr::from(([127, 0, 0, 1], 6443)))
    }

    /// Knows one token.
    fn known(token: &[u8]) -> Option<Arc<User>> {
        (token == b"secret").then(|| Arc::new(User::server()))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_own_addresses_and_no_web_pages_are_served() {
        let plain = Uri::from_static("/api");
        let ok = |pairs: &[(&'static str, &str)]| guard().check_origin(&plain, &headers(pairs)).is_ok();
        assert!(ok(&[("host", "127.0.0.1:6443")]));
        assert!(ok(&[("host", "[::1]:6443")]));
        assert!(ok(&[("host", "LocalHost:6443")]));
        assert!(ok(&[("host", "127.0.0.1:6443"), ("sec-fetch-site", "none")]));
        assert!(!ok(&[]));
        assert!(!ok(&[("host", "")]));
        assert!(!ok(&[("host", "127.0.0.1")]));
        assert!(!ok(&[("host", "127.0.0.1:80")]));
        assert!(!ok(&[("host", "0.0.0.0:6443")]));
        assert!(!ok(&[("host", "evil.example:6443")]));
        assert!(!ok(&[("host", "127.0.0.1:6443.evil.example")]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("host", "evil.example")]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("origin", "https://127.0.0.1:6443")]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("origin", "null")]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("sec-fetch-site", "cross-site")]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("sec-fetch-site", "same-origin")]));
        let socket = ("upgrade", "websocket");
        assert!(ok(&[("host", "127.0.0.1:6443"), ("origin", "https://127.0.0.1:6443"), socket]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("origin", "http://127.0.0.1:6443"), socket]));
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("origin", "https://evil.example"), socket]));
        let same_site = ("sec-fetch-site", "same-origin");
        assert!(!ok(&[("host", "127.0.0.1:6443"), ("origin", "https://127.0.0.1:6443"), socket, same_site]));
        let authority = Uri::from_static("https://evil.example:6443/api");
        assert!(guard().check_origin(&authority, &headers(&[("host", "127.0.0.1:6443")])).is_err());
        let authority = Uri::from_static("https://127.0.0.1:6443/api");
        assert!(guard().check_origin(&authority, &HeaderMap::new()).is_ok());
    }

    #[test]
    fn the_token_must_match_wholly() {
        let ok = |value: &str| guard().identify("/api", &headers(&[("authorization", value)]), known).is_ok();
        assert!(ok("Bearer secret") && ok("bearer secret"));
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer Secret"]
        {
            assert!(!ok(wrong), "{wrong}");
        }
        let twice = headers(&[("authorization", "Bearer secret"), ("authorization", "Bearer x")]);
        assert!(guard().identify("/api", &twice, known).is_err());
    }

    #[test]
    fn only_health_and_version_are_anonymous() {
        let anonymous = |path: &str| guard().identify(path, &HeaderMap::new(), known).is_ok();
        assert!(anonymous("/livez") && anonymous("/readyz") && anonymous("/healthz") && anonymous("/version"));
        for path in ["/", "/api", "/apis", "/openapi/v3", "/livez/", "/versions", "/api/v1/pods"] {
            assert!(!anonymous(path), "{path}");
        }
    }
}
