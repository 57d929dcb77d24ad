//! Get and list.

use std::sync::Arc;

use api::request::RevisionMatch;
use api::{Object, ObjectKey, ObjectList, Reason, Reply, Request, Response, Revision, Status};
use store::Snapshot;

use super::Filter;
use crate::server::{ApiServer, Page, Target};

/// The key that a request names.
pub(super) fn key(target: &Target<'_>, request: &Request) -> Result<ObjectKey, Status> {
    let name = request.name.as_deref().ok_or_else(|| Status::bad_request("name must be provided"))?;
    Ok(match (request.namespace.as_deref(), target.strategy.descriptor().namespaced) {
        (Some(namespace), true) => ObjectKey::namespaced(namespace, name),
        (None, true) => {
            return Err(Status::bad_request("an empty namespace may not be set when a resource name is provided"));
        }
        (_, false) => ObjectKey::cluster(name),
    })
}

/// Reads the current object.
pub(super) fn current(server: &ApiServer, target: &Target<'_>, key: &ObjectKey) -> Result<Arc<Object>, Status> {
    server.store.get(target.index, key).ok_or_else(|| Status::not_found(&target.resource, &key.name))
}

pub(crate) fn get(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<Reply, Status> {
    let object = current(server, target, &key(target, request)?)?;
    not_newer_than_now(server, request.options.resource_version)?;
    Ok(Response::Object { object, created: false }.into())
}

/// Refuses a revision of the future, as upstream does after waiting for it in vain.
///
/// `Differs:` upstream waits 3 s first; here the store is the only writer, so the revision cannot be on its way.
fn not_newer_than_now(server: &ApiServer, revision: Option<Revision>) -> Result<(), Status> {
    let (Some(wanted), current) = (revision, server.store.revision()) else { return Ok(()) };
    if wanted <= current {
        return Ok(());
    }
    let message = format!("Too large resource version: {wanted}, current: {current}");
    let status = Status::failure(504, Reason::TIMEOUT, message);
    Err(status.with_cause("ResourceVersionTooLarge", "Too large resource version", "").with_retry_after(1))
}

pub(crate) fn list(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<Reply, Status> {
    let filter = Filter::of(target, request)?;
    let (snapshot, revision, after) = page(server, request)?;
    let limit = request.options.limit.filter(|limit| *limit > 0);
    let (items, more) = match (filter.exact_name(), request.namespace.as_deref()) {
        (Some(name), Some(namespace)) => {
            let object = snapshot.get(target.index, &ObjectKey::namespaced(namespace, name));
            (object.filter(|object| filter.matches(object)).cloned().into_iter().collect(), false)
        }
        _ => collect(&snapshot, target, request, &filter, after.as_ref(), limit),
    };
    let continue_token = items.last().filter(|_| more).map(|last: &Arc<Object>| {
        server.pages.keep(revision, &snapshot);
        Page::new(revision, &last.meta().key()).encode()
    });
    let remaining = continue_token.as_ref().filter(|_| filter.is_everything()).map(|_| {
        let last = items.last().map(|object| object.meta().key());
        snapshot.range(target.index, request.namespace.as_deref(), last.as_ref()).count() as u64
    });
    let descriptor = target.strategy.descriptor();
    let list = ObjectList {
        api_version: descriptor.kind.api_version(),
        kind: format!("{}List", descriptor.kind.kind),
        items,
        revision,
        continue_token,
        remaining,
    };
    Ok(Response::List(list).into())
}

fn collect(
    snapshot: &Snapshot,
    target: &Target<'_>,
    request: &Request,
    filter: &Filter,
    after: Option<&ObjectKey>,
    limit: Option<usize>,
) -> (Vec<Arc<Object>>, bool) {
    let all = snapshot.range(target.index, request.namespace.as_deref(), after).map(|(_, object)| object);
    let mut matching = all.filter(|object| filter.matches(object)).cloned();
    let items = matching.by_ref().take(limit.unwrap_or(usize::MAX)).collect();
    let more = limit.is_some() && matching.next().is_some();
    (items, more)
}

/// The snapshot that a list reads, its revision, and the key after which the page begins.
fn page(server: &ApiServer, request: &Request) -> Result<(Snapshot, Revision, Option<ObjectKey>), Status> {
    let options = &request.options;
    if let Some(token) = options.continue_token.as_deref().filter(|token| !token.is_empty()) {
        let page = Page::decode(token)
            .ok_or_else(|| Status::bad_request("continue key is not valid: invalid continue token"))?;
        let snapshot = server.pages.find(page.revision()).ok_or_else(|| {
            Status::expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.")
        })?;
        return Ok((snapshot, page.revision(), Some(page.last())));
    }
    let wanted = options.resource_version.filter(|revision| revision.0 > 0);
    not_newer_than_now(server, wanted)?;
    let (snapshot, revision) = server.store.snapshot();
    match (wanted, options.resource_version_match) {
        (Some(exact), Some(RevisionMatch::Exact)) if exact != revision => {
            let kept = server.pages.find(exact);
            let gone = || Status::expired(format!("The resourceVersion for the provided list is too old: {exact}"));
            Ok((kept.ok_or_else(gone)?, exact, None))
        }
        _ => Ok((snapshot, revision, None)),
    }
}
