//! The search text: which sessions it means, term by term.
//!
//! ```text
//! anna firefox              both words, each in any column
//! "rest api"                words with spaces, or that look like something else
//! user:anna agent:firefox   in one column: user, agent, server
//! user=anna                 exactly that user
//! ip:10.20.0.0/16           an address, or a network
//! type:browser              rest, browser or other
//! idle>2h idle<5m age>1d    since the last request, since sign-in: s, m, h, d
//! -type:rest                not that
//! ```

use std::{net::IpAddr, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Session, SessionType};
use crate::time::Timestamp;

/// The most different terms of a search: each is asked of every session.
const MOST_TERMS: usize = 16;

/// A search text, understood. All terms must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search(pub Vec<Term>);

/// One condition of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whether the condition must not hold.
    pub excluded: bool,
    /// What must hold.
    pub condition: Condition,
}

/// What must hold of a session. Texts are looked for in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The text occurs in the username, address, server name, user agent or session type.
    Anywhere(String),
    /// The text occurs in the username.
    User(String),
    /// The text is the username.
    UserIs(String),
    /// The text occurs in the user agent, as it is or in words.
    Agent(String),
    /// The text occurs in the server name.
    Server(String),
    /// The address is in this network.
    Address(Network),
    /// It is of this type.
    Type(SessionType),
    /// So long since the last request.
    Idle(Span),
    /// So long since sign-in.
    Age(Span),
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them. IPv4-mapped IPv6 is IPv4.
    pub address: IpAddr,
    /// How many bits are the same: up to 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

/// More or less than a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// `>`.
    Longer(Duration),
    /// `<`.
    Shorter(Duration),
}

/// A term that cannot be understood, and what it could be instead.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[error("'{term}': {problem}")]
pub struct SearchError {
    /// As it was typed, cut to 40 characters.
    pub term: String,
    /// What to write instead.
    pub problem: String,
}

impl Search {
    /// Understands a search text.
    ///
    /// # Errors
    /// [`SearchError`], of the first term that cannot be understood.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        let mut terms = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (token, after) = next_token(rest);
            let bad =
                |problem: &str| SearchError { term: token.chars().take(40).collect(), problem: problem.to_owned() };
            let term = term(token).map_err(bad)?;
            if !terms.contains(&term) {
                if terms.len() == MOST_TERMS {
                    return Err(bad("this is one term too many: use up to 16"));
                }
                terms.push(term);
            }
            rest = after.trim_start();
        }
        Ok(Self(terms))
    }

    /// The terms of a text that can be understood, as they were typed: the first 16.
    pub fn understood_part(text: &str) -> String {
        let mut understood = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() && understood.len() < MOST_TERMS {
            let (token, after) = next_token(rest);
            if term(token).is_ok() {
                understood.push(token);
            }
            rest = after.trim_start();
        }
        understood.join(" ")
    }

    /// Whether what it means changes while time passes.
    pub fn depends_on_time(&self) -> bool {
        self.0.iter().any(|term| matches!(term.condition, Condition::Idle(_) | Condition::Age(_)))
    }
}

impl Condition {
    /// Whether it holds of a session at `now`.
    pub fn holds(&self, session: &Session, now: Timestamp) -> bool {
        let Session { username, session_type, address, server_name, user_agent, client, .. } = session;
        let occurs = |part: &str, texts: &[&str]| {
            let part = fold(part);
            texts.iter().any(|text| fold(text).contains(&part))
        };
        match self {
            Self::Anywhere(part) => {
                let (address, word, label) = (address.to_string(), session_type.as_str(), session_type.label());
                occurs(part, &[username, server_name, user_agent, client, &address, word, label])
            }
            Self::User(part) => occurs(part, &[username]),
            Self::UserIs(name) => fold(username) == fold(name),
            Self::Agent(part) => occurs(part, &[user_agent, client]),
            Self::Server(part) => occurs(part, &[server_name]),
            Self::Address(network) => network.contains(*address),
            Self::Type(wanted) => wanted == session_type,
            Self::Idle(span) => span.holds(now.since(session.last_active_at)),
            Self::Age(span) => span.holds(now.since(session.created_at)),
        }
    }
}

impl Span {
    /// Whether a time is more, or less.
    pub fn holds(self, time: Duration) -> bool {
        match self {
            Self::Longer(than) => time > than,
            Self::Shorter(than) => time < than,
        }
    }
}

/// A text in lower case, each character by itself: the lower case of a part is then a part of the lower case, which
/// `str::to_lowercase` with its final sigma does not promise.
pub fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(char::to_lowercase).collect() }
}

impl Network {
    /// Whether an address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Reads an address, or an address and the number of bits that count.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address = address.trim_matches(['[', ']']).parse::<IpAddr>().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(longest);
        if prefix > longest {
            return None;
        }
        match (address, address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) => {
                prefix.checked_sub(96).map(|prefix| Self { address: mapped, prefix })
            }
            _ => Some(Self { address, prefix }),
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        Self::parse(text).ok_or(NotANetwork)
    }
}

/// A text that names no [`Network`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("write an address such as 10.0.0.2, or a network such as 10.0.0.0/8")]
pub struct NotANetwork;

/// The text up to the next space that is not quoted, and what comes after it.
fn next_token(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(_, letter)| {
        is_quoted ^= *letter == '"';
        letter.is_whitespace() && !is_quoted
    });
    text.split_at(end.map_or(text.len(), |(end, _)| end))
}

fn term(token: &str) -> Result<Term, &'static str> {
    match token.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => Ok(Term { excluded: true, condition: condition(rest)? }),
        _ => Ok(Term { excluded: false, condition: condition(token)? }),
    }
}

fn condition(token: &str) -> Result<Condition, &'static str> {
    let field_end = token.find(|letter: char| !letter.is_ascii_alphabetic());
    let (field, rest) = token.split_at(field_end.unwrap_or(token.len()));
    let field = field.to_ascii_lowercase();
    let mut letters = rest.chars();
    let (operator, value) = (letters.next(), letters.as_str());
    match (field.as_str(), operator) {
        ("user", Some(':')) => unquoted(value).map(Condition::User),
        ("user", Some('=')) => unquoted(value).map(Condition::UserIs),
        ("agent", Some(':')) => unquoted(value).map(Condition::Agent),
        ("server", Some(':')) => unquoted(value).map(Condition::Server),
        ("ip", Some(':')) => Network::parse(value)
            .map(Condition::Address)
            .ok_or("use an address or a network, like ip:10.20.1.4 or ip:10.20.0.0/16"),
        ("type", Some(':')) => SessionType::parse(&value.to_ascii_lowercase())
            .map(Condition::Type)
            .ok_or("use type:rest, type:browser or type:other"),
        ("idle", Some('<' | '>' | ':' | '=')) => {
            span(operator, value).map(Condition::Idle).ok_or("use a time, like idle>2h or idle<5m")
        }
        ("age", Some('<' | '>' | ':' | '=')) => {
            span(operator, value).map(Condition::Age).ok_or("use a time, like age>1d or age<12h")
        }
        ("user" | "agent" | "server" | "ip" | "type", Some('=' | '<' | '>')) => {
            Err("write a colon, like type:rest or ip:10.20.1.4")
        }
        ("", Some('<' | '>')) => Err("write no space before < and >, like idle>2h"),
        // What could be an IPv6 address is one.
        ("", _) | (_, None) => unquoted(token).map(Condition::Anywhere),
        (_, Some(':')) if !token.chars().all(|letter| letter.is_ascii_hexdigit() || letter == ':') => {
            Err("use user:, ip:, agent:, server: or type:, or put the words in quotation marks")
        }
        _ => unquoted(token).map(Condition::Anywhere),
    }
}

fn unquoted(text: &str) -> Result<String, &'static str> {
    let marks = text.matches('"').count();
    let text = text.replace('"', "");
    if marks % 2 == 1 {
        Err("close the quotation mark")
    } else if text.trim().is_empty() {
        Err("say what to look for")
    } else {
        Ok(text)
    }
}

fn span(operator: Option<char>, value: &str) -> Option<Span> {
    let unit_at = value.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = value.split_at(unit_at);
    let seconds: u64 = match unit.to_ascii_lowercase().as_str() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let time = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
    match operator {
        Some('>') => Some(Span::Longer(time)),
        Some('<') => Some(Span::Shorter(time)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<(bool, Condition)> {
        Search::parse(text).unwrap().0.into_iter().map(|term| (term.excluded, term.condition)).collect()
    }

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn every_kind_of_term_is_understood() {
        use Condition::{Address, Age, Agent, Anywhere, Idle, Server, Type, User};
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        for (text, expected) in [
            ("anna", Anywhere("anna".into())),
            ("\"rest api\"", Anywhere("rest api".into())),
            ("\"user:anna\"", Anywhere("user:anna".into())),
            ("user:anna", User("anna".into())),
            ("user=\"anna b\"", Condition::UserIs("anna b".into())),
            ("USER:\"anna berg\"", User("anna berg".into())),
            ("agent:firefox/147", Agent("firefox/147".into())),
            ("server:keep-01", Server("keep-01".into())),
            ("ip:10.20.1.4", Address(network("10.20.1.4/32"))),
            ("ip:10.20.0.0/16", Address(network("10.20.0.0/16"))),
            ("ip:[2001:db8::1]", Address(network("2001:db8::1/128"))),
            ("type:Browser", Type(SessionType::Browser)),
            ("idle>2h", Idle(Span::Longer(hours(2)))),
            ("idle<90m", Idle(Span::Shorter(Duration::from_secs(5_400)))),
            ("age>1d", Age(Span::Longer(hours(24)))),
            ("2001:db8::1", Anywhere("2001:db8::1".into())),
            ("dead:beef::", Anywhere("dead:beef::".into())),
            ("10.20.", Anywhere("10.20.".into())),
            ("-", Anywhere("-".into())),
            ("idle", Anywhere("idle".into())),
        ] {
            assert_eq!(terms(text), [(false, expected.clone())], "{text}");
            if text != "-" {
                assert_eq!(terms(&format!("-{text}")), [(true, expected)], "-{text}");
            }
        }
    }

    #[test]
    fn terms_stand_apart_by_spaces_that_are_not_quoted() {
        assert_eq!(terms("  anna\t -user:\"b c\"  x ").len(), 3);
        assert_eq!(terms("a b a \"a\"").len(), 2, "said twice is said once");
        assert_eq!(terms(""), []);
        assert_eq!(terms("  "), []);
    }

    #[test]
    fn a_bad_term_is_named_with_what_it_could_be() {
        for (text, term, hint) in [
            ("anna ip:10.20", "ip:10.20", "ip:10.20.0.0/16"),
            ("ip:10.0.0.0/33", "ip:10.0.0.0/33", "network"),
            ("type:ftp", "type:ftp", "type:browser"),
            ("idle>2", "idle>2", "idle>2h"),
            ("idle:5m", "idle:5m", "idle<5m"),
            ("idle >2h", ">2h", "no space"),
            ("type=rest", "type=rest", "type:rest"),
            ("-ip=10.20.1.4", "-ip=10.20.1.4", "ip:10.20.1.4"),
            ("user>anna", "user>anna", "colon"),
            ("-age>x", "-age>x", "age>1d"),
            ("age>99999999999999999999d", "age>99999999999999999999d", "age>1d"),
            ("usr:anna", "usr:anna", "user:"),
            ("user:", "user:", "look for"),
            ("user=", "user=", "look for"),
            ("\"anna", "\"anna", "quotation mark"),
            ("a b c d e f g h i j k l m n o p q", "q", "up to 16"),
        ] {
            let error = Search::parse(text).unwrap_err();
            assert_eq!(error.term, term);
            assert!(error.problem.contains(hint), "{error}");
        }
    }

    #[test]
    fn the_lower_case_of_a_part_is_part_of_the_lower_case() {
        assert!(fold("ΟΔΟΣΑ").contains(&fold("ΟΔΟΣ")));
        assert_eq!(fold("Straße É"), "straße é");
    }

    #[test]
    fn a_network_holds_the_addresses_with_its_first_bits() {
        let holds = |text, address: &str| network(text).contains(address.parse().unwrap());
        assert!(holds("10.20.0.0/16", "10.20.255.1") && !holds("10.20.0.0/16", "10.21.0.1"));
        assert!(holds("0.0.0.0/0", "255.1.2.3") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("2001:db8::/32", "2001:db8:9::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "ffff::") && !holds("::/0", "10.0.0.1"));
        assert!(holds("::ffff:10.20.0.0/112", "10.20.1.1"), "IPv4 in IPv6 clothes");
        assert_eq!(Network::parse("::ffff:10.0.0.0/90"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            _ = Search::parse(&text);
        }
    }
}
