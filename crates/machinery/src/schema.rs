//! The compiled schema of every served kind: its types, their fields, and how lists and maps of them merge.
//!
//! The types come from the JSON schemas of `k8s-openapi`; what those lack (list types, merge keys, the names of Go
//! types) comes from the table `schema/markers.txt`. The schema is compiled once per process, on first use, and never
//! changes. It does not hold descriptions: those are asked for once, by [`crate::openapi`], through [`definitions`].
//!
//! Invariant: every [`Type::Struct`] names a struct that exists.

mod compile;
mod kinds;
mod markers;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

use api::Kind;

pub use kinds::{Served, definitions, served};

/// The number of a struct in the schema; turn it into the struct with [`get`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StructId(u32);

/// The type of a field, an item or a map's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer.
    Int64,
    /// A truth value.
    Bool,
    /// A floating-point number.
    Number,
    /// `resource.Quantity`: text such as `500m`; numbers are accepted and become text.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `metav1.Time`: RFC 3339, whole seconds.
    Time,
    /// `metav1.MicroTime`: RFC 3339, six digits of fraction.
    MicroTime,
    /// Bytes, as base64 text.
    Bytes,
    /// Any JSON (`runtime.RawExtension`, `metav1.FieldsV1`).
    Any,
    /// A map from text to values of one type.
    Map(Box<Type>),
    /// A list of items of one type.
    List(Box<Type>),
    /// A struct.
    Struct(StructId),
}

/// `x-kubernetes-list-type`: how server-side apply merges a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListType {
    /// As one value; what a list without a marker is as well.
    Atomic,
    /// As a set of scalars.
    Set,
    /// As a map, by the values of these fields of the items.
    Map(Vec<Box<str>>),
}

/// How a strategic merge patch merges a list (`x-kubernetes-patch-strategy: merge`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeKey {
    /// Items are scalars; the lists are united.
    Primitive,
    /// Items are structs told apart by this field.
    Field(Box<str>),
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// The JSON name.
    pub name: Box<str>,
    /// The type.
    pub ty: Type,
    /// For server-side apply, when the field is a list that upstream marks.
    pub list: Option<ListType>,
    /// For strategic merge, when the list merges; a list without it is replaced.
    pub merge: Option<MergeKey>,
    /// Whether the patch strategy has `retainKeys`: a `$retainKeys` directive may come with it.
    pub retain_keys: bool,
    /// Whether server-side apply treats this map or struct as one value (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// The value that upstream's Go object has for this field when the JSON lacks it: `{}` for a struct held by value, the
    /// default of a key field. Server-side apply compares objects as if it were there.
    pub implicit: Option<serde_json::Value>,
    /// Upstream's patch strategy as spelled in OpenAPI, such as `merge,retainKeys`.
    pub patch_strategy: Option<Box<str>>,
    /// The named Go type (`v1.RestartPolicy`), when it differs from the plain one.
    go_type: Option<Box<str>>,
}

impl Field {
    /// The Go type of the field as `encoding/json` names it in errors: `int32`, `[]v1.Container`, `v1.RestartPolicy`.
    pub fn go_type(&self) -> String {
        self.go_type.as_deref().map_or_else(|| self.ty.go_type(), str::to_owned)
    }
}

impl Type {
    /// The plain Go type, as `reflect.Type.String` prints it.
    pub fn go_type(&self) -> String {
        match self {
            Self::String | Self::Time | Self::MicroTime => "string".to_owned(),
            Self::Int32 | Self::IntOrString => "int32".to_owned(),
            Self::Int64 => "int64".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Number => "float64".to_owned(),
            Self::Quantity => "resource.Quantity".to_owned(),
            Self::Bytes => "[]uint8".to_owned(),
            Self::Any => "interface {}".to_owned(),
            Self::Map(value) => format!("map[string]{}", value.go_type()),
            Self::List(item) => format!("[]{}", item.go_type()),
            Self::Struct(id) => {
                let st = get(*id);
                format!("{}.{}", st.go_package(), st.go_name())
            }
        }
    }

    /// The struct behind a struct, a list of structs or a map of structs.
    pub fn element_struct(&self) -> Option<&'static Struct> {
        match self {
            Self::Struct(id) => Some(get(*id)),
            Self::List(inner) | Self::Map(inner) => inner.element_struct(),
            _ => None,
        }
    }
}

/// A struct and its fields.
#[derive(Clone, Debug)]
pub struct Struct {
    /// The definition's name, such as `io.k8s.api.batch.v1.JobSpec`.
    pub name: Box<str>,
    /// The fields, ordered by name.
    pub fields: Vec<Field>,
    /// Whether server-side apply treats every value of this type as one (`+structType=atomic`).
    pub atomic: bool,
    /// The positions of the fields that have an implicit value.
    implicit: Vec<usize>,
}

impl Struct {
    /// The field of that JSON name; names are case-sensitive, as upstream's decoder takes them.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| (*field.name).cmp(name)).ok()?;
        Some(&self.fields[index])
    }

    /// The fields that have an implicit value.
    pub fn implicit_fields(&self) -> impl Iterator<Item = &Field> {
        self.implicit.iter().map(|index| &self.fields[*index])
    }

    /// The Go name: `JobSpec`.
    pub fn go_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// The Go package: `v1`.
    fn go_package(&self) -> &str {
        self.name.rsplit('.').nth(1).unwrap_or_default()
    }
}

/// All structs and the kinds that start from them.
pub(crate) struct Schema {
    structs: Vec<Struct>,
    by_name: HashMap<Box<str>, StructId>,
    kinds: Vec<(Kind, StructId)>,
}

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| compile::compile(&definitions(), served()))
}

/// The struct of that number.
pub fn get(id: StructId) -> &'static Struct {
    &schema().structs[id.0 as usize]
}

/// The struct of that definition name, such as `io.k8s.api.batch.v1.JobSpec`.
pub fn named(name: &str) -> Option<&'static Struct> {
    schema().by_name.get(name).map(|id| get(*id))
}

/// The struct of a served kind. `DeleteOptions` is known under every group and version, as upstream registers it.
pub fn of_kind(kind: &Kind) -> Option<&'static Struct> {
    let same = |known: &Kind| {
        known.kind == kind.kind
            && (known.kind == "DeleteOptions" || (known.group == kind.group && known.version == kind.version))
    };
    schema().kinds.iter().find(|(known, _)| same(known)).map(|(_, id)| get(*id))
}

/// A field of a struct named by its definition.
pub fn field(type_name: &str, field: &str) -> Option<&'static Field> {
    named(type_name)?.field(field)
}

/// The field at the end of a path of JSON names, stepping through lists and maps of structs: what
/// `["spec", "template", "spec", "containers"]` means for a kind.
pub fn field_at<'a>(kind: &Kind, path: impl IntoIterator<Item = &'a str>) -> Option<&'static Field> {
    let mut at = of_kind(kind);
    let mut found = None;
    for name in path {
        let field = at?.field(name)?;
        at = field.ty.element_struct();
        found = Some(field);
    }
    found
}

/// Every struct of the schema, for tests and tools.
pub fn structs() -> &'static [Struct] {
    &schema().structs
}
