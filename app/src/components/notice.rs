//! What went wrong, in words that say what to do.

use crate::error::AppError;

/// A sentence or two about a request that did not succeed.
pub(crate) fn failure(error: &AppError) -> String {
    match error {
        AppError::WrongCredentials | AppError::Throttled { .. } => error.to_string(),
        AppError::Unreachable => "The server could not be reached. Check the connection and try again.".to_owned(),
        _ => format!("That did not work: {error}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_one_or_more_whole_sentences() {
        for error in [
            AppError::Unauthorized,
            AppError::WrongCredentials,
            AppError::Forbidden,
            AppError::OwnSession(7),
            AppError::NotFound("session 7".into()),
            AppError::Throttled { retry_after_seconds: 9 },
            AppError::OutcomeUnknown,
            AppError::Unavailable,
            AppError::Internal,
            AppError::Unreachable,
        ] {
            let said = failure(&error);
            assert!(said.ends_with('.') && said.starts_with(|first: char| first.is_ascii_uppercase()), "{said}");
        }
    }
}
