//! The OpenAPI document, generated from the handlers.

use axum::Json;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Keepwatch", description = "Who is signed in, right now; and signing anyone out, at once."),
    paths(
        super::sessions::create, super::sessions::list, super::sessions::show, super::sessions::delete,
        super::sessions::delete_many, super::session::show, super::session::sign_out, super::own_sessions::list,
        super::own_sessions::end, super::app_passwords::create,
        super::client_tokens::create, super::introspect::introspect, super::introspect::introspect_many,
        super::events::follow
    ),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The OpenAPI document.
pub async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
