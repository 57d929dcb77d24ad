//! The text of a pod's `/etc/resolv.conf`: the host's with what the pod's `dnsConfig` adds, or that alone under the policy
//! `None` (`pkg/kubelet/network/dns/dns.go`). Pure.
//!
//! Differs: there is no name server of the cluster. As upstream does where its kubelet knows none, pods of the policy
//! `ClusterFirst` look names up as their host does; the names of Services are in their hosts file (`crate::names`).

use api::k8s::api::core::v1::PodSpec;

/// Whether a pod's differs from the host's.
pub(crate) fn is_needed(spec: &PodSpec) -> bool {
    spec.dns_config.is_some() || spec.dns_policy.as_deref() == Some("None")
}

/// What a file says.
#[derive(Default)]
struct Resolver {
    servers: Vec<String>,
    searches: Vec<String>,
    options: Vec<String>,
}

/// The pod's text; `of_host` is the host's.
pub(crate) fn text(spec: &PodSpec, of_host: &str) -> String {
    let mut resolver = match spec.dns_policy.as_deref() {
        Some("None") => Resolver::default(),
        _ => read(of_host),
    };
    if let Some(config) = &spec.dns_config {
        add(&mut resolver.servers, config.nameservers.iter().flatten());
        add(&mut resolver.searches, config.searches.iter().flatten());
        for option in config.options.iter().flatten() {
            let Some(name) = &option.name else { continue };
            // A later option goes before one of the same name.
            resolver.options.retain(|known| known.split(':').next() != Some(name));
            resolver.options.push(match option.value.as_deref() {
                None | Some("") => name.clone(),
                Some(value) => format!("{name}:{value}"),
            });
        }
    }
    let mut text = String::new();
    for (keyword, words) in [("search", &resolver.searches), ("options", &resolver.options)] {
        if !words.is_empty() {
            text.push_str(&format!("{keyword} {}\n", words.join(" ")));
        }
    }
    resolver.servers.iter().for_each(|server| text.push_str(&format!("nameserver {server}\n")));
    text
}

fn add<'a>(list: &mut Vec<String>, more: impl Iterator<Item = &'a String>) {
    for word in more {
        if !list.contains(word) {
            list.push(word.clone());
        }
    }
}

fn read(text: &str) -> Resolver {
    let mut resolver = Resolver::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        let rest: Vec<String> = words.map(str::to_owned).collect();
        match keyword {
            "nameserver" => resolver.servers.extend(rest.into_iter().take(1)),
            // The last of these holds.
            "search" | "domain" => resolver.searches = rest,
            "options" => resolver.options.extend(rest),
            _ => {}
        }
    }
    resolver
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(policy: &str, config: Value) -> String {
        let spec = json!({"containers": [], "dnsPolicy": policy, "dnsConfig": config});
        text(&serde_json::from_value(spec).unwrap(), "# c\nnameserver 10.0.0.2\nsearch a b\noptions ndots:1 rotate\n")
    }

    #[test]
    fn the_policy_none_has_what_the_pod_says_alone() {
        let config = json!({"nameservers": ["192.0.2.1", "192.0.2.2"], "searches": ["ns1.svc.cluster-domain.example"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        let expected = "search ns1.svc.cluster-domain.example\noptions ndots:2 edns0\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n";
        assert_eq!(shown("None", config), expected);
    }

    #[test]
    fn other_policies_add_to_the_hosts() {
        let config = json!({"nameservers": ["10.0.0.2", "192.0.2.1"], "searches": ["c", "a"], "options": [{"name": "ndots", "value": "5"}]});
        let expected = "search a b c\noptions rotate ndots:5\nnameserver 10.0.0.2\nnameserver 192.0.2.1\n";
        assert_eq!(shown("ClusterFirst", config), expected);
    }

    #[test]
    fn a_pod_that_says_nothing_has_the_hosts() {
        let needed = |spec: Value| is_needed(&serde_json::from_value(spec).unwrap());
        assert!(!needed(json!({"containers": [], "dnsPolicy": "ClusterFirst"})));
        assert!(needed(json!({"containers": [], "dnsPolicy": "None"})));
        assert!(needed(json!({"containers": [], "dnsConfig": {}})));
    }
}
