//! Takes paths out of an object (`structured-merge-diff/typed/remove.go`).

use fields::{PathElement, Set};
use serde_json::{Map, Value};

use super::diff::item_shape;
use super::shape::{Shape, entries, item_element};
use crate::schema::Struct;

/// The object without the fields and items of a set.
pub(super) fn items(st: &'static Struct, object: &Value, set: &Set) -> Value {
    remove(Shape::Struct(st), object, set)
}

/// Null stands for a value of which nothing is left.
fn remove(shape: Shape, value: &Value, set: &Set) -> Value {
    match shape {
        Shape::Scalar(_) => value.clone(),
        Shape::Atomic(_) | Shape::Opaque => Value::Null,
        Shape::Struct(_) | Shape::Map(_) | Shape::Open => map(shape, value, set),
        Shape::Set(_) | Shape::Keyed(..) => list(shape, value, set),
    }
}

fn map(shape: Shape, value: &Value, set: &Set) -> Value {
    let mut out = Map::new();
    for (name, member) in entries(value).into_iter().flatten() {
        let element = PathElement::field(name);
        let node = set.node(&element);
        if node.is_some_and(|node| node.member) {
            continue;
        }
        let kept = match node.and_then(|node| node.children.as_deref()) {
            None => member.clone(),
            Some(below) => {
                let inner = shape.below(&element).map_or(Shape::Opaque, |(inner, _)| inner);
                remove(inner, member, below)
            }
        };
        out.insert(name.clone(), kept);
    }
    if out.is_empty() { Value::Null } else { Value::Object(out) }
}

fn list(shape: Shape, value: &Value, set: &Set) -> Value {
    let mut out = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        let node = item_element(shape, item).ok().and_then(|element| set.node(&element));
        match node {
            Some(node) if node.member => {}
            Some(node) => match node.children.as_deref() {
                None => out.push(item.clone()),
                Some(below) => out.push(remove(item_shape(shape), item, below)),
            },
            None => out.push(item.clone()),
        }
    }
    if out.is_empty() { Value::Null } else { Value::Array(out) }
}
