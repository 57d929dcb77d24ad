//! Objects without their types, and server-side apply.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::{Result, check};

pub(super) async fn run(client: &Client) -> Result<()> {
    let jobs = discover(client).await?;
    untyped(client, &jobs).await?;
    pages(client).await?;
    apply(client).await
}

async fn discover(client: &Client) -> Result<ApiResource> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let group = discovery.get("batch").ok_or("no group batch")?;
    let (resource, capabilities) = group.recommended_kind("Job").ok_or("no kind Job")?;
    let fits = resource.plural == "jobs" && capabilities.scope == Scope::Namespaced;
    check("discovery finds Jobs", fits && capabilities.supports_operation(verbs::WATCH), &resource)?;
    let legacy = Discovery::new(client.clone()).run().await?;
    let found = legacy.get("batch").and_then(|group| group.recommended_kind("Job")).map(|(resource, _)| resource);
    check("discovery in its old form finds the same", found.as_ref() == Some(&resource), &found)?;
    Ok(resource)
}

async fn untyped(client: &Client, resource: &ApiResource) -> Result<()> {
    let jobs: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), resource);
    let container = json!({"name": "c", "image": "busybox", "command": ["true"]});
    let job = DynamicObject::new("untyped", resource).data(json!({"spec": {
        "suspend": true,
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    }}));
    let created = jobs.create(&PostParams::default(), &job).await?;
    check("an untyped Job is created with its defaults", created.data["spec"]["backoffLimit"] == 6, &created.data)?;
    let patch = Patch::Json::<()>(serde_json::from_value(json!([
        {"op": "test", "path": "/spec/suspend", "value": true},
        {"op": "add", "path": "/metadata/labels", "value": {"json": "1"}},
    ]))?);
    let patched = jobs.patch("untyped", &PatchParams::default(), &patch).await?;
    check("a JSON patch tests and adds", patched.labels().get("json").is_some(), patched.labels())?;
    let metadata = jobs.get_metadata("untyped").await?;
    check("metadata comes alone", metadata.uid() == created.uid(), &metadata)?;
    let strict = PostParams { dry_run: true, ..PostParams::default() };
    jobs.create(
        &strict,
        &DynamicObject { metadata: kube::core::ObjectMeta { name: Some("dry".into()), ..Default::default() }, ..job },
    )
    .await?;
    check("a dry run leaves nothing behind", jobs.get_opt("dry").await?.is_none(), ())?;
    jobs.delete_collection(&DeleteParams::background(), &ListParams::default().labels("json=1")).await?;
    check("a collection is deleted", jobs.get_opt("untyped").await?.is_none(), ())
}

async fn pages(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    for name in ["page-a", "page-b", "page-c"] {
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": name, "labels": {"page": "1"}}}))?;
        maps.create(&PostParams::default(), &map).await?;
    }
    let mut names = Vec::new();
    let mut parameters = ListParams::default().labels("page=1").limit(2);
    loop {
        let page = maps.list(&parameters).await?;
        names.extend(page.items.iter().map(ResourceExt::name_any));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => break,
        }
    }
    check("a list comes in chunks", names == ["page-a", "page-b", "page-c"], &names)?;
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().labels("page=1")).await?;
    Ok(())
}

async fn apply(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = |data: serde_json::Value| {
        Patch::Apply(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rust-applied"}, "data": data}),
        )
    };
    let one = PatchParams::apply("one");
    let first = maps.patch("rust-applied", &one, &map(json!({"a": "1", "b": "1"}))).await?;
    let managers: Vec<_> = first.managed_fields().iter().map(|entry| entry.manager.as_deref()).collect();
    check("apply records its manager", managers == [Some("one")], &managers)?;
    let again = maps.patch("rust-applied", &one, &map(json!({"a": "1", "b": "1"}))).await?;
    check("to apply again changes nothing", again.resource_version() == first.resource_version(), ())?;
    let two = PatchParams::apply("two");
    let refused = maps.patch("rust-applied", &two, &map(json!({"a": "2"}))).await;
    let conflict =
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "Conflict");
    check("another manager's value is a conflict", conflict, refused.err())?;
    let forced = maps.patch("rust-applied", &two.force(), &map(json!({"a": "2"}))).await?;
    check("force takes the field over", forced.data.as_ref().is_some_and(|data| data["a"] == "2"), &forced.data)?;
    let removed = maps.patch("rust-applied", &one, &map(json!({}))).await?;
    let left: Vec<_> = removed.data.iter().flatten().collect();
    check("what is no longer applied goes", left == [(&"a".to_owned(), &"2".to_owned())], &left)?;
    maps.delete("rust-applied", &DeleteParams::default()).await?;
    Ok(())
}
