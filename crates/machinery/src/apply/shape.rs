//! How values of a type merge: upstream's schema atoms, read off the compiled schema.

use fields::{Name, PathElement};
use serde_json::{Map, Value};

use crate::schema::{self, Field, ListType, Struct, Type};

/// How a value merges.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// One scalar.
    Scalar(&'static Type),
    /// A list, map or struct that is one value. What is inside matters to validation only.
    Atomic(&'static Type),
    /// Field by field.
    Struct(&'static Struct),
    /// Entry by entry.
    Map(&'static Type),
    /// Any JSON object, entry by entry; each entry is one value.
    Open,
    /// Any JSON value, as one.
    Opaque,
    /// A list of scalars without order.
    Set(&'static Type),
    /// A list of structs told apart by these fields.
    Keyed(&'static Struct, &'static [Box<str>]),
}

impl Shape {
    /// The shape of a field.
    pub(super) fn of_field(field: &'static Field) -> Self {
        match (&field.ty, &field.list) {
            (ty @ (Type::Map(_) | Type::Struct(_)), _) if field.atomic => Self::Atomic(ty),
            (Type::List(item), Some(ListType::Set)) => Self::Set(item),
            (Type::List(item), Some(ListType::Map(keys))) => match item.element_struct() {
                Some(st) => Self::Keyed(st, keys),
                None => Self::Atomic(&field.ty),
            },
            (ty, _) => Self::of_type(ty),
        }
    }

    /// The shape of an item or of a map's value, which no marker speaks of.
    pub(super) fn of_type(ty: &'static Type) -> Self {
        match ty {
            Type::Struct(id) => match schema::get(*id) {
                st if st.atomic => Self::Atomic(ty),
                st => Self::Struct(st),
            },
            Type::Map(value) => Self::Map(value),
            Type::List(_) => Self::Atomic(ty),
            Type::Any => Self::Open,
            _ => Self::Scalar(ty),
        }
    }

    /// The shape below a path element, and whether the element is a declared field.
    pub(super) fn below(self, element: &PathElement) -> Option<(Self, bool)> {
        match (self, element) {
            (Self::Struct(st), PathElement::Field(name)) => Some((Self::of_field(st.field(name)?), true)),
            (Self::Map(value), PathElement::Field(_)) => Some((Self::of_type(value), false)),
            (Self::Open, PathElement::Field(_)) => Some((Self::Opaque, false)),
            (Self::Keyed(st, _), PathElement::Key(_)) => Some((Self::Struct(st), false)),
            _ => None,
        }
    }

    /// Whether both values together are one leaf: scalars, atomic values, and collections that are empty on both
    /// sides, so that the difference between empty and null is kept.
    pub(super) fn is_leaf(self, lhs: &Value, rhs: &Value) -> bool {
        match self {
            Self::Scalar(_) | Self::Atomic(_) | Self::Opaque => true,
            Self::Struct(_) | Self::Map(_) | Self::Open => {
                entries(lhs).is_none_or(Map::is_empty) && entries(rhs).is_none_or(Map::is_empty)
            }
            Self::Set(_) | Self::Keyed(..) => items(lhs).is_empty() && items(rhs).is_empty(),
        }
    }
}

/// The entries of a map; null has none.
pub(super) fn entries(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object()
}

/// The items of a list; null has none.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The name of a field as a path element.
pub(super) fn field_element(field: &'static Field) -> PathElement {
    PathElement::Field(Name::Static(&field.name))
}

/// The path element of a list's item.
///
/// # Errors
/// Upstream's words when the item has none.
pub(super) fn item_element(shape: Shape, item: &Value) -> Result<PathElement, String> {
    match shape {
        Shape::Set(_) => match item {
            Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
            Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
            Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
            scalar => Ok(PathElement::value(scalar.clone())),
        },
        Shape::Keyed(st, keys) => match item {
            Value::Null => Err("associative list with keys may not have a null element".to_owned()),
            Value::Object(entries) => keyed(st, keys, entries),
            _ => Err("associative list with keys may not have non-map elements".to_owned()),
        },
        _ => Err("invalid indexing of non-associative list".to_owned()),
    }
}

fn keyed(st: &'static Struct, keys: &'static [Box<str>], entries: &Map<String, Value>) -> Result<PathElement, String> {
    let of = |key: &'static str| {
        let value = entries.get(key).or_else(|| st.field(key)?.implicit.as_ref())?;
        Some((Name::Static(key), value.clone()))
    };
    if let [key] = keys
        && let Some((name, value)) = of(key)
    {
        return Ok(PathElement::single_key(name, value));
    }
    let found: Vec<_> = keys.iter().filter_map(|key| of(key)).collect();
    if found.is_empty() {
        let names: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
            names.join(" ")
        ));
    }
    Ok(PathElement::key(found))
}
