//! Refusals of requests, as HTTP status codes and errors in OpenAI's form.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use ssr_core::PolicyError;

/// An error in OpenAI's form.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub fn wrong(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: StatusCode::BAD_REQUEST, kind: "invalid_request_error", message }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: StatusCode::NOT_FOUND, kind: "not_found_error", message }
    }

    pub fn busy() -> Self {
        let message = "too many answers are being written; try again".to_owned();
        Self { status: StatusCode::TOO_MANY_REQUESTS, kind: "rate_limit_error", message }
    }

    pub fn broken(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind: "server_error", message }
    }

    pub fn body(&self) -> serde_json::Value {
        let code = self.status.as_u16();
        json!({"error": {"message": self.message, "type": self.kind, "code": code}})
    }
}

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Request { problem, .. } => Self::wrong(problem),
            error => Self::broken(error.to_string()),
        }
    }
}

impl From<axum::extract::rejection::BytesRejection> for Refusal {
    fn from(rejection: axum::extract::rejection::BytesRejection) -> Self {
        let (status, message) = (rejection.status(), rejection.body_text());
        Self { status, kind: "invalid_request_error", message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
