//! The order of merged lists: what the patch orders stands in its order, what only the server has keeps its place
//! before the items that followed it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::DIRECTIVE;
use super::failure::{self, Failure};
use crate::patch::gotext;

/// A scalar that tells items apart. Maps and lists are equal to nothing: Go cannot compare them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Box<str>),
}

impl Identity {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(Self::Text(text.as_str().into())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What tells an item of a list apart: itself, or its merge key.
    fn of_item(item: &Value, key: Option<&str>) -> Option<Self> {
        match key {
            None => Self::of(item),
            Some(key) => Self::of(item.get(key)?),
        }
    }
}

/// Where items stand in a list, by what tells them apart; of equals, the first counts.
pub(super) struct Positions(HashMap<Identity, usize>);

impl Positions {
    /// The positions in a list of the object, which has passed validation.
    pub(super) fn of_server(items: &[Value], key: Option<&str>) -> Self {
        let mut positions = HashMap::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if let Some(identity) = Identity::of_item(item, key) {
                positions.entry(identity).or_insert(index);
            }
        }
        Self(positions)
    }

    /// The positions in a list of the patch, whose items must be maps with the key when there is one.
    pub(super) fn of_patch(items: &[Value], key: Option<&str>) -> Result<Self, Failure> {
        if let Some(key) = key {
            for (index, item) in items.iter().enumerate() {
                let not_map = || Failure::Other(format!("value for key {index} is not a map"));
                let map = item.as_object().ok_or_else(not_map)?;
                require_key(map, key)?;
            }
        }
        Ok(Self::of_server(items, key))
    }

    fn find(&self, item: &Value, key: Option<&str>) -> Option<usize> {
        self.0.get(&Identity::of_item(item, key)?).copied()
    }
}

fn require_key<'a>(item: &'a Map<String, Value>, key: &str) -> Result<&'a Value, Failure> {
    item.get(key).ok_or_else(|| Failure::no_merge_key(item, key))
}

/// An item with its place in the patch's order and in the server's.
struct Placed {
    item: Value,
    wanted: Option<usize>,
    found: Option<usize>,
}

/// Puts merged items into order.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch_order: &Positions,
    server_order: &Positions,
    key: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let mut placed = Vec::with_capacity(merged.len());
    for item in merged {
        if let Some(key) = key {
            require_key(failure::map(&item)?, key)?;
        }
        let (wanted, found) = (patch_order.find(&item, key), server_order.find(&item, key));
        placed.push(Placed { item, wanted, found });
    }
    let (mut ordered, mut others): (Vec<Placed>, Vec<Placed>) =
        placed.into_iter().partition(|placed| placed.wanted.is_some());
    ordered.sort_by_key(|placed| placed.wanted);
    others.sort_by_key(|placed| placed.found.unwrap_or(usize::MAX));
    let mut arranged = Vec::with_capacity(ordered.len() + others.len());
    let mut others = others.into_iter().peekable();
    for next in ordered {
        let precedes = |other: &Placed| matches!((other.found, next.found), (Some(other), Some(next)) if other < next);
        while let Some(other) = others.next_if(precedes) {
            arranged.push(other.item);
        }
        arranged.push(next.item);
    }
    arranged.extend(others.map(|other| other.item));
    Ok(arranged)
}

/// A patch's list must be a part of its order, in the same sequence; items that are to go need not be.
pub(super) fn validate(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), Failure> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut order_left = order.iter();
    for item in patch {
        if key.is_some() {
            failure::map(item)?;
        }
        if item.get(DIRECTIVE).is_some() {
            continue;
        }
        loop {
            let Some(next) = order_left.next() else { return Err(mismatch(patch, order)) };
            if is_same(item, next, key)? {
                break;
            }
        }
    }
    Ok(())
}

fn is_same(item: &Value, other: &Value, key: Option<&str>) -> Result<bool, Failure> {
    let Some(key) = key else { return Ok(item == other) };
    let (item, other) = (failure::map(item)?, failure::map(other)?);
    Ok(require_key(item, key)? == require_key(other, key)?)
}

fn mismatch(patch: &[Value], order: &[Value]) -> Failure {
    let (patch, order) = (gotext::print_list(patch), gotext::print_list(order));
    Failure::Other(format!("The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n"))
}
