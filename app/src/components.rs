//! Parts that several pages are made of.

pub(crate) mod avatar;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod icon;
pub(crate) mod link_banner;
pub(crate) mod notice;
pub(crate) mod reactive;
pub(crate) mod status;
pub(crate) mod written;
