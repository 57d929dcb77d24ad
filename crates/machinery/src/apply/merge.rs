//! Merges an applied configuration into an object (`structured-merge-diff/typed/merge.go`).
//!
//! Items of associative lists keep the order of the configuration among themselves, and the others their places around
//! them.

use std::collections::{BTreeMap, BTreeSet};

use fields::PathElement;
use serde_json::{Map, Value};

use super::diff::item_shape;
use super::shape::{Shape, entries, item_element, items};
use crate::schema::Struct;

/// The object with the configuration merged in. Both were validated.
pub(super) fn objects(st: &'static Struct, object: &Value, config: &Value) -> Value {
    merge(Shape::Struct(st), Some(object), Some(config)).unwrap_or(Value::Null)
}

fn merge(shape: Shape, lhs: Option<&Value>, rhs: Option<&Value>) -> Option<Value> {
    let (lhs, rhs) = match (lhs, rhs) {
        (Some(lhs), Some(rhs)) => (lhs, rhs),
        (one, None) | (None, one) => return one.cloned(),
    };
    if shape.is_leaf(lhs, rhs) {
        return Some(rhs.clone());
    }
    match shape {
        Shape::Set(_) | Shape::Keyed(..) => {
            let merged = Lists::new(shape, items(lhs), items(rhs)).merge();
            (!merged.is_empty()).then_some(Value::Array(merged))
        }
        _ => maps(shape, lhs, rhs),
    }
}

fn maps(shape: Shape, lhs: &Value, rhs: &Value) -> Option<Value> {
    let none = Map::new();
    let (lhs, rhs) = (entries(lhs).unwrap_or(&none), entries(rhs).unwrap_or(&none));
    let mut out = Map::new();
    let names = lhs.keys().chain(rhs.keys().filter(|name| !lhs.contains_key(*name)));
    for name in names {
        let below = shape.below(&PathElement::field(name)).map_or(Shape::Opaque, |(below, _)| below);
        if let Some(value) = merge(below, lhs.get(name), rhs.get(name)) {
            out.insert(name.clone(), value);
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

/// Two lists on their way into one.
struct Lists<'a> {
    inner: Shape,
    lhs: Vec<(PathElement, &'a Value)>,
    rhs: Vec<(PathElement, &'a Value)>,
    /// Items by element; of elements that occur twice, null: those are not merged with the new value.
    in_lhs: BTreeMap<PathElement, &'a Value>,
    in_rhs: BTreeMap<PathElement, &'a Value>,
    out: Vec<Value>,
}

static NULL: Value = Value::Null;

impl<'a> Lists<'a> {
    fn new(shape: Shape, lhs: &'a [Value], rhs: &'a [Value]) -> Self {
        let of = |items: &'a [Value]| -> Vec<(PathElement, &'a Value)> {
            items.iter().filter_map(|item| Some((item_element(shape, item).ok()?, item))).collect()
        };
        let index = |items: &[(PathElement, &'a Value)]| {
            let mut index: BTreeMap<PathElement, &'a Value> = BTreeMap::new();
            for (element, item) in items {
                index.entry(element.clone()).and_modify(|item| *item = &NULL).or_insert(item);
            }
            index
        };
        let (lhs, rhs) = (of(lhs), of(rhs));
        let (in_lhs, in_rhs) = (index(&lhs), index(&rhs));
        Self { inner: item_shape(shape), lhs, rhs, in_lhs, in_rhs, out: Vec::new() }
    }

    fn push(&mut self, lhs: Option<&Value>, rhs: Option<&Value>) {
        self.out.extend(merge(self.inner, lhs, rhs));
    }

    fn push_both(&mut self, element: &PathElement) {
        let (lhs, rhs) = (self.in_lhs.get(element).copied(), self.in_rhs.get(element).copied());
        self.push(lhs, rhs);
    }

    fn merge(mut self) -> Vec<Value> {
        let lhs = std::mem::take(&mut self.lhs);
        let rhs = std::mem::take(&mut self.rhs);
        let mut shared = rhs
            .iter()
            .map(|(element, _)| element)
            .filter(|element| self.in_lhs.contains_key(*element))
            .cloned()
            .collect::<Vec<_>>()
            .into_iter();
        let mut next_shared = shared.next();
        let mut merged: BTreeSet<&PathElement> = BTreeSet::new();
        let (mut l, mut r) = (0, 0);
        while l < lhs.len() || r < rhs.len() {
            if l < lhs.len() && r < rhs.len() {
                let element = &lhs[l].0;
                if *element == rhs[r].0 {
                    merged.insert(element);
                    self.push_both(element);
                    (l, r) = (l + 1, r + 1);
                    next_shared = shared.next();
                    continue;
                }
                let awaited = next_shared.as_ref().is_some_and(|next| next != element);
                if self.in_rhs.contains_key(element) && awaited {
                    // In both, but another shared item comes first.
                    l += 1;
                    continue;
                }
            }
            if l < lhs.len() {
                let (element, item) = &lhs[l];
                if !self.in_rhs.contains_key(element) {
                    self.push(Some(item), None);
                    l += 1;
                    continue;
                }
                if merged.contains(element) {
                    l += 1;
                }
            }
            if r < rhs.len() {
                let element = &rhs[r].0;
                merged.insert(element);
                self.push_both(element);
                r += 1;
                if next_shared.as_ref() == Some(element) {
                    next_shared = shared.next();
                }
            }
        }
        self.out
    }
}
