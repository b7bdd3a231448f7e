//! What part of the session list is asked for: a value that round-trips through a URL query string.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Session, SessionType,
    column::Column,
    search::{Search, SearchError},
};
use crate::time::Timestamp;

/// Rows of one page when nothing else is asked for.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most rows that one page may have.
pub const MAX_LIMIT: u32 = 1_000;
/// The longest search text, in bytes.
pub const MAX_SEARCH: usize = 256;

/// Which sessions are meant, regardless of order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Filter {
    /// Only sessions of this type.
    #[serde(rename = "type", default)]
    pub session_type: Option<SessionType>,
    /// What must hold besides, in the words of [`Search`].
    #[serde(rename = "q", default)]
    pub search: String,
}

impl Filter {
    /// Whether every session is meant.
    pub fn is_empty(&self) -> bool {
        self.session_type.is_none() && !self.has_search()
    }

    /// Whether a search has been asked for.
    pub fn has_search(&self) -> bool {
        !self.search.trim().is_empty()
    }

    /// Whether a session is meant at `now`. None is by a search that cannot be understood.
    pub fn matches(&self, session: &Session, now: Timestamp) -> bool {
        self.session_type.is_none_or(|wanted| wanted == session.session_type)
            && self
                .understood()
                .is_ok_and(|search| search.0.iter().all(|term| term.condition.holds(session, now) != term.excluded))
    }

    /// What the search text means.
    ///
    /// # Errors
    /// [`QueryError::SearchTooLong`] or [`QueryError::Search`].
    pub fn understood(&self) -> Result<Search, QueryError> {
        if self.search.len() > MAX_SEARCH {
            return Err(QueryError::SearchTooLong);
        }
        Ok(Search::parse(&self.search)?)
    }
}

/// The order of the list; ties are broken by session id in the same direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// The column to compare.
    pub column: Column,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl Default for Sort {
    /// Last active, newest first.
    fn default() -> Self {
        Self { column: Column::LastActive, descending: true }
    }
}

impl Sort {
    /// The order after a click on the header of `column`: the other direction when it is sorted by already,
    /// else newest first for instants and A to Z for texts.
    #[must_use]
    pub fn after_click(self, column: Column) -> Self {
        let descending = if self.column == column { !self.descending } else { column == Column::LastActive };
        Self { column, descending }
    }
}

/// `username`, or `-username` for descending.
impl std::fmt::Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.column.as_str())
    }
}

/// What part of the session list is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionQuery {
    /// Which sessions.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// The first row, from 0.
    pub first: u64,
    /// How many rows, at most [`MAX_LIMIT`].
    pub limit: u32,
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self { filter: Filter::default(), sort: Sort::default(), first: 0, limit: DEFAULT_LIMIT }
    }
}

/// A query parameter that cannot be used. The message names it and says what it takes.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryError {
    /// No such parameter.
    #[error("unknown parameter '{0}': use type, q, sort, first or limit")]
    Unknown(String),
    /// Not a session type.
    #[error("type '{0}' is not a session type: use rest, browser or other")]
    Type(String),
    /// Not a column.
    #[error(
        "sort '{0}' is not a column: use username, session_type, address, last_active, server_name, user_agent, idle_timeout or absolute_lifetime, with '-' before it for descending"
    )]
    Sort(String),
    /// Not a row number.
    #[error("first '{0}' is not a row number: use a whole number from 0")]
    First(String),
    /// Not a page size.
    #[error("limit '{0}' is not a page size: use a whole number from 1 to {MAX_LIMIT}")]
    Limit(String),
    /// Too long.
    #[error("q is longer than {MAX_SEARCH} bytes: shorten the search")]
    SearchTooLong,
    /// A term that cannot be understood.
    #[error("q has a term that cannot be understood: {0}")]
    Search(#[from] SearchError),
}

impl QueryError {
    /// The name of the parameter at fault.
    pub fn parameter(&self) -> &str {
        match self {
            Self::Unknown(name) => name,
            Self::Type(_) => "type",
            Self::Sort(_) => "sort",
            Self::First(_) => "first",
            Self::Limit(_) => "limit",
            Self::SearchTooLong | Self::Search(_) => "q",
        }
    }
}

impl SessionQuery {
    /// Reads a URL query string, strictly: for REST.
    ///
    /// # Errors
    /// Names the first parameter that is unknown or cannot be used.
    pub fn parse(query_string: &str) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
            query.set(&name, &value)?;
        }
        Ok(query)
    }

    /// Reads a URL query string, leniently: for pages. What cannot be used is left at its default and told, in a search the
    /// terms that cannot be understood; parameters of others are passed over.
    pub fn parse_lenient(query_string: &str) -> (Self, Vec<QueryError>) {
        let mut query = Self::default();
        let mut problems = Vec::new();
        for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
            match query.set(&name, &value) {
                Ok(()) | Err(QueryError::Unknown(_)) => {}
                Err(problem) => {
                    if matches!(problem, QueryError::Search(_)) {
                        query.filter.search = Search::understood_part(&value);
                    }
                    problems.push(problem);
                }
            }
        }
        (query, problems)
    }

    /// Whether the query stays within the limits, wherever it comes from.
    ///
    /// # Errors
    /// [`QueryError::Limit`], [`QueryError::SearchTooLong`] or [`QueryError::Search`].
    pub fn validated(&self) -> Result<(), QueryError> {
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            return Err(QueryError::Limit(self.limit.to_string()));
        }
        self.filter.understood().map(drop)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), QueryError> {
        let told = || value.chars().take(40).collect::<String>();
        match name {
            "type" if value.is_empty() || value == "all" => self.filter.session_type = None,
            "type" => {
                self.filter.session_type = Some(SessionType::parse(value).ok_or_else(|| QueryError::Type(told()))?);
            }
            "q" => {
                let filter = Filter { search: value.to_owned(), ..self.filter };
                filter.understood()?;
                self.filter = filter;
            }
            "sort" if value.is_empty() => self.sort = Sort::default(),
            "sort" => {
                let (descending, column) = match value.strip_prefix('-') {
                    Some(column) => (true, column),
                    None => (false, value),
                };
                let column = Column::parse(column).ok_or_else(|| QueryError::Sort(told()))?;
                self.sort = Sort { column, descending };
            }
            "first" => self.first = value.parse().map_err(|_| QueryError::First(told()))?,
            "limit" => {
                self.limit = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                    .ok_or_else(|| QueryError::Limit(told()))?;
            }
            _ => return Err(QueryError::Unknown(name.chars().take(40).collect())),
        }
        Ok(())
    }

    /// Whether this is the order that is kept up, and nothing is searched for: then no answer takes a pass over all
    /// sessions.
    pub fn is_in_kept_order(&self) -> bool {
        self.sort.column == Column::LastActive && !self.filter.has_search()
    }

    /// The query string that [`SessionQuery::parse`] reads back; defaults are left out.
    pub fn to_query_string(&self) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        if let Some(session_type) = self.filter.session_type {
            text.append_pair("type", session_type.as_str());
        }
        if !self.filter.search.is_empty() {
            text.append_pair("q", &self.filter.search);
        }
        if self.sort != Sort::default() {
            text.append_pair("sort", &self.sort.to_string());
        }
        if self.first != 0 {
            text.append_pair("first", &self.first.to_string());
        }
        if self.limit != DEFAULT_LIMIT {
            text.append_pair("limit", &self.limit.to_string());
        }
        text.finish()
    }

    /// The address of the page that shows this query: `/reports/sessions?type=rest`.
    pub fn href(&self) -> String {
        let query_string = self.to_query_string();
        let separator = if query_string.is_empty() { "" } else { "?" };
        format!("{}{separator}{query_string}", crate::paths::SESSIONS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_query()(
            session_type in proptest::option::of(proptest::sample::select(SessionType::ALL.to_vec())),
            search in "([^\":<>= -]{0,9} ?){0,4}",
            column in proptest::sample::select(Column::ALL.to_vec()),
            descending in any::<bool>(),
            first in any::<u64>(),
            limit in 1..=MAX_LIMIT,
        ) -> SessionQuery {
            SessionQuery { filter: Filter { session_type, search }, sort: Sort { column, descending }, first, limit }
        }
    }

    proptest! {
        #[test]
        fn a_query_round_trips_through_its_url(query in any_query()) {
            prop_assert_eq!(SessionQuery::parse(&query.to_query_string()), Ok(query));
        }
    }

    #[test]
    fn the_default_query_is_the_bare_page() {
        assert_eq!(SessionQuery::default().href(), "/reports/sessions");
        assert_eq!(SessionQuery::parse(""), Ok(SessionQuery::default()));
    }

    #[test]
    fn a_bad_parameter_is_named() {
        for (text, parameter) in [
            ("type=http", "type"),
            ("sort=age", "sort"),
            ("first=-1", "first"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("colour=red", "colour"),
            ("q=idle%3Elong", "q"),
        ] {
            let problem = SessionQuery::parse(text).unwrap_err();
            assert_eq!(problem.parameter(), parameter);
            assert!(problem.to_string().contains(parameter), "{problem}");
        }
    }

    #[test]
    fn the_page_falls_back_and_tells() {
        let (query, problems) = SessionQuery::parse_lenient("type=http&q=anna&utm=1");
        assert_eq!(query.filter, Filter { session_type: None, search: "anna".into() });
        assert_eq!(problems, [QueryError::Type("http".into())]);
    }

    #[test]
    fn the_page_searches_for_the_terms_that_it_understands() {
        let (query, problems) =
            SessionQuery::parse_lenient("q=user%3A%22anna+b%22+idle%3Esoon+-type%3Arest&type=other");
        assert_eq!(query.filter.search, "user:\"anna b\" -type:rest");
        assert_eq!(query.filter.session_type, Some(SessionType::Other));
        assert!(matches!(&problems[..], [QueryError::Search(error)] if error.term == "idle>soon"));
        let many = (0..20).map(|number| number.to_string()).collect::<Vec<_>>().join("+");
        let (query, _) = SessionQuery::parse_lenient(&format!("q={many}"));
        assert_eq!(query.filter.understood().map(|search| search.0.len()), Ok(16));
    }
}
