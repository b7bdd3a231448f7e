//! The WebSocket protocol where frames of views are written past the library that reads: its handshake, and messages of
//! the server, which are not masked (RFC 6455).

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Why a request is no handshake.
pub(super) enum NoHandshake {
    /// It asks for no WebSocket, or one of another version.
    Upgrade,
    /// It has no key.
    Key,
}

impl IntoResponse for NoHandshake {
    fn into_response(self) -> Response {
        let asks_for =
            [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")];
        match self {
            Self::Upgrade => {
                (StatusCode::UPGRADE_REQUIRED, asks_for, "open this address as a WebSocket").into_response()
            }
            Self::Key => (StatusCode::BAD_REQUEST, "the handshake has no Sec-WebSocket-Key").into_response(),
        }
    }
}

/// Accepts a handshake (RFC 6455, 4.2): the answer, and the connection once it has been given.
///
/// # Errors
/// [`NoHandshake`].
pub(super) fn accept(mut request: Request<Body>) -> Result<(Response, OnUpgrade), NoHandshake> {
    // HEAD is routed as GET is.
    if request.method() != Method::GET {
        return Err(NoHandshake::Upgrade);
    }
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(NoHandshake::Upgrade)?;
    let headers = request.headers();
    let asks = has_token(headers, &header::CONNECTION, "upgrade") && has_token(headers, &header::UPGRADE, "websocket");
    if !asks || headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(NoHandshake::Upgrade);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(NoHandshake::Key)?;
    let accepted = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| NoHandshake::Key)?;
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let answered = response.headers_mut();
    answered.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    answered.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answered.insert(header::SEC_WEBSOCKET_ACCEPT, accepted);
    Ok((response, upgrade))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// The first byte of a message in one frame, by what it is (RFC 6455, 5.2).
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A ping, which the other side answers.
pub(super) fn ping() -> Vec<u8> {
    message(PING, &[])
}

/// The last message. Reasons are of up to 123 bytes.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    message(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A binary message.
pub(super) fn binary(payload: &[u8]) -> Vec<u8> {
    message(BINARY, payload)
}

/// Appends what a binary message of this length begins with.
pub(super) fn begin_binary(length: usize, message: &mut Vec<u8>) {
    begin(BINARY, length, message);
}

fn message(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(payload.len() + 10);
    begin(first, payload.len(), &mut message);
    message.extend_from_slice(payload);
    message
}

fn begin(first: u8, length: usize, message: &mut Vec<u8>) {
    message.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => message.push(length),
        (_, Ok(length)) => {
            message.push(126);
            message.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            message.push(127);
            message.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::{Message, protocol::Role, protocol::WebSocket};

    use super::*;

    #[test]
    fn messages_are_read_as_they_were_meant() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; length];
            let mut reader = WebSocket::from_raw_socket(std::io::Cursor::new(binary(&payload)), Role::Client, None);
            assert_eq!(reader.read().unwrap(), Message::binary(payload));
        }
        let mut reader = WebSocket::from_raw_socket(std::io::Cursor::new(ping()), Role::Client, None);
        assert_eq!(reader.read().unwrap(), Message::Ping("".into()));
        let mut reader = WebSocket::from_raw_socket(std::io::Cursor::new(close(4401, "ended")), Role::Client, None);
        let Message::Close(Some(frame)) = reader.read().unwrap() else { panic!("no close frame") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4401, "ended"));
    }

    #[test]
    fn a_request_that_asks_for_no_websocket_is_told_to() {
        let request = Request::get("/live").body(Body::empty()).unwrap();
        assert_eq!(accept(request).err().map(|no| no.into_response().status()), Some(StatusCode::UPGRADE_REQUIRED));
    }
}
