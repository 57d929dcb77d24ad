//! Requests to the API and what they answer, free of any transport: the HTTP shell builds a [`Request`] from bytes,
//! an in-process client builds the same value directly.

use std::sync::Arc;

use serde_json::Value;

use crate::key::{Gvr, Revision};
use crate::object::Object;
use crate::status::Status;
use crate::user::User;

/// What a request asks for. `Watch` goes to the watch entry of a transport, all others to `call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// Add an object, or post to a subresource.
    Create,
    /// Replace an object.
    Update,
    /// Change part of an object.
    Patch,
    /// Remove an object.
    Delete,
    /// Remove a collection.
    DeleteCollection,
}

impl Verb {
    /// The verb as discovery and authorization spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// How a patch body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' strategic merge.
    StrategicMerge,
    /// Server-side apply.
    Apply,
}

impl PatchType {
    /// The media type on the wire.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::StrategicMerge => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// The body of a request, already decoded.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// An object: the resource's kind for create and update, `DeleteOptions` for deletes.
    Object(Value),
    /// A patch.
    Patch(PatchType, Value),
}

/// What to do with fields that the schema does not have, or that occur twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    /// Drop them in silence.
    Ignore,
    /// Drop them and send a `Warning` header each: the server's default since v1.27.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// `resourceVersionMatch` of lists and watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevisionMatch {
    /// The collection exactly as of that revision.
    Exact,
    /// The collection at that revision or a newer one.
    NotOlderThan,
}

/// The query parameters of a request. All of a [`Default`] value mean "not given".
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `dryRun=All`: everything happens but the commit.
    pub dry_run: bool,
    /// `fieldManager`.
    pub field_manager: Option<String>,
    /// `fieldValidation`.
    pub field_validation: FieldValidation,
    /// `force` of server-side apply.
    pub force: bool,
    /// `labelSelector`, as text.
    pub label_selector: Option<String>,
    /// `fieldSelector`, as text.
    pub field_selector: Option<String>,
    /// `limit` of a list.
    pub limit: Option<usize>,
    /// `continue` of a list.
    pub continue_token: Option<String>,
    /// `resourceVersion` of a get, list or watch. Zero means "any".
    pub resource_version: Option<Revision>,
    /// `resourceVersionMatch`.
    pub resource_version_match: Option<RevisionMatch>,
    /// `timeoutSeconds` of a watch.
    pub timeout_seconds: Option<u64>,
    /// `allowWatchBookmarks`.
    pub allow_watch_bookmarks: bool,
    /// `sendInitialEvents`.
    pub send_initial_events: Option<bool>,
    /// `propagationPolicy` of a delete without a body.
    pub propagation_policy: Option<String>,
    /// `gracePeriodSeconds` of a delete without a body.
    pub grace_period_seconds: Option<i64>,
    /// `orphanDependents` of a delete without a body.
    pub orphan_dependents: Option<bool>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is asked.
    pub verb: Verb,
    /// Of which resource.
    pub resource: Gvr,
    /// In which namespace; `None` for cluster-scoped resources and for "all namespaces".
    pub namespace: Option<String>,
    /// Which object; `None` for collections and creates.
    pub name: Option<String>,
    /// Which subresource, such as `status`.
    pub subresource: Option<String>,
    /// The query parameters.
    pub options: Options,
    /// The body.
    pub body: Body,
    /// What the decoder found against the body, such as duplicate fields: each is refused, warned of or dropped by
    /// `options.field_validation`. Whoever builds the body as a value leaves this empty and sets `trusted`.
    pub strict_errors: Vec<String>,
    /// The body was built by a component of this process from typed values, so it needs no schema check.
    pub trusted: bool,
    /// Who asks; `None` for a component of this process.
    pub user: Option<Arc<User>>,
}

impl Request {
    /// A request with no options and no body.
    pub fn new(verb: Verb, resource: Gvr, namespace: Option<&str>, name: Option<&str>) -> Self {
        Self {
            verb,
            resource,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource: None,
            options: Options::default(),
            body: Body::Empty,
            strict_errors: Vec::new(),
            trusted: false,
            user: None,
        }
    }

    /// The same request for a subresource.
    #[must_use]
    pub fn subresource(mut self, name: &str) -> Self {
        self.subresource = Some(name.to_owned());
        self
    }

    /// The same request with a body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// The same request with options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}

/// A page of a collection, all of it from one snapshot.
#[derive(Clone, Debug, Default)]
pub struct ObjectList {
    /// `apiVersion` of the list.
    pub api_version: String,
    /// `kind` of the list, such as `JobList`.
    pub kind: String,
    /// The objects, ordered by namespace and name.
    pub items: Vec<Arc<Object>>,
    /// The revision of the snapshot.
    pub revision: Revision,
    /// How to ask for the next page, if there is one.
    pub continue_token: Option<String>,
    /// How many objects are left after this page, when known.
    pub remaining: Option<u64>,
}

/// What a request answers.
#[derive(Clone, Debug)]
pub enum Response {
    /// One object; 201 when it was created, else 200.
    Object {
        /// The object.
        object: Arc<Object>,
        /// Whether this request brought it into being.
        created: bool,
    },
    /// A collection.
    List(ObjectList),
    /// A message, such as the success of a delete.
    Status(Status),
}

/// A response and the warnings that go with it as `Warning` headers.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The response.
    pub response: Response,
    /// One text per `Warning` header.
    pub warnings: Vec<String>,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self { response, warnings: Vec::new() }
    }
}

impl Reply {
    /// The object of the response, if it is one.
    pub fn into_object(self) -> Option<Arc<Object>> {
        match self.response {
            Response::Object { object, .. } => Some(object),
            Response::List(_) | Response::Status(_) => None,
        }
    }
}
