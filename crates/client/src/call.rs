//! Calls: on plain values for the hot paths of controllers, and typed for everyone else.

use std::marker::PhantomData;
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::logs::LogOptions;
use api::{Body, Gvr, Object, ObjectList, Options, PatchType, Reply, Request, Response, Verb};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;
use crate::exec::{Exec, ExecOptions};
use crate::transport::{ByteStream, EventStream, Transport};

/// A handle on an API server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    /// Who manages the fields that this client writes, when a request does not say.
    manager: Option<&'static str>,
}

impl Client {
    /// A client over any transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, manager: None }
    }

    /// The same client for a component, whose name `managedFields` gives to what it writes.
    #[must_use]
    pub fn acting_as(&self, component: &'static str) -> Self {
        Self { transport: self.transport.clone(), manager: Some(component) }
    }

    /// The same client with something between it and the API.
    #[must_use]
    pub fn through(&self, wrap: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport>) -> Self {
        Self { transport: wrap(self.transport.clone()), manager: self.manager }
    }

    /// Sends any request but a watch.
    ///
    /// # Errors
    /// The API's refusal, or a failure to reach it.
    pub async fn call(&self, mut request: Request) -> Result<Reply, Error> {
        if request.options.field_manager.is_none() && matches!(request.verb, Verb::Create | Verb::Update | Verb::Patch)
        {
            request.options.field_manager = self.manager.map(str::to_owned);
        }
        self.transport.call(request).await
    }

    /// Sends a request that is about no resource, such as `GET /clock`; the body of the answer. Over HTTP only.
    ///
    /// # Errors
    /// The server's refusal, or a failure to reach it.
    pub async fn document(&self, method: http::Method, path: &str) -> Result<bytes::Bytes, Error> {
        self.transport.document(method, path).await
    }

    /// Opens a watch.
    ///
    /// # Errors
    /// The API's refusal, or a failure to reach it.
    pub async fn watch(&self, request: Request) -> Result<EventStream, Error> {
        self.transport.watch(request).await
    }

    /// Reads a container's log.
    ///
    /// # Errors
    /// The API's refusal, or a failure to reach it.
    pub async fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> Result<ByteStream, Error> {
        self.transport.logs(namespace, pod, options).await
    }

    /// Starts a command in a container. Over HTTP only.
    ///
    /// # Errors
    /// The API's refusal, or a failure to reach it.
    pub async fn exec(&self, namespace: &str, pod: &str, options: ExecOptions) -> Result<Exec, Error> {
        self.transport.exec(namespace, pod, options).await
    }

    /// Sends a request that answers with an object.
    async fn object(&self, request: Request) -> Result<Arc<Object>, Error> {
        self.call(request).await?.into_object().ok_or(Error::Unexpected("something that is no object"))
    }

    /// Reads one object.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Result<Arc<Object>, Error> {
        self.object(Request::new(Verb::Get, resource.clone(), namespace, Some(name))).await
    }

    /// Reads a collection.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn list(&self, resource: &Gvr, namespace: Option<&str>, options: Options) -> Result<ObjectList, Error> {
        let request = Request::new(Verb::List, resource.clone(), namespace, None).options(options);
        match self.call(request).await?.response {
            Response::List(list) => Ok(list),
            Response::Object { .. } | Response::Status(_) => Err(Error::Unexpected("something that is no list")),
        }
    }

    /// Adds an object, as built by this process from typed values.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn create(&self, resource: &Gvr, namespace: Option<&str>, object: Value) -> Result<Arc<Object>, Error> {
        let request = Request::new(Verb::Create, resource.clone(), namespace, None);
        self.object(request.body(Body::Object(object))).await
    }

    /// Replaces an object, or one of its subresources such as `status`.
    ///
    /// # Errors
    /// See [`Client::call`]; a conflict when `metadata.resourceVersion` is given and old.
    pub async fn update(
        &self,
        resource: &Gvr,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        object: Value,
    ) -> Result<Arc<Object>, Error> {
        let mut request = Request::new(Verb::Update, resource.clone(), namespace, Some(name));
        request.subresource = subresource.map(str::to_owned);
        self.object(request.body(Body::Object(object))).await
    }

    /// Changes part of an object, or of one of its subresources.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn patch(
        &self,
        resource: &Gvr,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        patch: (PatchType, Value),
    ) -> Result<Arc<Object>, Error> {
        let mut request = Request::new(Verb::Patch, resource.clone(), namespace, Some(name));
        request.subresource = subresource.map(str::to_owned);
        self.object(request.body(Body::Patch(patch.0, patch.1))).await
    }

    /// Removes an object. The response is the object while it lingers (grace, finalizers), else a `Status`.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn delete(
        &self,
        resource: &Gvr,
        namespace: Option<&str>,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Response, Error> {
        let body = serde_json::to_value(options).map_err(Error::Decode)?;
        let request = Request::new(Verb::Delete, resource.clone(), namespace, Some(name));
        Ok(self.call(request.body(Body::Object(body))).await?.response)
    }

    /// Typed calls on one kind, in one namespace or, with `None`, in all of them or none.
    pub fn api<K: k8s_openapi::Resource>(&self, namespace: Option<&str>) -> Api<K> {
        let resource = Gvr::known(K::GROUP, K::VERSION, K::URL_PATH_SEGMENT);
        Api { client: self.clone(), resource, namespace: namespace.map(str::to_owned), kind: PhantomData }
    }
}

/// Typed calls on one kind.
#[derive(Clone)]
pub struct Api<K> {
    client: Client,
    resource: Gvr,
    namespace: Option<String>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Serialize + DeserializeOwned> Api<K> {
    fn decode(object: &Object) -> Result<K, Error> {
        object.decode().map_err(Error::Decode)
    }

    fn encode(object: &K) -> Result<Value, Error> {
        serde_json::to_value(object).map_err(Error::Decode)
    }

    /// Reads one object.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn get(&self, name: &str) -> Result<K, Error> {
        Self::decode(&*self.client.get(&self.resource, self.namespace.as_deref(), name).await?)
    }

    /// Reads the collection.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn list(&self, options: Options) -> Result<Vec<K>, Error> {
        let list = self.client.list(&self.resource, self.namespace.as_deref(), options).await?;
        list.items.iter().map(|object| Self::decode(object)).collect()
    }

    /// Adds an object.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn create(&self, object: &K) -> Result<K, Error> {
        let value = Self::encode(object)?;
        Self::decode(&*self.client.create(&self.resource, self.namespace.as_deref(), value).await?)
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// See [`Client::update`].
    pub async fn update(&self, name: &str, object: &K) -> Result<K, Error> {
        let value = Self::encode(object)?;
        Self::decode(&*self.client.update(&self.resource, self.namespace.as_deref(), name, None, value).await?)
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// See [`Client::update`].
    pub async fn update_status(&self, name: &str, object: &K) -> Result<K, Error> {
        let value = Self::encode(object)?;
        let namespace = self.namespace.as_deref();
        Self::decode(&*self.client.update(&self.resource, namespace, name, Some("status"), value).await?)
    }

    /// Changes part of an object.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn patch(&self, name: &str, patch_type: PatchType, patch: Value) -> Result<K, Error> {
        let namespace = self.namespace.as_deref();
        Self::decode(&*self.client.patch(&self.resource, namespace, name, None, (patch_type, patch)).await?)
    }

    /// Removes an object.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn delete(&self, name: &str, options: &DeleteOptions) -> Result<Response, Error> {
        self.client.delete(&self.resource, self.namespace.as_deref(), name, options).await
    }
}
