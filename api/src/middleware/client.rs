//! Who asks and by which name, behind proxies: `X-Forwarded-*` is believed of those that are
//! trusted only.

use crate::config::{Network, is_origin};
use poem::Request;
use poem::http::HeaderMap;
use poem::http::header::HOST;
use std::net::{IpAddr, Ipv4Addr};

/// The address of the other end of the connection.
#[must_use]
pub fn peer(request: &Request) -> IpAddr {
    let socket = request.remote_addr().as_socket_addr();
    socket.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |socket| socket.ip().to_canonical())
}

/// The address of the client: the peer's, or the last one that a trusted proxy did not write.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer;
    let lines = headers.get_all("x-forwarded-for").into_iter().filter_map(|h| h.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(client, trusted) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

/// Scheme and host as the client sees them: as the request says, a trusted proxy's word before the
/// peer's.
#[must_use]
pub fn base_url(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> String {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let behind = is_trusted(peer, trusted);
    let forwarded = |name: &str| if behind { header(name) } else { None };
    let scheme = match forwarded("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = forwarded("x-forwarded-host").or_else(|| header(HOST.as_str())).unwrap_or_default();
    let url = format!("{scheme}://{}", host.to_ascii_lowercase());
    // What is no host is not repeated.
    if is_origin(&url) { url } else { "http://localhost".to_owned() }
}

/// Whether `address` is one of the proxies whose word is taken.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
        };
        pairs.iter().map(pair).collect()
    }

    fn trusted() -> Vec<Network> {
        vec!["10.0.0.0/8".parse().expect("a network")]
    }

    #[test]
    fn strangers_cannot_say_who_they_are() {
        let check = |peer: &str, header: &str, expected: &str| {
            let headers = headers(&[("x-forwarded-for", header)]);
            let client = address(peer.parse().expect("an address"), &headers, &trusted());
            assert_eq!(client.to_string(), expected, "{header}");
        };
        check("8.8.8.8", "1.2.3.4", "8.8.8.8");
        check("10.0.0.1", "1.2.3.4", "1.2.3.4");
        check("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4");
        check("10.0.0.1", "1.2.3.4, junk", "10.0.0.1");
        check("10.0.0.1", "", "10.0.0.1");
    }

    #[test]
    fn urls_have_the_name_that_the_client_used() {
        let check = |peer: &str, pairs: &[(&'static str, &str)], expected: &str| {
            let peer = peer.parse().expect("an address");
            assert_eq!(base_url(peer, &headers(pairs), &trusted()), expected);
        };
        check("8.8.8.8", &[("host", "a.example:8000")], "http://a.example:8000");
        check("8.8.8.8", &[("host", "a.example\"><script>")], "http://localhost");
        let forwarded =
            [("host", "inner"), ("x-forwarded-host", "a.example"), ("x-forwarded-proto", "https")];
        check("8.8.8.8", &forwarded, "http://inner");
        check("10.0.0.1", &forwarded, "https://a.example");
    }
}
