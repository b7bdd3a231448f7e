//! The columns of the session table: what can be shown, hidden and sorted by.

use serde::{Deserialize, Serialize};

/// A column of the session table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// "Username".
    Username,
    /// "Session Type".
    SessionType,
    /// "Address".
    Address,
    /// "Last Active".
    LastActive,
    /// "Server Name".
    ServerName,
    /// "User Agent".
    UserAgent,
    /// "Idle Timeout": the instant at which a session ends without activity.
    IdleTimeout,
    /// "Absolute Lifetime": the instant at which it ends in any case.
    AbsoluteLifetime,
}

impl Column {
    /// Every column, in the order in which the table shows them.
    pub const ALL: [Self; 8] = [
        Self::Username,
        Self::SessionType,
        Self::Address,
        Self::LastActive,
        Self::ServerName,
        Self::UserAgent,
        Self::IdleTimeout,
        Self::AbsoluteLifetime,
    ];

    /// The word in URLs, JSON and CSS.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::SessionType => "session_type",
            Self::Address => "address",
            Self::LastActive => "last_active",
            Self::ServerName => "server_name",
            Self::UserAgent => "user_agent",
            Self::IdleTimeout => "idle_timeout",
            Self::AbsoluteLifetime => "absolute_lifetime",
        }
    }

    /// The words in the console.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Username => "Username",
            Self::SessionType => "Session Type",
            Self::Address => "Address",
            Self::LastActive => "Last Active",
            Self::ServerName => "Server Name",
            Self::UserAgent => "User Agent",
            Self::IdleTimeout => "Idle Timeout",
            Self::AbsoluteLifetime => "Absolute Lifetime",
        }
    }

    /// The column that [`Column::as_str`] writes as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == text)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The set of columns that an administrator has chosen to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Column>", into = "Vec<Column>")]
pub struct Columns(u8);

impl Columns {
    /// Whether `column` is shown.
    pub const fn shows(self, column: Column) -> bool {
        self.0 & column.bit() != 0
    }

    /// Whether `column` is the last one that is shown, which stays.
    pub const fn shows_only(self, column: Column) -> bool {
        self.0 == column.bit()
    }

    /// The same choice with `column` shown or hidden; the last shown column stays.
    #[must_use]
    pub const fn toggled(self, column: Column) -> Self {
        let toggled = self.0 ^ column.bit();
        if toggled == 0 { self } else { Self(toggled) }
    }

    /// The shown columns in table order.
    pub fn iter(self) -> impl Iterator<Item = Column> {
        Column::ALL.into_iter().filter(move |column| self.shows(*column))
    }
}

impl Default for Columns {
    /// Username, Session Type, Address and Last Active.
    fn default() -> Self {
        vec![Column::Username, Column::SessionType, Column::Address, Column::LastActive].into()
    }
}

/// An empty choice is the default one: a table without columns shows nothing.
impl From<Vec<Column>> for Columns {
    fn from(columns: Vec<Column>) -> Self {
        let bits = columns.into_iter().fold(0, |bits, column| bits | column.bit());
        if bits == 0 { Self::default() } else { Self(bits) }
    }
}

impl From<Columns> for Vec<Column> {
    fn from(columns: Columns) -> Self {
        columns.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seldom_needed_is_hidden_by_default() {
        let shown: Vec<_> = Columns::default().iter().map(Column::label).collect();
        assert_eq!(shown, ["Username", "Session Type", "Address", "Last Active"]);
    }

    #[test]
    fn the_last_column_cannot_be_hidden() {
        let only = Columns::from(vec![Column::Address]);
        assert_eq!(only.toggled(Column::Address), only);
        assert!(only.shows_only(Column::Address) && !only.shows_only(Column::Username));
        assert!(only.toggled(Column::UserAgent).toggled(Column::Address).shows(Column::UserAgent));
    }
}
