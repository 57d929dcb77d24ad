//! Decoding, schemas, protobuf, patches, server-side apply and OpenAPI: what the API does to bytes, whatever the kind.

pub mod apply;
pub mod decode;
pub mod openapi;
pub mod patch;
pub mod protobuf;
pub mod schema;
pub mod strict;
