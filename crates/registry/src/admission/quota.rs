//! ResourceQuota (`k8s.io/apiserver/pkg/admission/plugin/resourcequota`): what a namespace may hold in all.
//!
//! A create, or an update that needs more, adds to `status.used` of every quota that counts it. The generic verbs commit
//! these charges together with the object, so that concurrent creates never exceed a bound; the quota controller takes
//! off what went away.

mod scopes;
pub mod usage;

use std::sync::Arc;

use api::{Gvr, Object, Status};
use serde_json::Value;

use super::{Amounts, Attempt};
use crate::fields::{at, get, items};
use crate::surroundings::Surroundings;
use usage::{counts, is_counted, missing};

/// `v1 resourcequotas`.
pub const QUOTAS: Gvr = Gvr::known("", "v1", "resourcequotas");

/// A quota and what it is to become.
pub struct Charge {
    /// The quota as it was read.
    pub before: Arc<Object>,
    /// The quota with the object counted.
    pub after: Value,
}

/// What the object costs, quota by quota. Nothing in a namespace without quotas.
///
/// # Errors
/// When a quota does not allow it, or asks for amounts that the object does not name.
pub fn charges(attempt: &Attempt<'_>, object: &Value, around: &dyn Surroundings) -> Result<Vec<Charge>, Status> {
    let Some(namespace) = attempt.namespace.filter(|_| handles(attempt, object)) else { return Ok(Vec::new()) };
    let quotas = around.list(&QUOTAS, Some(namespace));
    let mut charges = Vec::new();
    for before in quotas {
        let quota = before.to_value();
        if let Some(after) = charge(attempt, object, quota)? {
            charges.push(Charge { before, after });
        }
    }
    Ok(charges)
}

/// Whether a write may cost anything: creates, and updates of those kinds whose cost can grow.
fn handles(attempt: &Attempt<'_>, object: &Value) -> bool {
    if !is_counted(attempt.resource) {
        return false;
    }
    let Some(old) = attempt.old else { return attempt.subresource.is_none() };
    if !attempt.resource.group.is_empty() {
        return false;
    }
    match (&*attempt.resource.plural, attempt.subresource) {
        ("pods", None) => scopes::is_bounded_in_time(old) != scopes::is_bounded_in_time(object),
        ("pods", Some("resize")) | ("services", None) => true,
        _ => false,
    }
}

/// The quota with the object counted; `None` when it does not count it, or at no cost (`CheckRequest`).
fn charge(attempt: &Attempt<'_>, object: &Value, mut quota: Value) -> Result<Option<Value>, Status> {
    if !counts(&quota, attempt.resource, object) {
        return Ok(None);
    }
    let name = at(&quota, &["metadata", "name"]).and_then(Value::as_str).unwrap_or_default().to_owned();
    let hard = Amounts::of(at(&quota, &["status", "hard"]));
    let used = Amounts::of(at(&quota, &["status", "used"]));
    let bounded = hard.only(|name| usage::is_of(attempt.resource, name));
    if let Some(why) = missing(attempt.resource, object, &bounded) {
        return Err(attempt.forbidden(format!("failed quota: {name}: {why}")));
    }
    if bounded.0.keys().any(|name| used.get(name).is_none()) {
        let names: Vec<&str> = bounded.0.keys().map(String::as_str).collect();
        let why = format!("status unknown for quota: {name}, resources: {}", names.join(","));
        return Err(attempt.forbidden(why));
    }
    let mut cost = usage::of(attempt.resource, object);
    if let Some(old) = attempt.old.filter(|old| counts(&quota, attempt.resource, old)) {
        cost = cost.beyond(&usage::of(attempt.resource, old));
    }
    let cost =
        Amounts(cost.0.into_iter().filter(|(name, amount)| amount.nanos() != 0 && hard.get(name).is_some()).collect());
    if cost.0.is_empty() {
        return Ok(None);
    }
    let mut after = used.clone();
    after.add(&cost);
    let exceeded = |name: &str| {
        let nanos = |amounts: &Amounts| amounts.get(name).map_or(0, |amount| amount.nanos());
        cost.get(name).is_some() && nanos(&after) > nanos(&hard)
    };
    if hard.0.keys().any(|name| exceeded(name)) {
        let why = format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            cost.only(exceeded).show(),
            used.only(exceeded).show(),
            hard.only(exceeded).show()
        );
        return Err(attempt.forbidden(why));
    }
    quota["status"]["used"] = after.to_value();
    Ok(Some(quota))
}

/// The scopes and the scope selector of a quota, each as `(scope, operator, values)`.
fn selectors(quota: &Value) -> Vec<(&str, &str, &[Value])> {
    let Some(spec) = get(quota, "spec") else { return Vec::new() };
    let text = crate::fields::text;
    let plain = items(spec, "scopes").iter().filter_map(Value::as_str).map(|scope| (scope, "Exists", &[][..]));
    let selector = get(spec, "scopeSelector").map_or(&[][..], |selector| items(selector, "matchExpressions"));
    let selected = selector.iter().map(|it| (text(it, "scopeName"), text(it, "operator"), items(it, "values")));
    plain.chain(selected).collect()
}
