//! Where a request comes from.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use app::session::{Client, search::Network};
use axum::extract::ConnectInfo;
use http::{HeaderName, Request, header};

use crate::header_values::{HeaderValues, as_text};

/// The reverse proxies whose word on the client's address is taken.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    /// Where they are.
    pub networks: Vec<Network>,
    /// Where they write it.
    pub header: ForwardingHeader,
    /// Whether somebody who is not trusted has written there.
    was_forwarded: Arc<AtomicBool>,
}

/// The header in which each proxy names whom it got the request from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardingHeader {
    /// What nearly all proxies send.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl TrustedProxies {
    /// Those in these networks, which write into this header.
    pub fn new(networks: Vec<Network>, header: ForwardingHeader) -> Self {
        Self { networks, header, was_forwarded: Arc::default() }
    }

    /// The client of a request: where it comes from and its User-Agent.
    pub fn client<B>(&self, request: &Request<B>) -> Option<Client> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(self.client_of(*peer, request.headers()))
    }

    /// The client of a request that came from this peer with these headers.
    pub fn client_of(&self, peer: SocketAddr, headers: &impl HeaderValues) -> Client {
        let user_agent = headers.first(&header::USER_AGENT).map(String::from_utf8_lossy).unwrap_or_default();
        Client::new(self.address(peer.ip(), headers), &user_agent)
    }

    /// Walks from the peer of the connection towards the client, as far as the word of a trusted proxy goes: each hop is
    /// named by the one after it, so what an untrusted one says is never looked at.
    pub fn address(&self, peer: IpAddr, headers: &impl HeaderValues) -> IpAddr {
        let mut address = peer.to_canonical();
        if !self.contains(address) {
            if headers.first(&self.header.name()).is_some() && !self.was_forwarded.load(Ordering::Relaxed) {
                self.was_forwarded.store(true, Ordering::Relaxed);
            }
            return address;
        }
        let name = self.header.name();
        let hops = headers.all(&name).rev().flat_map(|line| self.header.hops(as_text(line).unwrap_or_default()));
        for hop in hops {
            let Some(named) = self.header.address_in(hop) else {
                // Whatever lies behind a word that cannot be read is not known.
                return address;
            };
            address = named;
            if !self.contains(address) {
                break;
            }
        }
        address
    }

    /// What to set when nearly all sessions have this address and it looks like that of a proxy that is not trusted.
    pub fn advice(&self, shared: Option<IpAddr>) -> Option<String> {
        let address = shared.filter(|address| is_private(*address) && !self.contains(*address))?;
        // On one's own machine, everybody comes from there: only who is forwarded is known to come through a proxy.
        if address.is_loopback() && !self.was_forwarded.load(Ordering::Relaxed) {
            return None;
        }
        Some(format!(
            "Nearly all sessions come from {address}: your proxy is not trusted. Add --trusted-proxy {address} to see \
             where they really come from."
        ))
    }

    /// Whether this is the address of a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl ForwardingHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// The hops of a line, the last one first.
    fn hops(self, line: &str) -> Vec<&str> {
        match self {
            Self::XForwardedFor => line.rsplit(',').collect(),
            // Escapes can be read from the front only, where anybody may have written.
            Self::Forwarded if line.contains('\\') => Vec::new(),
            Self::Forwarded => split_from_the_end(line, ','),
        }
    }

    fn address_in(self, hop: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => address_of_node(hop),
            Self::Forwarded => {
                let mut nodes = split_from_the_end(hop, ';').into_iter().filter_map(|pair| {
                    let (name, node) = pair.split_once('=')?;
                    name.trim().eq_ignore_ascii_case("for").then_some(node)
                });
                let node = nodes.next().filter(|_| nodes.next().is_none())?.trim();
                address_of_node(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
            }
        }
    }
}

/// Addresses that are no client's on the open network (RFC 1918, RFC 4193, RFC 6598, loopback and link-local).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Splits where a separator is not quoted. From the end, which the nearest proxy has written: a quotation mark that a client
/// leaves open must not swallow it.
fn split_from_the_end(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let is_end = |letter: char| {
        is_quoted ^= letter == '"';
        letter == separator && !is_quoted
    };
    text.rsplit(is_end).collect()
}

/// An address with or without brackets, port and zone.
fn address_of_node(node: &str) -> Option<IpAddr> {
    let node = node.trim();
    let address = match node.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']')?;
            is_port(port).then_some(address)?
        }
        None => match node.split_once(':') {
            Some((address, port)) if !port.contains(':') => is_port(&node[address.len()..]).then_some(address)?,
            _ => node,
        },
    };
    let address = address.split_once('%').map_or(address, |(address, _zone)| address);
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
}

/// Nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn proxies(header: ForwardingHeader) -> TrustedProxies {
        let networks = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        TrustedProxies::new(networks, header)
    }

    fn headers(name: HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    fn address(peer: &str, lines: &[&str]) -> String {
        let headers = headers(ForwardingHeader::XForwardedFor.name(), lines);
        proxies(ForwardingHeader::XForwardedFor).address(peer.parse().unwrap(), &headers).to_string()
    }

    fn forwarded(lines: &[&str]) -> String {
        let headers = headers(header::FORWARDED, lines);
        proxies(ForwardingHeader::Forwarded).address([10, 0, 0, 2].into(), &headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_trusted_proxy() {
        for (lines, client) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["203.0.113.9, 10.0.0.3"], "203.0.113.9"),
            (&["198.51.100.1, 203.0.113.9, 10.0.0.3"], "203.0.113.9"),
            (&["198.51.100.1", "203.0.113.9", "10.0.0.3"], "203.0.113.9"),
            (&["198.51.100.1,203.0.113.9 ,\t192.0.2.7"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["[2001:db8::9]"], "2001:db8::9"),
            (&["[2001:db8::9]:4711, fd00::1"], "2001:db8::9"),
            (&["fe80::9%eth0"], "fe80::9"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, ::ffff:10.0.0.3"], "203.0.113.9"),
            // All of them ours: the first that spoke.
            (&["10.9.9.9, 10.0.0.3"], "10.9.9.9"),
        ] {
            assert_eq!(address("10.0.0.2", lines), client, "{lines:?}");
            assert_eq!(address("::ffff:10.0.0.2", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_ends_the_way() {
        for (lines, client) in [
            (&[][..], "10.0.0.2"),
            (&[""], "10.0.0.2"),
            (&["unknown"], "10.0.0.2"),
            (&["203.0.113.9, "], "10.0.0.2"),
            (&["203.0.113.9, unknown, 10.0.0.3"], "10.0.0.3"),
            (&["203.0.113.9, 999.1.1.1"], "10.0.0.2"),
            (&["203.0.113.9, 010.0.0.3"], "10.0.0.2"),
            (&["203.0.113.9:x"], "10.0.0.2"),
            (&["203.0.113.9:"], "10.0.0.2"),
            (&["203.0.113.9:123456"], "10.0.0.2"),
            (&["[203.0.113.9"], "10.0.0.2"),
            (&["[2001:db8::9]x"], "10.0.0.2"),
            (&["203.0.113.9;10.0.0.3"], "10.0.0.2"),
            (&["203.0.113.9\u{e9}"], "10.0.0.2"),
            (&["\"203.0.113.9\""], "10.0.0.2"),
        ] {
            assert_eq!(address("10.0.0.2", lines), client, "{lines:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_noticed() {
        let proxies = TrustedProxies::new(vec!["10.0.0.2".parse().unwrap()], ForwardingHeader::default());
        let advice = |address: &str| proxies.advice(Some(address.parse().unwrap()));
        assert!(advice("10.0.0.3").is_some_and(|advice| advice.contains("--trusted-proxy 10.0.0.3")));
        assert!(advice("fd00::1").is_some());
        for innocent in ["10.0.0.2", "203.0.113.9", "2001:db8::1", "127.0.0.1"] {
            assert_eq!(advice(innocent), None, "{innocent}");
        }
        proxies.address([127, 0, 0, 1].into(), &headers(ForwardingHeader::XForwardedFor.name(), &["203.0.113.9"]));
        assert!(advice("127.0.0.1").is_some());
        assert_eq!(proxies.advice(None), None);
    }

    #[test]
    fn the_other_header_is_not_looked_at() {
        let proxies = proxies(ForwardingHeader::XForwardedFor);
        let headers = headers(header::FORWARDED, &["for=203.0.113.9"]);
        assert_eq!(proxies.address([10, 0, 0, 2].into(), &headers), IpAddr::from([10, 0, 0, 2]));
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (lines, client) in [
            (&["for=203.0.113.9"][..], "203.0.113.9"),
            (&["For=\"[2001:db8::9]:4711\";proto=https"], "2001:db8::9"),
            (&["proto=https;for=198.51.100.1, for=203.0.113.9;by=10.0.0.3"], "203.0.113.9"),
            (&["for=203.0.113.9", "for=10.0.0.3;host=\"a,b;for=198.51.100.1\""], "203.0.113.9"),
            (&["for=203.0.113.9, for=unknown"], "10.0.0.2"),
            (&["for=203.0.113.9, for=_hidden"], "10.0.0.2"),
            (&["for=203.0.113.9, for=10.0.0.3;for=198.51.100.1"], "10.0.0.2"),
            (&["203.0.113.9"], "10.0.0.2"),
            (&["for=203.0.113.9;host=\"a\\\", for=198.51.100.1;x=\\\"\""], "10.0.0.2"),
        ] {
            assert_eq!(forwarded(lines), client, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn who_is_not_trusted_cannot_hide(lines in proptest::collection::vec("[0-9a-f:., \\[\\]%\"]{0,40}", 0..4)) {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(address("203.0.113.9", &lines), "203.0.113.9");
            let behind_a_proxy: Vec<_> = lines.into_iter().chain(["203.0.113.9"]).collect();
            prop_assert_eq!(address("10.0.0.2", &behind_a_proxy), "203.0.113.9");
            let on_one_line = [behind_a_proxy.join(", ")];
            prop_assert_eq!(address("10.0.0.2", &on_one_line.each_ref().map(String::as_str)), "203.0.113.9");
        }

        #[test]
        fn nor_by_the_other_header(line in "[0-9a-f:.,; =for\\[\\]%\"]{0,40}") {
            prop_assert_eq!(forwarded(&[&format!("{line}, for=203.0.113.9")]), "203.0.113.9");
        }
    }
}
