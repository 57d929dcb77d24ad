//! `pods/binding`: assigns a pod to a node (`pkg/registry/core/pod/storage/storage.go`).

use api::time::whole_seconds;
use api::{Reply, Request, Response, Status};
use registry::pod::{BindError, bind};
use store::{Change, CommitError, Expected};

use super::body;
use super::read::{current, key};
use crate::server::{ApiServer, Target};

pub(crate) fn create(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let binding = body::object(&mut request)?;
    let key = key(target, &request)?;
    let now = whole_seconds(server.clock.now());
    loop {
        let before = current(server, target, &key)?;
        let mut pod = before.to_value();
        bind(&mut pod, &binding, now).map_err(|error| match error {
            BindError::Invalid(errors) => Status::invalid(&api::Kind::known("", "v1", "Binding"), &key.name, &errors),
            BindError::Conflict(why) => Status::conflict(&target.resource, &key.name, &why),
        })?;
        if request.options.dry_run {
            break;
        }
        let expected = Expected::At(before.meta().revision);
        match server.store.commit(target.index, &key, expected, Change::Put(pod)) {
            Ok(_) => break,
            Err(CommitError::Conflict(_) | CommitError::Missing) => {}
            Err(error) => return Err(Status::internal(error)),
        }
    }
    Ok(Response::Status(Status::created()).into())
}
