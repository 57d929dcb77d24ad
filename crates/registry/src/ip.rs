//! IP addresses and ranges in objects (`k8s.io/apimachinery/pkg/util/validation/ip.go`, with strict validation, which
//! 1.36 has on by default).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::field::{FieldErrors, Path};

/// An address as upstream's lenient parser reads it: parts of an IPv4 address may have leading zeros.
pub(crate) fn parse_sloppy(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| {
        let parts: Vec<u8> = text.split('.').map(parse_part).collect::<Option<_>>()?;
        let parts: [u8; 4] = parts.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(parts)))
    })
}

fn parse_part(part: &str) -> Option<u8> {
    let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| part.parse().ok()).flatten()
}

/// Whether the text is an IPv6 address.
pub(crate) fn is_v6(text: &str) -> bool {
    matches!(parse_sloppy(text), Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none())
}

/// `IsValidIPForLegacyField`: an address that was there before may stay. Returns whether it is right.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, text: &str, known: &[&str]) -> bool {
    if known.contains(&text) {
        return true;
    }
    let before = errors.0.len();
    match parse_sloppy(text) {
        None => errors.push(path.invalid(text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")),
        Some(IpAddr::V4(_)) if text.parse::<IpAddr>().is_err() => {
            errors.push(path.invalid(text, "must not have leading 0s"));
        }
        Some(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some() => {
            errors.push(path.invalid(text, "must not be an IPv4-mapped IPv6 address"));
        }
        Some(_) => {}
    }
    errors.0.len() == before
}

/// `ValidateEndpointIP`: addresses that no endpoint can have.
///
/// Differs: upstream refuses loopback addresses, which mean another host to everyone. Here all pods are on this host and
/// have no other address.
pub(crate) fn validate_for_endpoints(errors: &mut FieldErrors, path: &Path, text: &str) {
    let Some(address) = parse_sloppy(text) else {
        errors.push(path.invalid(text, "must be a valid IP address"));
        return;
    };
    if address.is_unspecified() {
        errors.push(path.invalid(text, format!("may not be unspecified ({text})")));
    }
    let (link_local, link_local_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        errors.push(path.invalid(text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
    }
    if link_local_multicast {
        errors.push(path.invalid(text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"));
    }
}

/// `IsValidCIDRForLegacyField`.
pub(crate) fn validate_range(errors: &mut FieldErrors, path: &Path, text: &str, known: &[&str]) {
    if known.contains(&text) {
        return;
    }
    let parsed = text.split_once('/').and_then(|(address, length)| {
        let address = parse_sloppy(address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let bits = digits.then(|| length.parse::<u32>().ok()).flatten()?;
        (bits <= most).then_some((address, bits))
    });
    let Some((address, bits)) = parsed else {
        errors.push(path.invalid(text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"));
        return;
    };
    let (written, length) = text.split_once('/').unwrap_or((text, ""));
    let leading_zero = length.len() > 1 && length.starts_with('0');
    if written.parse::<IpAddr>().is_err() || leading_zero {
        errors.push(path.invalid(text, "must not have leading 0s in IP or prefix length"));
    } else if matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()) {
        errors.push(path.invalid(text, "must not have an IPv4-mapped IPv6 address"));
    } else if masked(address, bits) != address {
        errors.push(path.invalid(text, "must not have bits set beyond the prefix length"));
    }
}

fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

/// `GetWarningsForIP`.
pub(crate) fn warning(path: &Path, text: &str) -> Option<String> {
    let address = parse_sloppy(text)?;
    let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    if mapped || text.parse::<IpAddr>().is_err() {
        let canonical = address.to_canonical();
        return Some(format!("{path}: non-standard IP address {text:?} is invalid: use \"{canonical}\""));
    }
    (address.is_ipv6() && address.to_string() != text)
        .then(|| format!("{path}: IPv6 address {text:?} should be in RFC 5952 canonical format (\"{address}\")"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(check: impl Fn(&mut FieldErrors, &Path)) -> Vec<String> {
        let mut errors = FieldErrors::new();
        check(&mut errors, &Path::new("ip"));
        errors.0.into_iter().map(|error| error.body).collect()
    }

    #[test]
    fn addresses_are_strict_unless_they_were_there_before() {
        let check = |text: &str, known: &[&str]| {
            errors(|errors, path| {
                validate(errors, path, text, known);
            })
        };
        assert!(check("10.0.0.1", &[]).is_empty() && check("fd00::1", &[]).is_empty());
        assert_eq!(check("010.0.0.1", &[]), ["Invalid value: \"010.0.0.1\": must not have leading 0s"]);
        assert!(check("010.0.0.1", &["010.0.0.1"]).is_empty());
        assert!(check("::ffff:1.2.3.4", &[])[0].ends_with("must not be an IPv4-mapped IPv6 address"));
        assert!(check("10.0.0", &[])[0].contains("must be a valid IP address, (e.g."));
    }

    #[test]
    fn ranges_have_no_bits_beyond_their_prefix() {
        let check = |text: &str| errors(|errors, path| validate_range(errors, path, text, &[]));
        assert!(check("10.0.0.0/8").is_empty() && check("fd00::/8").is_empty() && check("0.0.0.0/0").is_empty());
        assert!(check("10.0.0.1/8")[0].ends_with("must not have bits set beyond the prefix length"));
        assert!(check("10.0.0.0/08")[0].ends_with("must not have leading 0s in IP or prefix length"));
        assert!(check("10.0.0.0/33")[0].contains("must be a valid CIDR value"));
    }

    #[test]
    fn endpoints_are_not_where_nothing_can_be_reached() {
        let check = |text: &str| errors(|errors, path| validate_for_endpoints(errors, path, text));
        assert!(check("10.0.0.1").is_empty());
        assert!(check("127.0.0.1").is_empty() && check("::1").is_empty(), "where the pods of this host are");
        assert!(check("0.0.0.0")[0].contains("may not be unspecified"));
        assert!(check("224.0.0.5")[0].contains("link-local multicast"));
    }
}
