//! How the console and its server write what they say to each other: requests, answers, frames of the live channel, and
//! what a document carries.
//!
//! [Postcard](https://postcard.jamesmunns.com/wire-format) behind a version: values carry no names, so that one build would
//! misread what another writes. Everybody else uses REST, which is JSON.

use http::Method;
use leptos::server_fn::{
    self, Bytes, ContentType, Decodes, Encodes, Format, FormatType, Protocol, request::Req, response::TryRes,
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{browser, error::AppError};

/// What every message begins with: another for other sources of this crate.
const VERSION: [u8; 4] = version(env!("KEEPWATCH_WIRE_VERSION")).to_be_bytes();

const fn version(digits: &str) -> u32 {
    let (digits, mut version, mut index) = (digits.as_bytes(), 0_u32, 0);
    while index < digits.len() {
        version = version * 10 + (digits[index] - b'0') as u32;
        index += 1;
    }
    version
}

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// It does not begin with [this build's version](self).
    #[error("the page and the server are of different versions: reload the page")]
    OtherVersion,
    /// It is cut, too long, or none of ours.
    #[error("the message cannot be read: reload the page")]
    Damaged,
}

/// A value as a message.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut message = Vec::new();
    encode_to(value, &mut message);
    message
}

/// Appends a value as a message.
pub fn encode_to<T: Serialize + ?Sized>(value: &T, message: &mut Vec<u8>) {
    message.extend_from_slice(&VERSION);
    append(value, message);
}

/// Appends a value as it stands in a message.
pub fn append<T: Serialize + ?Sized>(value: &T, message: &mut Vec<u8>) {
    // Only a sequence of unknown length fails, and no type of ours is one.
    *message = postcard::to_extend(value, std::mem::take(message)).unwrap_or_default();
}

/// The value of a message.
///
/// # Errors
/// The message is of another version, or damaged.
pub fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<T, WireError> {
    let value = message.strip_prefix(&VERSION).ok_or(WireError::OtherVersion)?;
    match postcard::take_from_bytes(value) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(WireError::Damaged),
    }
}

/// A short name of these bytes (FNV-1a).
pub(crate) const fn fnv1a(bytes: &[u8]) -> u32 {
    let (mut hash, mut index) = (0x811c_9dc5_u32, 0);
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash
}

/// The protocol of the server functions: a POST of a message, answered with a message.
///
/// In place of the one that comes with them, which can also send forms, streams and parts of addresses: 2 % of the
/// console.
pub struct Wire;

impl<Input, Output, Client, Server> Protocol<Input, Output, Client, Server, AppError> for Wire
where
    Input: Serialize + DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    Client: server_fn::client::Client<AppError>,
    Server: server_fn::server::Server<AppError>,
{
    const METHOD: Method = Method::POST;

    async fn run_server<F, Fut>(request: Server::Request, function: F) -> Result<Server::Response, AppError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, AppError>> + Send,
    {
        let message = request.try_into_bytes().await?;
        let input = decode(&message).map_err(|problem| match problem {
            WireError::OtherVersion => AppError::OtherVersion,
            WireError::Damaged => AppError::Invalid(problem.to_string()),
        })?;
        let output = function(input).await?;
        Server::Response::try_from_bytes(CONTENT_TYPE, encode(&output).into())
    }

    async fn run_client(path: &str, input: Input) -> Result<Output, AppError> {
        let answer = browser::post(path, CONTENT_TYPE, encode(&input)).await;
        let (status, message) = answer.ok_or(AppError::Unreachable)?;
        let output = output(status, &message);
        if matches!(output, Err(AppError::OtherVersion)) {
            browser::load_anew();
        }
        output
    }
}

/// What an answer of this HTTP status says.
fn output<T: DeserializeOwned>(status: u16, message: &[u8]) -> Result<T, AppError> {
    if (200..300).contains(&status) {
        // What is no message of ours comes from something between.
        return decode(message).map_err(|_| AppError::Unreachable);
    }
    Err(decode(message).unwrap_or(match status {
        // Said in another version than this one.
        OTHER_VERSION => AppError::OtherVersion,
        401 => AppError::Unauthorized,
        _ => AppError::Unreachable,
    }))
}

/// The HTTP status that a tab of another version is answered with: Upgrade Required.
pub const OTHER_VERSION: u16 = 426;

/// How an error is written in the place of an answer.
pub struct WireEncoding;

const CONTENT_TYPE: &str = "application/octet-stream";

impl ContentType for WireEncoding {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;
}

impl FormatType for WireEncoding {
    const FORMAT_TYPE: Format = Format::Binary;
}

impl<T: Serialize> Encodes<T> for WireEncoding {
    type Error = WireError;

    fn encode(value: &T) -> Result<Bytes, WireError> {
        Ok(encode(value).into())
    }
}

impl<T: DeserializeOwned> Decodes<T> for WireEncoding {
    type Error = WireError;

    fn decode(message: Bytes) -> Result<T, WireError> {
        decode(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let value = ("anna".to_owned(), vec![1_u64, 300], Some(true));
        assert_eq!(decode(&encode(&value)), Ok(value));
    }

    #[test]
    fn an_answer_says_what_it_says_in_any_version() {
        let mut other = encode(&AppError::Locked(String::new()));
        other[0] ^= 1;
        for (status, message, expected) in [
            (200, encode(&7_u64), Ok(7)),
            (200, b"<!doctype html>".to_vec(), Err(AppError::Unreachable)),
            (200, Vec::new(), Err(AppError::Unreachable)),
            (502, b"<!doctype html>".to_vec(), Err(AppError::Unreachable)),
            (403, encode(&AppError::Locked("Back soon.".to_owned())), Err(AppError::Locked("Back soon.".to_owned()))),
            (401, encode(&AppError::WrongCredentials), Err(AppError::WrongCredentials)),
            (401, other.clone(), Err(AppError::Unauthorized)),
            (426, other.clone(), Err(AppError::OtherVersion)),
            (403, other, Err(AppError::Unreachable)),
        ] {
            assert_eq!(output::<u64>(status, &message), expected, "{status}");
        }
    }

    #[test]
    fn what_another_version_writes_is_not_misread() {
        let mut message = encode(&7_u64);
        message[0] ^= 1;
        assert_eq!(decode::<u64>(&message), Err(WireError::OtherVersion));
        assert_eq!(decode::<()>(b"<!doctype html>"), Err(WireError::OtherVersion));
        assert_eq!(decode::<()>(b""), Err(WireError::OtherVersion));
    }

    #[test]
    fn a_message_is_read_whole_or_not_at_all() {
        let message = encode(&"anna");
        assert_eq!(decode::<String>(&message[..message.len() - 1]), Err(WireError::Damaged));
        assert_eq!(decode::<String>(&[message, vec![0]].concat()), Err(WireError::Damaged));
    }
}
