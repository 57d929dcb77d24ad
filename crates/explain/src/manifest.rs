//! Manifests: YAML or JSON text in, objects out, each value remembered by its line.
//!
//! Plain scalars are read as kubectl's decoder reads them (`yes` is a boolean, `0644` is 420). What the fields mean is
//! the server's business; this only finds what is no YAML, no object, or given twice.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_yaml::{DuplicateKeyPolicy, Options, Spanned};

/// Why a text is no manifest: file, line and reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// One object of a manifest.
#[derive(Clone, Debug)]
pub struct Document {
    /// The object.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
}

/// Where values of a document stand. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file as given on the command line; empty when the object came from flags.
    file: Arc<str>,
    /// Its text.
    text: Arc<str>,
    /// Lines, counted from 1, by path such as `spec.backoffLimit`.
    lines: Arc<BTreeMap<String, u64>>,
}

impl Source {
    /// The file, unless the object came from flags.
    pub fn file(&self) -> Option<&str> {
        (!self.file.is_empty()).then_some(&*self.file)
    }

    /// The same file, of whose lines nothing is known.
    #[must_use]
    pub fn without_lines(&self) -> Self {
        Self { file: self.file.clone(), ..Self::default() }
    }

    /// The manifest, unless the object came from flags or its lines are not known.
    pub fn manifest(&self) -> Option<crate::Manifest> {
        let file = self.file().filter(|_| !self.text.is_empty())?;
        Some(crate::Manifest { file: file.to_owned(), text: self.text.to_string() })
    }

    /// `job.yaml:7` for a path that the manifest has.
    pub fn place(&self, path: &str) -> Option<String> {
        let line = self.lines.get(path).filter(|line| **line > 0)?;
        Some(format!("{}:{line}", self.file()?))
    }
}

/// Reads all documents of a text; `List` objects are taken apart, empty documents passed over.
///
/// # Errors
/// Text that is no YAML, with file, line and column; documents that are no objects.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, Broken> {
    let nodes: Vec<Spanned<Node>> =
        serde_yaml::from_multiple_with_options(text, options()).map_err(|error| broken(file, &error))?;
    let whole: Arc<str> = text.into();
    let mut documents = Vec::new();
    for node in nodes {
        let line = node.referenced.line();
        let Node::Map(_) = node.value else {
            if matches!(node.value, Node::Null) {
                continue;
            }
            return Err(Broken(format!("{file}:{line}: a manifest is an object, not a {}", node.value.shape())));
        };
        let mut lines = BTreeMap::new();
        node.value.collect_lines("", &mut lines);
        let value = node.value.into_value();
        take_apart(
            value,
            &Source { file: file.into(), text: whole.clone(), lines: Arc::new(lines) },
            line,
            &mut documents,
        )?;
    }
    if documents.is_empty() {
        return Err(Broken(format!("no objects found in {file}")));
    }
    Ok(documents)
}

fn take_apart(value: Value, source: &Source, line: u64, into: &mut Vec<Document>) -> Result<(), Broken> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    for (name, shown) in [("apiVersion", "apiVersion not set"), ("kind", "Kind is missing")] {
        if text(name).is_none() {
            let file = source.file().unwrap_or("the command line");
            return Err(Broken(format!("{file}:{line}: error validating data: {shown}")));
        }
    }
    if text("kind") == Some("List") {
        let items = value.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        for item in items {
            // Lines inside a List are not kept: their paths would need the item's position.
            take_apart(item, &source.without_lines(), line, into)?;
        }
        return Ok(());
    }
    into.push(Document { value, source: source.clone() });
    Ok(())
}

fn options() -> Options {
    serde_yaml::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
    }
}

fn broken(file: &str, error: &serde_yaml::Error) -> Broken {
    let error = error.without_snippet();
    let text = error.to_string();
    // The library ends its texts with the place; the place is shown in front here, where editors look for it.
    let text = text.split(" at line ").next().unwrap_or(&text).lines().next().unwrap_or_default().to_owned();
    match error.location() {
        Some(place) => {
            let (line, column) = (place.line(), place.column());
            Broken(format!("error parsing {file}: {file}:{line}:{column}: {text} (line {line}, column {column})"))
        }
        None => Broken(format!("error parsing {file}: {text}")),
    }
}

/// A YAML value that keeps the place of every entry of its maps.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl Node {
    fn shape(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    fn collect_lines(&self, path: &str, lines: &mut BTreeMap<String, u64>) {
        let mut add = |path: String, node: &Spanned<Self>| {
            node.value.collect_lines(&path, lines);
            lines.insert(path, node.referenced.line());
        };
        match self {
            Self::Map(entries) if path.is_empty() => {
                entries.iter().for_each(|(key, node)| add(key.clone(), node));
            }
            Self::Map(entries) => entries.iter().for_each(|(key, node)| add(format!("{path}.{key}"), node)),
            Self::List(items) => {
                items.iter().enumerate().for_each(|(index, node)| add(format!("{path}[{index}]"), node));
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => {}
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text),
            Self::List(items) => items.into_iter().map(|node| node.value.into_value()).collect(),
            Self::Map(entries) => entries.into_iter().map(|(key, node)| (key, node.value.into_value())).collect(),
        }
    }
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Node, E> {
        // JSON has one kind of number, and Go writes 1e3 back as 1000.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        if number.fract() == 0.0 && number.abs() < 9e15 {
            return Ok(Node::Number((number as i64).into()));
        }
        Number::from_f64(number).map(Node::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const JOB: &str = "\
# the migration
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  backoffLimit: 2
  template:
    spec:
      containers:
      - name: app
        image: app:1.4
        command: [sh, -c, 'exit 3']
      restartPolicy: Never
";

    fn refusal(text: &str) -> String {
        parse("job.yaml", text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn every_value_knows_its_line() {
        let documents = parse("job.yaml", JOB).expect("it is right");
        let source = &documents[0].source;
        assert_eq!(source.place("spec.backoffLimit").as_deref(), Some("job.yaml:7"));
        assert_eq!(source.place("spec.template.spec.containers[0].image").as_deref(), Some("job.yaml:12"));
        assert_eq!(source.place("spec.completions"), None);
        assert_eq!(documents[0].value["spec"]["backoffLimit"], 2);
    }

    #[test]
    fn documents_and_lists_give_their_objects_in_order() {
        let text = "---\n---\napiVersion: v1\nkind: ConfigMap\n---\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Pod}\n- {apiVersion: v1, kind: Secret}\n";
        let documents = parse("all.yaml", text).expect("it is right");
        let kinds: Vec<&str> =
            documents.iter().map(|document| document.value["kind"].as_str().expect("text")).collect();
        assert_eq!(kinds, ["ConfigMap", "Pod", "Secret"]);
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        let text = "apiVersion: v1\nkind: X\na: yes\nb: 0644\nc: 1e3\nd: '1'\ne: 2026-01-01\nf: null\ng: 1.5\n";
        let value = parse("x.yaml", text).expect("it is right").remove(0).value;
        let expected = json!({
            "apiVersion": "v1", "kind": "X", "a": true, "b": 420, "c": 1000, "d": "1", "e": "2026-01-01", "f": null, "g": 1.5,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn broken_yaml_names_file_line_and_column() {
        let text = refusal("apiVersion: batch/v1\nkind: Job\nspec:\n  template: [1, 2\n");
        assert!(text.starts_with("error parsing job.yaml: job.yaml:"), "{text}");
        assert!(text.contains("column"), "{text}");
        let tab = refusal("apiVersion: v1\nkind: Job\nspec:\n\tx: 1\n");
        assert!(tab.contains("job.yaml:4:"), "{tab}");
    }

    #[test]
    fn a_key_given_twice_is_refused_at_its_line() {
        let text = refusal("apiVersion: v1\nkind: Job\nkind: Pod\n");
        assert!(text.contains("job.yaml:3:") && text.contains("kind"), "{text}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(refusal("- a\n"), "job.yaml:1: a manifest is an object, not a list");
        assert_eq!(refusal(""), "no objects found in job.yaml");
        assert_eq!(refusal("kind: Job\n"), "job.yaml:1: error validating data: apiVersion not set");
    }

    #[test]
    fn bombs_end_in_an_error() {
        let mut text = "apiVersion: v1\nkind: X\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let previous = vec![format!("*a{}", level - 1); 10].join(",");
            text.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
        }
        assert!(refusal(&text).starts_with("error parsing"));
        assert!(refusal(&"[".repeat(100_000)).starts_with("error parsing"));
    }
}
