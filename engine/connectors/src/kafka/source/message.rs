//! What the headers of a message say.

use headwater_proto::batch::headers::{CONTENT_TYPE, Headers, MessageId, SCHEMA};
use rdkafka::message::{Headers as _, Message, OwnedMessage};

use crate::formats::Record;

fn header<'a>(message: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let found = message.headers()?.iter().find(|header| header.key == name)?;
    std::str::from_utf8(found.value?).ok()
}

/// The content of a message, and what its headers say about it.
pub(super) fn record(message: &OwnedMessage) -> Record<'_> {
    Record {
        value: message.payload().unwrap_or_default(),
        key: message.key(),
        is_tombstone: message.payload().is_none(),
        content_type: header(message, CONTENT_TYPE),
        schema: header(message, SCHEMA),
    }
}

/// The identity that an agent gave a message. One that has none, as an injected one, is never a second copy.
pub(super) fn identity(message: &OwnedMessage) -> Option<MessageId> {
    let pairs = message.headers()?.iter().filter_map(|header| Some((header.key, header.value?)));
    Headers::from_pairs(pairs).ok().map(|headers| headers.id())
}
