//! Get and list.

use std::sync::Arc;

use api::request::RevisionMatch;
use api::{Object, ObjectKey, ObjectList, Reply, Request, Response, Revision, Status};
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

/// Refuses a revision of the future; over HTTP it was waited for, as upstream does, before the request came here.
fn not_newer_than_now(server: &ApiServer, revision: Option<Revision>) -> Result<(), Status> {
    match (revision, server.store.revision()) {
        (Some(wanted), current) if wanted > current => Err(Status::too_large_revision(wanted, current)),
        _ => Ok(()),
    }
}

pub(crate) fn list(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<Reply, Status> {
    let filter = Filter::of(target, request)?;
    let (snapshot, revision, after) = page(server, target, request)?;
    let limit = limit(request);
    let (items, more) = match (filter.exact_name(), request.namespace.as_deref()) {
        (Some(name), Some(namespace)) => {
            let object = snapshot.get(target.index, &ObjectKey::namespaced(namespace, name));
            (object.filter(|object| filter.matches(object)).cloned().into_iter().collect(), false)
        }
        _ => collect(&snapshot, target, request, &filter, after.as_ref(), limit),
    };
    let continue_token = items.last().filter(|_| more).map(|last: &Arc<Object>| {
        server.pages.keep(revision, &snapshot);
        Page { revision: Some(revision), last: last.meta().key() }.encode(request.namespace.as_deref())
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

/// How many objects a page has at the most. From "any" revision a list comes whole, as from upstream's watch cache
/// (`computeListLimit`).
fn limit(request: &Request) -> Option<usize> {
    let options = &request.options;
    options.limit.filter(|limit| *limit > 0 && options.resource_version != Some(Revision(0)))
}

/// The snapshot that a list reads, its revision, and the key after which the page begins
/// (`storage.ValidateListOptions`).
fn page(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
) -> Result<(Snapshot, Revision, Option<ObjectKey>), Status> {
    let options = &request.options;
    let wanted = options.resource_version.filter(|revision| revision.0 > 0);
    if let Some(token) = options.continue_token.as_deref().filter(|token| !token.is_empty()) {
        let namespaced = target.strategy.descriptor().namespaced;
        let page = Page::decode(token, namespaced, request.namespace.as_deref())?;
        if wanted.is_some() {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        return next_page(server, request, page);
    }
    not_newer_than_now(server, wanted)?;
    // A page of a list that names a revision is of exactly that one, also when the client does not say so.
    let exact = match options.resource_version_match {
        Some(revision_match) => revision_match == RevisionMatch::Exact,
        None => limit(request).is_some(),
    };
    if let Some(wanted) = wanted.filter(|_| exact) {
        let gone = || Status::expired("The resourceVersion for the provided list is too old.");
        return Ok((history(server, wanted).ok_or_else(gone)?, wanted, None));
    }
    let (snapshot, revision) = server.store.snapshot();
    Ok((snapshot, revision, None))
}

fn next_page(
    server: &ApiServer,
    request: &Request,
    page: Page,
) -> Result<(Snapshot, Revision, Option<ObjectKey>), Status> {
    let Some(revision) = page.revision else {
        let (snapshot, revision) = server.store.snapshot();
        return Ok((snapshot, revision, Some(page.last)));
    };
    not_newer_than_now(server, Some(revision))?;
    if let Some(snapshot) = history(server, revision) {
        return Ok((snapshot, revision, Some(page.last)));
    }
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list \
         without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
         results. Continuing with the provided token results in an inconsistent list - objects that were created, \
         modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token = Some(Page { revision: None, ..page }.encode(request.namespace.as_deref()));
    Err(status)
}

/// The state at a revision, while history reaches back to it.
fn history(server: &ApiServer, revision: Revision) -> Option<Snapshot> {
    server.pages.find(revision).or_else(|| server.store.snapshot_at(revision).ok())
}
