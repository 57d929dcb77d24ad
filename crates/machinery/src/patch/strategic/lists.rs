//! How lists merge: lists of scalars as sets, lists of maps by a key, all others by replacement.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::failure::{self, Failure};
use super::order::{Identity, Positions, arrange};
use super::{DIRECTIVE, key_of, merge_map, without_directives};
use crate::patch::gotext;
use crate::schema::{Field, Struct};

/// What the schema says of a list.
pub(super) struct Schema {
    /// Whether patches merge into the list.
    merges: bool,
    /// What tells items apart that are maps.
    pub(super) key: Option<&'static str>,
    /// The type of the items.
    element: Option<&'static Struct>,
}

impl Schema {
    pub(super) fn of(field: &'static Field) -> Self {
        let merge = field.merge.as_ref();
        Self { merges: merge.is_some(), key: key_of(merge), element: field.ty.element_struct() }
    }
}

/// Merges a list of the patch that comes with an order. `None` when there is no such list.
pub(super) fn merge_ordered(
    old: Option<Vec<Value>>,
    new: Option<Vec<Value>>,
    order: &[Value],
    list: &Schema,
) -> Result<Option<Vec<Value>>, Failure> {
    if old.is_none() && new.is_none() {
        return Ok(None);
    }
    let of_maps = element_kind(&[old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default()]);
    let server_order = Positions::of_server(old.as_deref().unwrap_or_default(), list.key);
    let merged = match (old, new) {
        (Some(old), Some(new)) => merge(old, new, list, false)?,
        (Some(items), None) => items,
        (None, new) => new.into_iter().flatten().filter_map(without_directives).collect(),
    };
    let of_maps = of_maps?;
    if of_maps && list.key.is_none() {
        return Err(no_key());
    }
    arrange(merged, &Positions::of_patch(order, list.key)?, &server_order, list.key).map(Some)
}

/// Merges two lists; `deletes` is set for the values of `$deleteFromPrimitiveList`, whatever the list's strategy.
pub(super) fn merge(old: Vec<Value>, new: Vec<Value>, list: &Schema, deletes: bool) -> Result<Vec<Value>, Failure> {
    if !list.merges && !deletes {
        return Ok(new);
    }
    if old.is_empty() && new.is_empty() {
        return Ok(old);
    }
    let of_maps = element_kind(&[&old, &new])?;
    if !of_maps {
        return if deletes { Ok(without(old, &new)) } else { unite(old, new, list.key) };
    }
    let key = list.key.ok_or_else(no_key)?;
    let Specials { plain, deleted, replaces } = take_specials(new, key)?;
    let (kept, plain) = if replaces { (plain, Vec::new()) } else { (without_keys(old, key, &deleted), plain) };
    let server_order = Positions::of_server(&kept, list.key);
    let patch_order = Positions::of_patch(&plain, list.key)?;
    let merged = merge_items(kept, plain, key, list.element)?;
    arrange(merged, &patch_order, &server_order, list.key)
}

fn no_key() -> Failure {
    Failure::Other("cannot merge lists without merge key for struct".to_owned())
}

/// Whether the items are maps. All must be of one type, and none a list.
fn element_kind(lists: &[&[Value]]) -> Result<bool, Failure> {
    let mut first = None;
    for item in lists.iter().flat_map(|list| list.iter()) {
        let first = first.get_or_insert(item);
        if first.is_array() {
            return Err(Failure::ListOfLists);
        }
        if gotext::type_name(first) != gotext::type_name(item) {
            let lists: Vec<String> = lists.iter().map(|list| gotext::print_list(list)).collect();
            return Err(Failure::Other(format!("list element types are not identical: [{}]", lists.join(" "))));
        }
    }
    let first = first.ok_or_else(|| Failure::Other("no elements in any of the given slices".to_owned()))?;
    Ok(first.is_object())
}

/// A list of scalars without the items of another.
fn without(mut items: Vec<Value>, gone: &[Value]) -> Vec<Value> {
    let gone: HashSet<Identity> = gone.iter().filter_map(Identity::of).collect();
    items.retain(|item| Identity::of(item).is_none_or(|identity| !gone.contains(&identity)));
    items
}

/// Two lists of scalars as one set.
fn unite(old: Vec<Value>, new: Vec<Value>, key: Option<&'static str>) -> Result<Vec<Value>, Failure> {
    if key.is_some() {
        let first = new.first().or(old.first()).unwrap_or(&Value::Null);
        return Err(Failure::bad_type("map[string]interface {}", first));
    }
    let (server_order, patch_order) = (Positions::of_server(&old, None), Positions::of_patch(&new, None)?);
    let mut seen = HashSet::new();
    let mut merged = old;
    merged.extend(new);
    merged.retain(|item| Identity::of(item).is_none_or(|identity| seen.insert(identity)));
    arrange(merged, &patch_order, &server_order, None)
}

/// A patch's list, taken apart.
#[derive(Default)]
struct Specials {
    /// Items without directives.
    plain: Vec<Value>,
    /// The keys of items that are to go.
    deleted: HashSet<Identity>,
    /// Whether the plain items are the whole list from now on.
    replaces: bool,
}

fn take_specials(patch: Vec<Value>, key: &str) -> Result<Specials, Failure> {
    let mut specials = Specials::default();
    for item in patch {
        let map = failure::map(&item)?;
        let Some(directive) = map.get(DIRECTIVE) else {
            specials.plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let value = map.get(key).ok_or_else(|| Failure::no_merge_key(map, key))?;
                specials.deleted.extend(Identity::of(value));
            }
            Some("replace") => specials.replaces = true,
            Some("merge") => {
                return Err(Failure::Other("merging lists cannot yet be specified in the patch".to_owned()));
            }
            _ => return Err(Failure::bad_directive(directive, map)),
        }
    }
    Ok(specials)
}

fn without_keys(mut items: Vec<Value>, key: &str, gone: &HashSet<Identity>) -> Vec<Value> {
    if !gone.is_empty() {
        let is_gone = |item: &Value| item.get(key).and_then(Identity::of).is_some_and(|value| gone.contains(&value));
        items.retain(|item| !is_gone(item));
    }
    items
}

/// Merges items into those of the same key; the others go to the end, as they are.
fn merge_items(
    mut items: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    element: Option<&'static Struct>,
) -> Result<Vec<Value>, Failure> {
    let mut by_key: HashMap<Identity, usize> = HashMap::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if let Some(identity) = item.get(key).and_then(Identity::of) {
            by_key.entry(identity).or_insert(index);
        }
    }
    for item in patch {
        let Value::Object(new) = item else { continue };
        let identity = identity_of(&new, key)?;
        let known = identity.as_ref().and_then(|identity| by_key.get(identity)).copied();
        match known.and_then(|index| items[index].as_object_mut()) {
            Some(old) => merge_map(old, new, element)?,
            None => {
                if let Some(identity) = identity {
                    by_key.insert(identity, items.len());
                }
                items.push(Value::Object(new));
            }
        }
    }
    Ok(items)
}

fn identity_of(item: &Map<String, Value>, key: &str) -> Result<Option<Identity>, Failure> {
    item.get(key).map(Identity::of).ok_or_else(|| Failure::no_merge_key(item, key))
}
