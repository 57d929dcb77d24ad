//! Named amounts (`ResourceList`) and how upstream reckons with them (`k8s.io/apiserver/pkg/quota/v1/resources.go`).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::quantity::Quantity;

/// Amounts by the name of their resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Amounts(pub BTreeMap<String, Quantity>);

impl Amounts {
    /// Reads a list of an object; what is no quantity is passed over.
    pub(crate) fn of(list: Option<&Value>) -> Self {
        let entries = list.and_then(Value::as_object).into_iter().flatten();
        Self(entries.filter_map(|(name, value)| Some((name.clone(), Quantity::of(value).ok()?))).collect())
    }

    /// As an object carries it.
    pub fn to_value(&self) -> Value {
        self.0.iter().map(|(name, amount)| (name.clone(), Value::from(amount.to_string()))).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Quantity> {
        self.0.get(name).copied()
    }

    pub(crate) fn set(&mut self, name: impl Into<String>, amount: Quantity) {
        self.0.insert(name.into(), amount);
    }

    /// Adds each amount to the one of the same name.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let sum = self.get(name).map_or(*amount, |own| own.plus(amount));
            self.set(name.as_str(), sum);
        }
    }

    /// Raises each amount to the other one of the same name.
    pub(crate) fn raise_to(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            if self.get(name).is_none_or(|own| own.nanos() < amount.nanos()) {
                self.set(name.as_str(), *amount);
            }
        }
    }

    /// What there is more than in another list; never less than nothing.
    pub(crate) fn beyond(&self, other: &Self) -> Self {
        let more = |(name, amount): (&String, &Quantity)| {
            let left = other.get(name).map_or(*amount, |other| amount.minus_down_to_zero(other));
            (name.clone(), left)
        };
        Self(self.0.iter().map(more).collect())
    }

    /// The amounts whose name passes.
    pub(crate) fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).map(|(name, amount)| (name.clone(), *amount)).collect())
    }

    /// `a=1,b=2`.
    pub(crate) fn show(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        parts.join(",")
    }
}
