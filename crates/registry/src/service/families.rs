//! Cluster addresses, IP families and how they go together (`ValidateServiceClusterIPsRelatedFields`,
//! `validateUpgradeDowngradeClusterIPs`, `validateUpgradeDowngradeIPFamilies`).

use api::field::{FieldErrors, Path};
use serde_json::Value;

use super::kind::is_headless;
use crate::fields::{get, items, text};
use crate::ip;

const FAMILIES: [&str; 2] = ["IPv4", "IPv6"];
const POLICIES: [&str; 3] = ["PreferDualStack", "RequireDualStack", "SingleStack"];

/// The texts of a list.
pub(super) fn texts<'a>(spec: &'a Value, list: &str) -> Vec<&'a str> {
    items(spec, list).iter().filter_map(Value::as_str).collect()
}

fn shown(spec: &Value, list: &str) -> Value {
    spec.get(list).cloned().unwrap_or(Value::Null)
}

/// The family of an address.
pub(super) fn family_of(address: &str) -> &'static str {
    if ip::is_v6(address) { "IPv6" } else { "IPv4" }
}

/// What is wrong with the addresses and families of one spec.
pub(super) fn validate(errors: &mut FieldErrors, new: &Value, old: Option<&Value>) {
    if text(new, "type") == "ExternalName" {
        return;
    }
    let path = Path::new("spec");
    let at = path.child("clusterIPs");
    let (address, addresses) = (text(new, "clusterIP"), texts(new, "clusterIPs"));
    match addresses.first() {
        None if !address.is_empty() => errors.push(at.required("")),
        Some(first) if !address.is_empty() && *first != address => {
            errors.push(at.invalid(shown(new, "clusterIPs"), "first value must match `clusterIP`"));
        }
        Some(_) if address.is_empty() => {
            errors.push(at.invalid(shown(new, "clusterIPs"), "must be empty when `clusterIP` is not specified"));
        }
        _ => {}
    }
    validate_families(errors, &path, new);
    if validate_addresses(errors, &at, new, old) {
        match_families(errors, &at, new);
    }
}

fn validate_families(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let families = texts(spec, "ipFamilies");
    for (index, family) in families.iter().enumerate() {
        let path = path.child("ipFamilies").index(index);
        if !FAMILIES.contains(family) {
            errors.push(path.not_supported(*family, &FAMILIES));
        }
        if families[..index].contains(family) {
            errors.push(path.duplicate(*family));
        }
    }
    if let Some(policy) = get(spec, "ipFamilyPolicy").and_then(Value::as_str)
        && !POLICIES.contains(&policy)
    {
        errors.push(path.child("ipFamilyPolicy").not_supported(policy, &POLICIES));
    }
}

/// Returns whether every address can be read, so that it makes sense to look on.
fn validate_addresses(errors: &mut FieldErrors, path: &Path, new: &Value, old: Option<&Value>) -> bool {
    let addresses = texts(new, "clusterIPs");
    let known = old.map(|old| texts(old, "clusterIPs")).unwrap_or_default();
    let mut right = true;
    for (index, address) in addresses.iter().enumerate() {
        if index == 0 && *address == "None" {
            if addresses.len() > 1 {
                right = false;
                errors.push(path.invalid(shown(new, "clusterIPs"), "'None' must be the first and only value"));
            }
            continue;
        }
        right &= ip::validate(errors, &path.index(index), address, &known);
    }
    if addresses.len() > 2 {
        errors.push(path.invalid(shown(new, "clusterIPs"), "may only hold up to 2 values"));
    }
    right
}

fn match_families(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let (addresses, families) = (texts(spec, "clusterIPs"), texts(spec, "ipFamilies"));
    if let [first, rest @ ..] = addresses.as_slice()
        && rest.iter().any(|other| family_of(other) == family_of(first))
    {
        let detail = "may specify no more than one IP for each IP family";
        errors.push(path.invalid(shown(spec, "clusterIPs"), detail));
    }
    if is_headless(spec) {
        return;
    }
    for (index, (address, family)) in addresses.iter().zip(families).enumerate() {
        if FAMILIES.contains(&family) && family != family_of(address) {
            let detail = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(path.index(index).invalid(*address, detail));
        }
    }
}

/// What an update may not do to addresses and families.
pub(super) fn validate_change(errors: &mut FieldErrors, new: &Value, old: &Value) {
    if text(new, "type") == "ExternalName" || text(old, "type") == "ExternalName" {
        return;
    }
    let (was, is) = (is_headless(old), is_headless(new));
    let path = Path::new("spec");
    if !(was && is) {
        let rule = Rule { list: "clusterIPs", unset: "primary clusterIP can not be unset", released: "clusterIP" };
        rule.check(errors, &path, new, old);
    }
    if !was && !is {
        let rule = Rule { list: "ipFamilies", unset: "primary ipFamily can not be unset", released: "ipFamily" };
        rule.check(errors, &path, new, old);
    }
}

/// A list whose first item stays, and whose second may come and go.
struct Rule {
    list: &'static str,
    unset: &'static str,
    released: &'static str,
}

impl Rule {
    fn check(&self, errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
        let (before, after) = (texts(old, self.list), texts(new, self.list));
        let list = path.child(self.list);
        let families = self.list == "ipFamilies";
        if before.len() == after.len() {
            for (index, _) in before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after) {
                let at = list.index(if families { 0 } else { index });
                errors.push(at.invalid(shown(new, self.list), "may not change once set"));
            }
            return;
        }
        if after.is_empty() && !before.is_empty() {
            errors.push(list.index(0).invalid(shown(new, self.list), self.unset));
        }
        if let (Some(before), Some(after)) = (before.first(), after.first())
            && before != after
        {
            // Upstream shows the addresses for both lists here.
            errors.push(list.index(0).invalid(shown(new, "clusterIPs"), "may not change once set"));
        }
        if before.len() > after.len() && after.len() == 1 && text(new, "ipFamilyPolicy") != "SingleStack" {
            let detail = format!("must be set to 'SingleStack' when releasing the secondary {}", self.released);
            errors.push(path.child("ipFamilyPolicy").invalid(shown(new, "ipFamilyPolicy"), detail));
        }
    }
}
