//! Which representation a client wants, from its `Accept` header
//! (`k8s.io/apiserver/pkg/endpoints/handlers/negotiation`).
//!
//! Pure. Clauses are tried by falling quality, then by how specific they are; a clause that asks for what is not served
//! is passed over, so `application/vnd.kubernetes.protobuf,application/json` gets JSON.

use api::{Reason, Status};

/// How the bytes are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// The version of `meta.k8s.io` that a converted object is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetaVersion {
    /// `meta.k8s.io/v1`.
    V1,
    /// `meta.k8s.io/v1beta1`, of clients before 1.15.
    V1Beta1,
}

impl MetaVersion {
    /// What the object carries as `apiVersion`.
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What an object or list is turned into before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As stored.
    Whole,
    /// `as=Table`.
    Table(MetaVersion),
    /// `as=PartialObjectMetadata`, or its list.
    Partial(MetaVersion),
}

/// The outcome for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// How the bytes are encoded.
    pub encoding: Encoding,
    /// What they show.
    pub shape: Shape,
}

/// JSON of the whole object: the answer to most requests.
pub(super) const WHOLE_JSON: Accepted = Accepted { encoding: Encoding::Json, shape: Shape::Whole };

/// The form of a discovery document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiscoveryForm {
    /// `APIVersions` or `APIGroupList`.
    Legacy,
    /// `APIGroupDiscoveryList` of `apidiscovery.k8s.io/v2`.
    V2,
    /// The same of `v2beta1`, for clients of 1.26 to 1.29.
    V2Beta1,
}

/// Negotiates the answer to a resource request. A watch is sent as JSON only.
///
/// # Errors
/// 406 when nothing that is served is accepted.
pub(super) fn resource(accept: Option<&str>, watch: bool) -> Result<Accepted, Status> {
    // What kubectl and client-go send for whole objects, without the cost of parsing it.
    if matches!(accept, None | Some("" | "*/*" | "application/json" | "application/json, */*")) {
        return Ok(WHOLE_JSON);
    }
    let accepted = clauses(accept.unwrap_or_default()).into_iter().find_map(|clause| {
        let encoding = clause.encoding().filter(|encoding| !watch || *encoding == Encoding::Json)?;
        Some(Accepted { encoding, shape: clause.shape()? })
    });
    accepted.ok_or_else(|| not_acceptable(if watch { WATCH_TYPES } else { TYPES }))
}

/// Negotiates the form of `/api` and `/apis`.
///
/// # Errors
/// 406 when nothing that is served is accepted.
pub(super) fn discovery(accept: Option<&str>) -> Result<DiscoveryForm, Status> {
    let Some(accept) = accept.filter(|accept| !accept.is_empty()) else { return Ok(DiscoveryForm::Legacy) };
    let form = clauses(accept).into_iter().find_map(|clause| {
        clause.encoding().filter(|encoding| *encoding == Encoding::Json)?;
        match clause.conversion() {
            (None, None, None) => Some(DiscoveryForm::Legacy),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => Some(DiscoveryForm::V2),
            (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
                Some(DiscoveryForm::V2Beta1)
            }
            _ => None,
        }
    });
    form.ok_or_else(|| not_acceptable("application/json"))
}

// Differs: upstream's list also names protobuf, which is not served as an answer here.
const TYPES: &str = "application/json, application/yaml";
const WATCH_TYPES: &str = "application/json;stream=watch";

fn not_acceptable(types: &str) -> Status {
    Status::failure(406, Reason::NOT_ACCEPTABLE, format!("only the following media types are accepted: {types}"))
}

/// One clause of an `Accept` header.
struct Clause<'a> {
    main: &'a str,
    sub: &'a str,
    params: Vec<(&'a str, &'a str)>,
    quality: f32,
}

/// The clauses, best first; those of equal rank keep their order.
fn clauses(accept: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = accept.split(',').filter_map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality).then(b.specificity().cmp(&a.specificity())));
    clauses
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().filter(|essence| !essence.is_empty())?;
        let (main, sub) = if essence == "*" { ("*", "*") } else { essence.split_once('/')? };
        let (mut params, mut quality) = (Vec::new(), 1.0);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name == "q" { quality = value.parse().unwrap_or(1.0) } else { params.push((name, value)) }
        }
        (quality > 0.0).then_some(Self { main, sub, params, quality })
    }

    fn specificity(&self) -> u8 {
        u8::from(self.main != "*") + u8::from(self.sub != "*")
    }

    fn encoding(&self) -> Option<Encoding> {
        let stream = self.param("stream").is_none_or(|stream| matches!(stream, "" | "watch"));
        match (self.main, self.sub) {
            _ if !stream => None,
            ("*" | "application", "*") | ("application", "json") => Some(Encoding::Json),
            ("application", "yaml") => Some(Encoding::Yaml),
            _ => None,
        }
    }

    fn param(&self, name: &str) -> Option<&'a str> {
        self.params.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn conversion(&self) -> (Option<&'a str>, Option<&'a str>, Option<&'a str>) {
        (self.param("as"), self.param("g"), self.param("v"))
    }

    fn shape(&self) -> Option<Shape> {
        let (kind, group, version) = self.conversion();
        if kind.is_none() && group.is_none() && version.is_none() {
            return Some(Shape::Whole);
        }
        let version = match (group, version) {
            (Some("meta.k8s.io"), Some("v1")) => MetaVersion::V1,
            (Some("meta.k8s.io"), Some("v1beta1")) => MetaVersion::V1Beta1,
            _ => return None,
        };
        match kind {
            Some("Table") => Some(Shape::Table(version)),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Shape::Partial(version)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(accept: &str) -> String {
        match resource(Some(accept), false) {
            Ok(Accepted { encoding, shape }) => format!("{encoding:?} {shape:?}"),
            Err(status) => format!("{} {}", status.code, status.message),
        }
    }

    #[test]
    fn each_client_gets_what_it_can_read() {
        let cases = [
            ("", "Json Whole"),
            ("*/*", "Json Whole"),
            ("application/*", "Json Whole"),
            ("application/json, */*", "Json Whole"),
            ("application/vnd.kubernetes.protobuf,application/json", "Json Whole"),
            ("application/yaml", "Yaml Whole"),
            ("application/json;q=0.5,application/yaml;q=0.9", "Yaml Whole"),
            ("*/*,application/yaml", "Yaml Whole"),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,\
                 application/json",
                "Json Table(V1)",
            ),
            ("application/json;as=Table;v=v2;g=meta.k8s.io, application/json", "Json Whole"),
            ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", "Json Table(V1Beta1)"),
            ("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "Json Partial(V1)"),
            ("application/json;stream=watch", "Json Whole"),
            (
                "application/vnd.kubernetes.protobuf",
                "406 only the following media types are accepted: application/json, application/yaml",
            ),
            (
                "application/json;as=Table;g=other;v=v1",
                "406 only the following media types are accepted: application/json, application/yaml",
            ),
            ("text/html", "406 only the following media types are accepted: application/json, application/yaml"),
        ];
        for (accept, expected) in cases {
            assert_eq!(shown(accept), expected, "{accept}");
        }
    }

    #[test]
    fn watches_are_json_only() {
        assert_eq!(resource(Some("application/json;stream=watch"), true), Ok(WHOLE_JSON));
        assert_eq!(resource(Some("application/yaml,application/json"), true), Ok(WHOLE_JSON));
        let error = resource(Some("application/yaml"), true).unwrap_err();
        assert_eq!(error.message, "only the following media types are accepted: application/json;stream=watch");
    }

    #[test]
    fn discovery_forms_are_chosen_as_each_kubectl_asks() {
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        let beta = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
        let cases = [
            ("application/json, */*".to_owned(), DiscoveryForm::Legacy),
            ("application/json".to_owned(), DiscoveryForm::Legacy),
            (format!("{beta},application/json"), DiscoveryForm::V2Beta1),
            (format!("{v2},{beta},application/json"), DiscoveryForm::V2),
            (format!("{v2};profile=nopeer,{v2},application/json"), DiscoveryForm::V2),
        ];
        for (accept, form) in cases {
            assert_eq!(discovery(Some(&accept)), Ok(form), "{accept}");
        }
        assert_eq!(discovery(None), Ok(DiscoveryForm::Legacy));
        assert_eq!(discovery(Some("text/html")).unwrap_err().code, 406);
    }
}
