//! API errors: upstream's `Status` objects, word for word
//! (`k8s.io/apimachinery/pkg/api/errors/errors.go`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field::FieldErrors;
use crate::key::{Gvr, Kind};

/// The machine-readable reason of a [`Status`] (`metav1.StatusReason`); text, since newer servers may send new ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reason(pub std::borrow::Cow<'static, str>);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Reason { $($(#[$doc])* pub const $name: Reason = Reason(std::borrow::Cow::Borrowed($text));)* }
    };
}

reasons! {
    /// 400.
    BAD_REQUEST = "BadRequest";
    /// 401.
    UNAUTHORIZED = "Unauthorized";
    /// 403.
    FORBIDDEN = "Forbidden";
    /// 404.
    NOT_FOUND = "NotFound";
    /// 405.
    METHOD_NOT_ALLOWED = "MethodNotAllowed";
    /// 406.
    NOT_ACCEPTABLE = "NotAcceptable";
    /// 409 on create.
    ALREADY_EXISTS = "AlreadyExists";
    /// 409 on update.
    CONFLICT = "Conflict";
    /// 410 for a revision that was compacted.
    EXPIRED = "Expired";
    /// 410.
    GONE = "Gone";
    /// 413.
    TOO_LARGE = "RequestEntityTooLarge";
    /// 415.
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType";
    /// 422.
    INVALID = "Invalid";
    /// 429.
    TOO_MANY_REQUESTS = "TooManyRequests";
    /// 500.
    INTERNAL = "InternalError";
    /// 503.
    UNAVAILABLE = "ServiceUnavailable";
    /// 504.
    TIMEOUT = "Timeout";
}

/// An API error, or the success message that a delete answers with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `Success` or `Failure`.
    #[serde(default)]
    pub status: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// For programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Details>>,
    /// The HTTP status code.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub code: u16,
    /// `metadata.continue`: where a list whose history is gone may be taken up again.
    #[serde(skip)]
    pub continue_token: Option<String>,
}

fn is_zero(code: &u16) -> bool {
    *code == 0
}

/// What a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Group of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind, or plural resource, as upstream uses it for each reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// UID of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One entry per field in error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds after which to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// One cause in [`Details`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// For programs, such as `FieldValueInvalid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field, such as `spec.completions`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

impl Status {
    /// A failure with no details.
    pub fn failure(code: u16, reason: Reason, message: impl Into<String>) -> Self {
        let (status, message) = ("Failure".to_owned(), message.into());
        Self { status, message, reason: Some(reason), details: None, code, continue_token: None }
    }

    /// A failure about one named object of a resource, with the details upstream gives.
    fn about(code: u16, reason: Reason, resource: &Gvr, name: &str, message: String) -> Self {
        let details = Details {
            name: name.to_owned(),
            group: resource.group.to_string(),
            kind: resource.plural.to_string(),
            ..Details::default()
        };
        Self { details: Some(Box::new(details)), ..Self::failure(code, reason, message) }
    }

    /// 404: `jobs.batch "x" not found`.
    pub fn not_found(resource: &Gvr, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::about(404, Reason::NOT_FOUND, resource, name, message)
    }

    /// 404 for a path that names no resource: `the server could not find the requested resource`.
    pub fn no_such_resource() -> Self {
        let mut status = Self::failure(404, Reason::NOT_FOUND, "the server could not find the requested resource");
        status.details = Some(Box::default());
        status
    }

    /// 409: `jobs.batch "x" already exists`.
    pub fn already_exists(resource: &Gvr, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::about(409, Reason::ALREADY_EXISTS, resource, name, message)
    }

    /// 409: `Operation cannot be fulfilled on jobs.batch "x": WHY`.
    pub fn conflict(resource: &Gvr, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::about(409, Reason::CONFLICT, resource, name, message)
    }

    /// 409 after a write that raced another one.
    pub fn modified(resource: &Gvr, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 403: `jobs.batch "x" is forbidden: WHY`.
    pub fn forbidden(resource: &Gvr, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", resource.qualified())
        } else {
            format!("{} \"{name}\" is forbidden: {why}", resource.qualified())
        };
        Self::about(403, Reason::FORBIDDEN, resource, name, message)
    }

    /// 422: `Job.batch "x" is invalid: FIELD: WHY`, with one cause per field.
    pub fn invalid(kind: &Kind, name: &str, errors: &FieldErrors) -> Self {
        let message = format!("{} \"{name}\" is invalid: {errors}", kind.qualified());
        let details = Details {
            name: name.to_owned(),
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            causes: errors.causes(),
            ..Details::default()
        };
        Self { details: Some(Box::new(details)), ..Self::failure(422, Reason::INVALID, message) }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, Reason::BAD_REQUEST, message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::failure(401, Reason::UNAUTHORIZED, "Unauthorized")
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut status = Self::failure(405, Reason::METHOD_NOT_ALLOWED, message);
        status.details = Some(Box::default());
        status
    }

    /// 410 for a watch or list from a revision whose history is gone.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, Reason::EXPIRED, message)
    }

    /// 504 for a revision that was not reached within the time that upstream waits for one.
    pub fn too_large_revision(wanted: impl fmt::Display, current: impl fmt::Display) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let status = Self::failure(504, Reason::TIMEOUT, message);
        status.with_cause("ResourceVersionTooLarge", "Too large resource version", "").with_retry_after(1)
    }

    /// 500: `Internal error occurred: WHY`.
    pub fn internal(why: impl fmt::Display) -> Self {
        let mut status = Self::failure(500, Reason::INTERNAL, format!("Internal error occurred: {why}"));
        let causes = vec![Cause { message: why.to_string(), ..Cause::default() }];
        status.details = Some(Box::new(Details { causes, ..Details::default() }));
        status
    }

    /// 500 for an error that upstream gives no reason: `Error from server: WHY`.
    pub fn unknown_failure(message: impl Into<String>) -> Self {
        Self { reason: None, ..Self::failure(500, Reason::INTERNAL, message) }
    }

    /// A `Success` that names what was done to which object: what a delete answers.
    pub fn success(resource: &Gvr, name: &str, uid: &str) -> Self {
        let details = Details {
            name: name.to_owned(),
            group: resource.group.to_string(),
            kind: resource.plural.to_string(),
            uid: uid.to_owned(),
            ..Details::default()
        };
        let status = "Success".to_owned();
        let details = Some(Box::new(details));
        Self { status, message: String::new(), reason: None, details, code: 0, continue_token: None }
    }

    /// A `Success` that names nothing: what creating a Binding or an Eviction answers (201).
    pub fn created() -> Self {
        let (status, message) = ("Success".to_owned(), String::new());
        Self { status, message, reason: None, details: None, code: 201, continue_token: None }
    }

    /// Adds a cause.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, message: &str, field: &str) -> Self {
        let cause = Cause { reason: reason.to_owned(), message: message.to_owned(), field: field.to_owned() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// Sets the seconds after which the client may try again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = Some(seconds);
        self
    }

    /// Whether the reason is this one.
    pub fn is(&self, reason: &Reason) -> bool {
        self.reason.as_ref() == Some(reason)
    }

    /// The `Status` as the API object that goes over the wire.
    pub fn to_value(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).expect("a Status is plain data");
        value["kind"] = "Status".into();
        value["apiVersion"] = "v1".into();
        value["metadata"] = serde_json::json!({});
        if let Some(token) = &self.continue_token {
            value["metadata"]["continue"] = token.as_str().into();
        }
        value
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}
