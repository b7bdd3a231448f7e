//! Reactive texts and attributes that are of one type each.
//!
//! Every closure in a view has a type of its own, and all that surrounds it is compiled once for each. Behind these
//! pointers it is compiled once for all: with about a hundred closures that is a good part of the WebAssembly.

use std::sync::Arc;

/// A text that follows signals.
pub(crate) type Text = Arc<dyn Fn() -> String + Send + Sync>;
/// An attribute that follows signals and is at times absent.
pub(crate) type Maybe = Arc<dyn Fn() -> Option<String> + Send + Sync>;
/// A boolean attribute or property that follows signals.
pub(crate) type Flag = Arc<dyn Fn() -> bool + Send + Sync>;

/// See [`Text`].
pub(crate) fn text(value: impl Fn() -> String + Send + Sync + 'static) -> Text {
    Arc::new(value)
}

/// See [`Maybe`].
pub(crate) fn maybe(value: impl Fn() -> Option<String> + Send + Sync + 'static) -> Maybe {
    Arc::new(value)
}

/// See [`Flag`].
pub(crate) fn flag(value: impl Fn() -> bool + Send + Sync + 'static) -> Flag {
    Arc::new(value)
}
