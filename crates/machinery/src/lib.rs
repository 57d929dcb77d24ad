//! Decoding, schemas, protobuf, patches and OpenAPI: what the API does to bytes, whatever the kind.

pub mod schema;
