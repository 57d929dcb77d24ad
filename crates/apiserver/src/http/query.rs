//! Query parameters: read once, checked as upstream checks them, and turned into [`api::Options`] or
//! [`api::logs::LogOptions`].
//!
//! Pure. A value of the wrong type is `400 BadRequest`, a value that breaks a rule is `422 Invalid`, each in upstream's
//! words (`k8s.io/apimachinery/pkg/apis/meta/v1/validation`, `.../internalversion/validation`). Unknown parameters are
//! passed over, as upstream does.

mod logs;
mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use api::request::{FieldValidation, RevisionMatch};
use api::{Options, PatchType, Revision, Status, Verb};

use super::target::hex;

/// The parameters of one request, decoded, in the order sent.
#[derive(Debug, Default)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Splits a query string. A pair with a broken escape is passed over, as Go's `url.Query` does.
    pub(super) fn parse(text: Option<&'a str>) -> Self {
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name)?, unescape(value)?))
        });
        Self(decoded.collect())
    }

    /// The first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter, unless it is empty.
    fn text(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A flag: anything but `false` and `0` is true, the empty text too (`runtime.Convert_Slice_string_To_bool`).
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| !(value == "0" || value.eq_ignore_ascii_case("false")))
    }

    /// A whole number (`runtime.Convert_Slice_string_To_int64`).
    fn integer(&self, name: &str) -> Result<Option<i64>, Status> {
        self.get(name).map(|value| parse_integer(value).map_err(Status::bad_request)).transpose()
    }

    /// The options of a resource request, checked for its verb. `patch` is the kind of patch when there is one.
    ///
    /// # Errors
    /// 400 for a value of the wrong type, 422 for one that breaks a rule.
    pub(super) fn options(&self, verb: Verb, patch: Option<PatchType>) -> Result<Options, Status> {
        if self.0.is_empty() && patch != Some(PatchType::Apply) {
            return Ok(Options::default());
        }
        match verb {
            Verb::Get => Ok(Options { resource_version: self.revision()?, ..Options::default() }),
            Verb::List | Verb::Watch => self.list_options(verb),
            Verb::Create | Verb::Update | Verb::Patch => self.write_options(verb, patch),
            Verb::Delete => self.delete_options(),
            Verb::DeleteCollection => {
                let (list, delete) = (self.list_options(Verb::List)?, self.delete_options()?);
                Ok(Options {
                    dry_run: delete.dry_run,
                    propagation_policy: delete.propagation_policy,
                    grace_period_seconds: delete.grace_period_seconds,
                    orphan_dependents: delete.orphan_dependents,
                    ..list
                })
            }
        }
    }

    fn list_options(&self, verb: Verb) -> Result<Options, Status> {
        let limit = self.integer("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let timeout = self.integer("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        rules::list(self, verb)?;
        let resource_version_match = match self.get("resourceVersionMatch") {
            Some("Exact") => Some(RevisionMatch::Exact),
            Some("NotOlderThan") => Some(RevisionMatch::NotOlderThan),
            _ => None,
        };
        Ok(Options {
            label_selector: self.text("labelSelector"),
            field_selector: self.text("fieldSelector"),
            limit: limit.filter(|limit| *limit > 0),
            continue_token: self.text("continue"),
            resource_version: self.revision()?,
            resource_version_match,
            timeout_seconds: timeout.filter(|seconds| *seconds > 0),
            allow_watch_bookmarks: self.flag("allowWatchBookmarks").unwrap_or_default(),
            send_initial_events: self.flag("sendInitialEvents"),
            ..Options::default()
        })
    }

    fn write_options(&self, verb: Verb, patch: Option<PatchType>) -> Result<Options, Status> {
        rules::write(self, verb, patch)?;
        let field_validation = match self.get("fieldValidation") {
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            _ => FieldValidation::Warn,
        };
        Ok(Options {
            dry_run: self.get("dryRun").is_some(),
            field_manager: self.text("fieldManager"),
            field_validation,
            force: self.flag("force").unwrap_or_default(),
            ..Options::default()
        })
    }

    fn delete_options(&self) -> Result<Options, Status> {
        let grace_period_seconds = self.integer("gracePeriodSeconds")?;
        rules::delete(self)?;
        Ok(Options {
            dry_run: self.get("dryRun").is_some(),
            propagation_policy: self.get("propagationPolicy").map(str::to_owned),
            grace_period_seconds,
            orphan_dependents: self.flag("orphanDependents"),
            ..Options::default()
        })
    }

    /// Differs: upstream answers 500 to a list whose `resourceVersion` is no number; all verbs get its 422 here.
    fn revision(&self) -> Result<Option<Revision>, Status> {
        let Some(text) = self.get("resourceVersion").filter(|text| !text.is_empty()) else { return Ok(None) };
        match text.parse() {
            Ok(revision) => Ok(Some(Revision(revision))),
            Err(_) => Err(rules::bad_revision(text)),
        }
    }
}

/// Parses as Go's `strconv.ParseInt` does, with its error text.
fn parse_integer(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let why = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match text.parse() {
            Ok(value) => return Ok(value),
            Err(_) => "value out of range",
        }
    };
    Err(format!("strconv.ParseInt: parsing {text:?}: {why}"))
}

fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let [high, low, tail @ ..] = rest else { return None };
                rest = tail;
                bytes.push(hex(*high)? << 4 | hex(*low)?);
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
