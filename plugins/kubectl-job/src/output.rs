//! The `-o` formats: how objects become text on standard output.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::exit::Failure;
use crate::jsonpath::{self, Template};
use crate::view::table::lay_out;

/// A format chosen with `-o`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    /// The table; the flag says whether it is the wide one.
    Table(bool),
    /// `-o json`.
    Json,
    /// `-o yaml`.
    Yaml,
    /// `-o name`.
    Name,
    /// `-o jsonpath=...`.
    JsonPath(Template),
    /// `-o jsonpath-as-json=...`.
    JsonPathAsJson(Template),
    /// `-o custom-columns=...`: headings and paths.
    CustomColumns(Vec<(String, Template)>),
}

const ALLOWED: &str = "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml";

impl Format {
    /// Reads the value of `-o`; files named in it are read.
    ///
    /// # Errors
    /// Unknown formats, broken templates, files that cannot be read.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Failure> {
        let text = text.unwrap_or_default();
        let (name, argument) = text.split_once('=').map_or((text, None), |(name, argument)| (name, Some(argument)));
        match (name, argument) {
            ("", None) => Ok(Self::Table(false)),
            ("wide", None) => Ok(Self::Table(true)),
            ("json", None) => Ok(Self::Json),
            ("yaml", None) => Ok(Self::Yaml),
            ("name", None) => Ok(Self::Name),
            ("jsonpath", argument) => Ok(Self::JsonPath(template(required(name, argument)?)?)),
            ("jsonpath-as-json", argument) => Ok(Self::JsonPathAsJson(template(required(name, argument)?)?)),
            ("jsonpath-file", argument) => Ok(Self::JsonPath(template(&file(required(name, argument)?)?)?)),
            ("custom-columns", argument) => columns(required(name, argument)?),
            ("custom-columns-file", argument) => columns_of_file(&file(required(name, argument)?)?),
            ("go-template" | "go-template-file" | "template" | "templatefile", _) => Err(Failure::usage(
                "error: -o go-template is not supported: use -o jsonpath=..., -o custom-columns=..., or -o json with jq",
            )),
            _ => Err(Failure::usage(format!(
                "error: unable to match a printer suitable for the output format {text:?}, allowed formats are: {ALLOWED}"
            ))),
        }
    }

    /// Whether objects are shown as a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Self::Table(_))
    }

    /// Text for these objects; `single` shows the first as itself instead of as a list.
    ///
    /// # Errors
    /// A template that does not fit the objects.
    pub(crate) fn render(&self, objects: Vec<Value>, single: bool) -> anyhow::Result<String> {
        match self {
            Self::Name => Ok(lines(objects.iter().map(name))),
            Self::CustomColumns(columns) => custom_columns(columns, &objects),
            Self::Json => Ok(format!("{}\n", go_json(&whole(objects, single)))),
            Self::Yaml => Ok(yaml(&whole(objects, single))),
            Self::JsonPath(template) => Ok(template.render(&whole(objects, single))?),
            Self::JsonPathAsJson(template) => {
                Ok(format!("{}\n", go_json(&Value::Array(template.find(&whole(objects, single))?))))
            }
            Self::Table(_) => Ok(String::new()),
        }
    }
}

fn required<'t>(name: &str, argument: Option<&'t str>) -> Result<&'t str, Failure> {
    let missing = || Failure::usage(format!("error: {name} template format specified but no {name} template given"));
    argument.filter(|argument| !argument.is_empty()).ok_or_else(missing)
}

fn template(text: &str) -> Result<Template, Failure> {
    Template::parse(text).map_err(|error| Failure::usage(format!("error: {error}")))
}

fn file(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("error: error reading template {path}: {error}")))
}

fn columns(text: &str) -> Result<Format, Failure> {
    let one = |column: &str| match column.split_once(':') {
        Some((heading, path)) => Ok((heading.to_owned(), relaxed(path)?)),
        None => {
            let why = "expected <header>:<json-path-expr>";
            Err(Failure::usage(format!("error: unexpected custom-columns spec: {column}, {why}")))
        }
    };
    Ok(Format::CustomColumns(text.split(',').map(one).collect::<Result<_, _>>()?))
}

fn columns_of_file(text: &str) -> Result<Format, Failure> {
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let (headings, paths) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
    if headings.is_empty() || headings.len() != paths.len() {
        return Err(Failure::usage("error: a custom-columns file has a line of headings and a line of as many paths"));
    }
    let pairs = headings.into_iter().zip(paths).map(|(heading, path)| Ok((heading.to_owned(), relaxed(path)?)));
    Ok(Format::CustomColumns(pairs.collect::<Result<_, Failure>>()?))
}

fn relaxed(path: &str) -> Result<Template, Failure> {
    Template::relaxed(path).map_err(|error| Failure::usage(format!("error: {error}")))
}

fn custom_columns(columns: &[(String, Template)], objects: &[Value]) -> anyhow::Result<String> {
    let mut rows = vec![columns.iter().map(|(heading, _)| heading.clone()).collect::<Vec<_>>()];
    for object in objects {
        let cell = |template: &Template| -> anyhow::Result<String> {
            let found = template.find(object)?;
            let text = found.iter().map(jsonpath::show).collect::<Vec<_>>().join(",");
            Ok(if text.is_empty() { "<none>".to_owned() } else { text })
        };
        rows.push(columns.iter().map(|(_, template)| cell(template)).collect::<anyhow::Result<_>>()?);
    }
    Ok(format!("{}\n", lay_out(rows.iter().map(Vec::as_slice))))
}

/// The first object, or all of them as kubectl's `List`.
fn whole(mut objects: Vec<Value>, single: bool) -> Value {
    if single && !objects.is_empty() {
        return objects.swap_remove(0);
    }
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})
}

/// `job.batch/pi`, `pod/x`.
pub(crate) fn name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, _) = api::key::split_api_version(text("/apiVersion"));
    let dot = if group.is_empty() { "" } else { "." };
    format!("{}{dot}{group}/{}", text("/kind").to_lowercase(), text("/metadata/name"))
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| format!("{text}\n")).collect()
}

/// JSON as kubectl prints it: four spaces of indent.
pub(crate) fn go_json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(value, &mut serializer).expect("JSON values serialize");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// YAML that every YAML 1.1 reader reads back as the same value.
pub(crate) fn yaml(value: &Value) -> String {
    serde_yaml::to_string(value).expect("JSON values have a YAML form")
}

/// Takes out what kubectl hides unless asked for.
pub(crate) fn hide_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Writes to standard output. A reader that went away, as `head` does, is no error of ours.
///
/// # Errors
/// Anything else that keeps the text from being written, such as a full disk.
pub(crate) fn put(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"on": "yes", "list": [{"a": 1}]}})
    }

    fn render(format: &str, objects: Vec<Value>, single: bool) -> String {
        Format::parse(Some(format)).expect(format).render(objects, single).expect(format)
    }

    #[test]
    fn names_carry_the_group() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        assert_eq!(render("name", vec![job("a"), pod], false), "job.batch/a\npod/p\n");
    }

    #[test]
    fn one_object_is_itself_and_several_are_a_list() {
        assert_eq!(render("jsonpath={.metadata.name}", vec![job("a")], true), "a");
        assert_eq!(render("jsonpath={.items[*].metadata.name}", vec![job("a"), job("b")], false), "a b");
        assert_eq!(render("jsonpath-as-json={.metadata.name}", vec![job("a")], true), "[\n    \"a\"\n]\n");
    }

    #[test]
    fn yaml_keeps_texts_that_look_like_booleans() {
        let text = render("yaml", vec![job("a")], true);
        let back = crate::manifest::parse("x", &text).expect("it is YAML").remove(0).value;
        assert_eq!(back, job("a"), "{text}");
    }

    #[test]
    fn custom_columns_show_none_for_what_is_missing() {
        let text = render("custom-columns=NAME:.metadata.name,X:{.nothing}", vec![job("a")], false);
        assert_eq!(text, "NAME   X\na      <none>\n");
    }

    #[test]
    fn formats_that_do_not_exist_are_refused_with_the_ones_that_do() {
        let refusal = |text| Format::parse(Some(text)).expect_err(text).message;
        assert!(refusal("go-template={{.x}}").contains("use -o jsonpath="));
        assert!(refusal("xml").contains("allowed formats are: custom-columns"));
        assert!(refusal("jsonpath").contains("no jsonpath template given"));
        assert!(refusal("jsonpath={.a").contains("unclosed action"));
        assert!(refusal("custom-columns=NAME").contains("expected <header>:<json-path-expr>"));
    }
}
