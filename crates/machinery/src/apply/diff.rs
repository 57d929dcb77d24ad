//! What a write changed and removed, as sets of paths (`structured-merge-diff/typed/compare.go`).
//!
//! This runs on every write, so it builds nothing for what is equal, and does not look at what is excluded.

use std::cmp::Ordering;

use fields::{Name, Node, PathElement, Set};
use serde_json::{Map, Value};

use super::Form;
use super::shape::{Shape, entries, field_element, item_element, items};
use crate::schema::{Field, Struct, Type};

/// The outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub(super) struct Diff {
    /// Paths that are new or have another value.
    pub(super) changed: Set,
    /// Paths that are gone.
    pub(super) removed: Set,
}

impl Diff {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    /// Puts the differences of a value below its path element.
    fn push(&mut self, element: &PathElement, below: Diff) {
        if !below.changed.is_empty() {
            self.changed.push(Node::new(element.clone(), false, below.changed));
        }
        if !below.removed.is_empty() {
            self.removed.push(Node::new(element.clone(), false, below.removed));
        }
    }
}

/// Compares two objects of a kind; nothing at or below a path of `exclude` is looked at.
pub(super) fn objects(st: &'static Struct, lhs: (&Value, Form), rhs: (&Value, Form), exclude: Option<&Set>) -> Diff {
    let mut diff = Diff::default();
    Walk { lhs: lhs.1, rhs: rhs.1 }.children(Shape::Struct(st), lhs.0, rhs.0, exclude, &mut diff);
    diff
}

/// How the two sides count.
struct Walk {
    lhs: Form,
    rhs: Form,
}

impl Walk {
    fn children(&self, shape: Shape, lhs: &Value, rhs: &Value, exclude: Option<&Set>, out: &mut Diff) {
        let none = Map::new();
        let map = |value| entries(value).unwrap_or(&none);
        match shape {
            Shape::Struct(st) => self.fields(st, map(lhs), map(rhs), exclude, out),
            Shape::Map(ty) => self.entries(Shape::of_type(ty), map(lhs), map(rhs), exclude, out),
            Shape::Open => self.entries(Shape::Opaque, map(lhs), map(rhs), exclude, out),
            Shape::Set(_) | Shape::Keyed(..) => self.items(shape, items(lhs), items(rhs), out),
            Shape::Scalar(_) | Shape::Atomic(_) | Shape::Opaque => {}
        }
    }

    fn fields(
        &self,
        st: &'static Struct,
        lhs: &Map<String, Value>,
        rhs: &Map<String, Value>,
        exclude: Option<&Set>,
        out: &mut Diff,
    ) {
        for (name, left) in lhs {
            if let Some(field) = st.field(name) {
                self.field(field, Some(left), rhs.get(name), exclude, out);
            }
        }
        for (name, right) in rhs {
            if let Some(field) = st.field(name).filter(|_| !lhs.contains_key(name)) {
                self.field(field, None, Some(right), exclude, out);
            }
        }
    }

    fn field(
        &self,
        field: &'static Field,
        left: Option<&Value>,
        right: Option<&Value>,
        exclude: Option<&Set>,
        out: &mut Diff,
    ) {
        let left = left.filter(|value| counts(&field.ty, value, self.lhs)).or(field.implicit.as_ref());
        let right = right.filter(|value| counts(&field.ty, value, self.rhs)).or(field.implicit.as_ref());
        self.value(Shape::of_field(field), || field_element(field), left, right, exclude, out);
    }

    fn entries(
        &self,
        shape: Shape,
        lhs: &Map<String, Value>,
        rhs: &Map<String, Value>,
        exclude: Option<&Set>,
        out: &mut Diff,
    ) {
        let element = |name: &String| PathElement::Field(Name::from(name.as_str()));
        for (name, left) in lhs {
            self.value(shape, || element(name), Some(left), rhs.get(name), exclude, out);
        }
        for (name, right) in rhs.iter().filter(|(name, _)| !lhs.contains_key(*name)) {
            self.value(shape, || element(name), None, Some(right), exclude, out);
        }
    }

    /// Compares the two values at one path element.
    fn value(
        &self,
        shape: Shape,
        element: impl Fn() -> PathElement,
        left: Option<&Value>,
        right: Option<&Value>,
        exclude: Option<&Set>,
        out: &mut Diff,
    ) {
        let excluded = exclude.and_then(|set| set.node(&element()));
        if excluded.is_some_and(|node| node.member) {
            return;
        }
        let exclude = excluded.and_then(|node| node.children.as_deref());
        match (left, right) {
            (None, None) => {}
            (None, Some(right)) => out.changed.push(whole(shape, element(), right, self.rhs)),
            (Some(left), None) => out.removed.push(whole(shape, element(), left, self.lhs)),
            (Some(left), Some(right)) if shape.is_leaf(left, right) => {
                if left != right {
                    out.changed.push(Node::leaf(element()));
                }
            }
            (Some(left), Some(right)) => {
                let mut below = Diff::default();
                self.children(shape, left, right, exclude, &mut below);
                if !below.is_empty() {
                    out.push(&element(), below);
                }
            }
        }
    }

    fn items(&self, shape: Shape, lhs: &[Value], rhs: &[Value], out: &mut Diff) {
        if lhs == rhs {
            return;
        }
        let (left, right) = (ordered(shape, lhs), ordered(shape, rhs));
        let (mut l, mut r) = (groups(&left).peekable(), groups(&right).peekable());
        loop {
            let order = match (l.peek(), r.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            let left = if order == Ordering::Greater { None } else { l.next() };
            let right = if order == Ordering::Less { None } else { r.next() };
            let Some((element, _)) = left.or(right) else { return };
            self.item(shape, element, left.map_or(&[], |(_, items)| items), right.map_or(&[], |(_, items)| items), out);
        }
    }

    /// Compares all items of one key. Items that share a key are one value together.
    fn item(&self, shape: Shape, element: &PathElement, left: Items<'_>, right: Items<'_>, out: &mut Diff) {
        let inner = item_shape(shape);
        match (left, right) {
            (left, right) if left.len() <= 1 && right.len() <= 1 => {
                let (left, right) = (left.first().map(value_of), right.first().map(value_of));
                self.value(inner, || element.clone(), left, right, None, out);
            }
            (left, right) if left.len() >= 2 && right.len() >= 2 => {
                if !left.iter().map(value_of).eq(right.iter().map(value_of)) {
                    out.changed.push(Node::leaf(element.clone()));
                }
            }
            (left, right) if left.len() >= 2 => {
                self.value(inner, || element.clone(), None, right.first().map(value_of), None, out);
                out.removed.push(Node::leaf(element.clone()));
            }
            (left, _) => {
                self.value(inner, || element.clone(), left.first().map(value_of), None, None, out);
                out.changed.push(Node::leaf(element.clone()));
            }
        }
    }
}

/// The shape of a list's items.
pub(super) fn item_shape(list: Shape) -> Shape {
    match list {
        Shape::Keyed(st, _) => Shape::Struct(st),
        Shape::Set(ty) => Shape::Scalar(ty),
        _ => Shape::Opaque,
    }
}

/// Items with their path elements.
type Items<'a> = &'a [(PathElement, &'a Value)];

fn value_of<'a>(item: &(PathElement, &'a Value)) -> &'a Value {
    item.1
}

/// Items ordered by their path elements, those of one element in the order of the list; items without one are left out.
pub(super) fn ordered(shape: Shape, list: &[Value]) -> Vec<(PathElement, &Value)> {
    let mut found: Vec<(PathElement, &Value)> = Vec::with_capacity(list.len());
    found.extend(list.iter().filter_map(|item| Some((item_element(shape, item).ok()?, item))));
    if !found.is_sorted_by(|a, b| a.0 <= b.0) {
        found.sort_by(|a, b| a.0.cmp(&b.0));
    }
    found
}

/// Ordered items, together with those that share their path element.
pub(super) fn groups<'a>(ordered: Items<'a>) -> impl Iterator<Item = (&'a PathElement, Items<'a>)> {
    ordered.chunk_by(|a, b| a.0 == b.0).map(|group| (&group[0].0, group))
}

/// Whether a value counts: Go objects have no empty lists and maps.
fn counts(ty: &Type, value: &Value, form: Form) -> bool {
    form == Form::Sent
        || match (ty, value) {
            (Type::List(_), Value::Array(items)) => !items.is_empty(),
            (Type::Map(_), Value::Object(entries)) => !entries.is_empty(),
            (Type::Any, _) => true,
            (_, value) => !value.is_null(),
        }
}

/// A value that is new or gone as a whole: it and all that is below it.
pub(super) fn whole(shape: Shape, element: PathElement, value: &Value, form: Form) -> Node {
    Node::new(element, true, inside(shape, value, form))
}

fn inside(shape: Shape, value: &Value, form: Form) -> Set {
    let room = entries(value).map_or_else(|| items(value).len(), Map::len);
    let mut set = match shape {
        Shape::Scalar(_) | Shape::Atomic(_) | Shape::Opaque => return Set::default(),
        _ => Set::with_capacity(room),
    };
    match shape {
        Shape::Struct(st) => {
            let Some(map) = entries(value) else { return set };
            let present = |name: &String, value: &Value| st.field(name).filter(|field| counts(&field.ty, value, form));
            for (name, value) in map {
                if let Some(field) = present(name, value) {
                    set.push(whole(Shape::of_field(field), field_element(field), value, form));
                }
            }
            let missing = st.implicit_fields().filter(|field| form == Form::Object && !map.contains_key(&*field.name));
            for field in missing {
                let value = field.implicit.as_ref().unwrap_or(&Value::Null);
                set.push(whole(Shape::of_field(field), field_element(field), value, form));
            }
        }
        Shape::Map(_) | Shape::Open => {
            let inner = if let Shape::Map(ty) = shape { Shape::of_type(ty) } else { Shape::Opaque };
            for (name, value) in entries(value).into_iter().flatten() {
                set.push(whole(inner, PathElement::field(name), value, form));
            }
        }
        Shape::Set(_) | Shape::Keyed(..) => {
            for (element, values) in groups(&ordered(shape, items(value))) {
                match values {
                    [(_, one)] => set.push(whole(item_shape(shape), element.clone(), one, form)),
                    _ => set.push(Node::leaf(element.clone())),
                }
            }
        }
        Shape::Scalar(_) | Shape::Atomic(_) | Shape::Opaque => {}
    }
    set
}
