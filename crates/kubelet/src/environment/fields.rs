//! The downward API: fields of the pod and resources of its containers as text
//! (`podFieldSelectorRuntimeValue` and `pkg/api/v1/resource` upstream).

use api::k8s::api::core::v1::{Container, Pod, ResourceFieldSelector};
use api::k8s::apimachinery::pkg::api::resource::Quantity;

use super::ConfigError;

/// What the host contributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The node's address.
    pub ip: String,
    /// The pod's address.
    pub pod_ip: String,
    /// CPUs of the node, the default of `limits.cpu`.
    pub cpus: u64,
    /// Memory of the node in bytes, the default of `limits.memory`.
    pub memory_bytes: u64,
}

pub(super) fn field(pod: &Pod, host: &Host, path: &str) -> Result<String, ConfigError> {
    let (metadata, spec) = (&pod.metadata, pod.spec.as_ref());
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => &metadata.labels,
            "metadata.annotations" => &metadata.annotations,
            _ => return Err(ConfigError::Field(path.to_owned())),
        };
        return Ok(map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default());
    }
    let value = match path {
        "metadata.name" => metadata.name.clone(),
        "metadata.namespace" => metadata.namespace.clone(),
        "metadata.uid" => metadata.uid.clone(),
        "spec.nodeName" => spec.and_then(|spec| spec.node_name.clone()),
        "spec.serviceAccountName" => spec.and_then(|spec| spec.service_account_name.clone()),
        "status.hostIP" | "status.hostIPs" => Some(host.ip.clone()),
        "status.podIP" | "status.podIPs" => Some(host.pod_ip.clone()),
        _ => return Err(ConfigError::Field(path.to_owned())),
    };
    Ok(value.unwrap_or_default())
}

/// As [`field`], and whole maps too, one `key="value"` to a line (`FormatMap`).
pub(super) fn file(pod: &Pod, host: &Host, path: &str) -> Result<String, ConfigError> {
    let map = match path {
        "metadata.labels" => &pod.metadata.labels,
        "metadata.annotations" => &pod.metadata.annotations,
        _ => return field(pod, host, path),
    };
    let lines: Vec<String> = map.iter().flatten().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
    Ok(lines.join("\n"))
}

/// A text in quotes as Go writes it (`strconv.Quote`).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            control if (control as u32) < 0x20 || control as u32 == 0x7f => {
                out.push_str(&format!("\\x{:02x}", control as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Splits `metadata.labels['key']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

pub(super) fn resource(
    pod: &Pod,
    container: &Container,
    host: &Host,
    selector: &ResourceFieldSelector,
) -> Result<String, ConfigError> {
    let spec = pod.spec.as_ref();
    let of = match selector.container_name.as_deref() {
        None | Some("") => container,
        Some(name) => spec
            .and_then(|spec| {
                spec.containers.iter().chain(spec.init_containers.iter().flatten()).find(|c| c.name == name)
            })
            .ok_or_else(|| ConfigError::Resource(selector.resource.clone()))?,
    };
    let unsupported = || ConfigError::Resource(selector.resource.clone());
    let (list, name) = selector.resource.split_once('.').ok_or_else(unsupported)?;
    let limit = || quantity(of, true, name).map(|quantity| (quantity, true));
    let given = match list {
        "limits" => limit(),
        "requests" => quantity(of, false, name).or_else(|| quantity(of, true, name)).map(|quantity| (quantity, true)),
        _ => return Err(unsupported()),
    };
    let milli = match (given, list, name) {
        (Some((quantity, _)), ..) => milli(quantity).ok_or_else(unsupported)?,
        (None, "limits", "cpu") => i128::from(host.cpus) * 1000,
        (None, "limits", "memory") => i128::from(host.memory_bytes) * 1000,
        (None, "requests", "cpu" | "memory") | (None, _, "ephemeral-storage") => 0,
        (None, ..) => return Err(unsupported()),
    };
    let divisor = selector.divisor.as_ref().and_then(milli_of).filter(|divisor| *divisor > 0).unwrap_or(1000);
    // Rounded up, as upstream's `convertResourceToString` helpers do.
    Ok(((milli + divisor - 1) / divisor).to_string())
}

fn milli_of(quantity: &Quantity) -> Option<i128> {
    milli(quantity)
}

fn quantity<'a>(container: &'a Container, limits: bool, name: &str) -> Option<&'a Quantity> {
    let resources = container.resources.as_ref()?;
    let list = if limits { &resources.limits } else { &resources.requests };
    list.as_ref()?.get(name)
}

/// The bytes that a container may hold in memory, if there is a limit (`resources.limits.memory`).
pub(crate) fn memory_limit(container: &Container) -> Option<u64> {
    let milli = milli(quantity(container, true, "memory")?)?;
    u64::try_from(milli / 1000).ok().filter(|bytes| *bytes > 0)
}

/// A quantity in thousandths, rounded up.
fn milli(quantity: &Quantity) -> Option<i128> {
    let text = quantity.0.as_str();
    let split = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let (factor, divisor): (i128, i128) = match suffix {
        "" => (1000, 1),
        "n" => (1, 1_000_000),
        "u" => (1, 1000),
        "m" => (1, 1),
        "k" => (1_000_000, 1),
        "M" => (1_000_000_000, 1),
        "G" => (1_000_000_000_000, 1),
        "T" => (1_000_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000_000, 1),
        "Ki" => (1000 << 10, 1),
        "Mi" => (1000 << 20, 1),
        "Gi" => (1000 << 30, 1),
        "Ti" => (1000 << 40, 1),
        "Pi" => (1000 << 50, 1),
        "Ei" => (1000 << 60, 1),
        exponent => match exponent.strip_prefix(['e', 'E'])?.parse::<i32>().ok()? {
            power @ 0..=18 => (1000 * 10_i128.pow(power.unsigned_abs()), 1),
            power @ -18..0 => (1000, 10_i128.pow(power.unsigned_abs())),
            _ => return None,
        },
    };
    let divisor = divisor.checked_mul(10_i128.checked_pow(places)?)?;
    Some((digits.checked_mul(factor)? + divisor - 1) / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_thousandths() {
        let cases = [
            ("1", 1000),
            ("250m", 250),
            ("0.5", 500),
            ("1.5Gi", 1_610_612_736_000),
            ("64Mi", 67_108_864_000),
            ("1e3", 1_000_000),
            ("100n", 1),
            ("2k", 2_000_000),
        ];
        for (text, expected) in cases {
            assert_eq!(milli(&Quantity(text.to_owned())), Some(expected), "{text}");
        }
        assert_eq!(milli(&Quantity("x".to_owned())), None);
    }
}
