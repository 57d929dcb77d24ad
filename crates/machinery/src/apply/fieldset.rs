//! The paths that an object consists of (`structured-merge-diff/typed/tofieldset.go`), and sets completed by the named
//! fields on the way to their members.

use fields::{Node, PathElement, Set};
use serde_json::Value;

use super::diff::{groups, item_shape, ordered};
use super::shape::{Shape, entries, field_element, items};
use crate::schema::Struct;

/// The paths of an object as it was sent. Structs are not paths of their own, save for empty ones; entries of maps and
/// items of lists are.
pub(super) fn of(st: &'static Struct, object: &Value) -> Set {
    inside(Shape::Struct(st), object)
}

fn inside(shape: Shape, value: &Value) -> Set {
    let mut set = Set::default();
    match shape {
        Shape::Struct(st) => {
            for (name, value) in entries(value).into_iter().flatten() {
                if let Some(field) = st.field(name) {
                    set.push(entry(Shape::of_field(field), field_element(field), value, true));
                }
            }
        }
        Shape::Map(_) | Shape::Open => {
            let inner = if let Shape::Map(ty) = shape { Shape::of_type(ty) } else { Shape::Opaque };
            for (name, value) in entries(value).into_iter().flatten() {
                set.push(entry(inner, PathElement::field(name), value, false));
            }
        }
        Shape::Set(_) | Shape::Keyed(..) => {
            for (element, values) in groups(&ordered(shape, items(value))) {
                let children = match values {
                    [(_, one)] => inside(item_shape(shape), one),
                    _ => Set::default(),
                };
                set.push(Node::new(element.clone(), true, children));
            }
        }
        Shape::Scalar(_) | Shape::Atomic(_) | Shape::Opaque => {}
    }
    set
}

fn entry(shape: Shape, element: PathElement, value: &Value, declared: bool) -> Node {
    let leaf = matches!(shape, Shape::Scalar(_) | Shape::Atomic(_) | Shape::Opaque);
    let empty = value.is_null() || entries(value).is_some_and(serde_json::Map::is_empty);
    Node::new(element, leaf || empty || !declared, inside(shape, value))
}

/// The set with every declared field that has members below it (`EnsureNamedFieldsAreMembers`).
pub(super) fn with_named_fields(st: &'static Struct, set: &Set) -> Set {
    named(Some(Shape::Struct(st)), set)
}

fn named(shape: Option<Shape>, set: &Set) -> Set {
    let mut out = Set::default();
    for node in set.nodes() {
        let below = shape.and_then(|shape| shape.below(&node.element));
        let declared = below.is_some_and(|(_, declared)| declared);
        let children = node.children.as_deref().map(|set| named(below.map(|(shape, _)| shape), set));
        let member = node.member || declared && children.is_some();
        out.push(Node::new(node.element.clone(), member, children.unwrap_or_default()));
    }
    out
}

/// The set as the schema has it today: what is below an atomic value becomes that value
/// (`structured-merge-diff/typed/reconcile_schema.go`). Only sets from outside need it.
pub(super) fn conform(st: &'static Struct, set: &Set) -> Set {
    conformed(Shape::Struct(st), set)
}

fn conformed(shape: Shape, set: &Set) -> Set {
    let mut out = Set::default();
    for node in set.nodes() {
        match (&node.children, shape.below(&node.element)) {
            (Some(_), Some((Shape::Atomic(_), _))) => out.push(Node::leaf(node.element.clone())),
            (Some(children), Some((below, _))) => {
                out.push(Node::new(node.element.clone(), node.member, conformed(below, children)));
            }
            _ => out.push(node.clone()),
        }
    }
    out
}
