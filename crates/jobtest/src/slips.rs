//! Slips of people, and what they probably meant: fields that no type has, files that are folders, manifests where a test
//! is asked for.

use std::path::Path;

use api::Kind;
use machinery::schema::{self, Struct};
use serde_json::Value;

use crate::words;

/// The fields that a server's refusal calls unknown: `... unknown field "spec.backofLimit", unknown field "x"`.
pub fn unknown_fields(message: &str) -> Vec<&str> {
    let rest = message.split("unknown field \"").skip(1);
    rest.filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

/// The field that was probably meant by one that the object's kind does not have, such as `spec.backofLimit`.
pub fn meant(object: &Value, path: &str) -> Option<&'static str> {
    let (group, version) = api::key::split_api_version(object["apiVersion"].as_str()?);
    let name = object["kind"].as_str()?.to_owned();
    let kind = Kind { group: group.to_owned().into(), version: version.to_owned().into(), kind: name.into() };
    let mut at: &'static Struct = schema::of_kind(&kind)?;
    let mut names: Vec<&str> = path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect();
    let unknown = names.pop()?;
    for name in names {
        at = at.field(name)?.ty.element_struct()?;
    }
    let known: Vec<&'static str> = at.fields.iter().map(|field| &*field.name).collect();
    words::nearest(unknown, &known)
}

/// `; did you mean backoffLimit?` for the first unknown field of a refusal, if something is like it.
pub(crate) fn hint(object: &Value, message: &str) -> Option<String> {
    let unknown = unknown_fields(message);
    let meant = unknown.first().and_then(|field| meant(object, field))?;
    Some(format!("; did you mean {meant}?"))
}

/// Why a file cannot be read, for people; of a folder, which file in it may be meant.
pub fn unreadable(path: &Path, error: &std::io::Error) -> String {
    if !path.is_dir() {
        return match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_manifest = |path: &std::path::PathBuf| {
        path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
    };
    match entries.filter(is_manifest).min() {
        Some(file) => format!("is a folder; name a file of it, such as {}", file.display()),
        None => "is a folder without manifests; name a file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_field_is_likened_to_its_siblings() {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job"});
        let meant = |path| meant(&job, path);
        assert_eq!(meant("spec.backofLimit"), Some("backoffLimit"));
        assert_eq!(meant("spec.template.spec.containers[0].imag"), Some("image"));
        assert_eq!(meant("spec.template.spec.restartpolicy"), Some("restartPolicy"));
        assert_eq!(meant("spec.nonsense"), None);
        assert_eq!(meant("nowhere.at.all"), None);
        assert_eq!(super::meant(&json!({"apiVersion": "x/v1", "kind": "Widget"}), "spec.imag"), None);
        let message = "strict decoding error: unknown field \"spec.backofLimit\", unknown field \"spec.x[0].y\"";
        assert_eq!(unknown_fields(message), ["spec.backofLimit", "spec.x[0].y"]);
        assert_eq!(hint(&job, message).as_deref(), Some("; did you mean backoffLimit?"));
    }

    #[test]
    fn of_a_folder_a_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = std::fs::read_to_string(folder.path()).expect_err("it is a folder");
        assert_eq!(unreadable(folder.path(), &error), "is a folder without manifests; name a file");
        std::fs::write(folder.path().join("b.yaml"), "").expect("a file");
        std::fs::write(folder.path().join("a.txt"), "").expect("a file");
        assert!(unreadable(folder.path(), &error).ends_with("/b.yaml"));
        let missing = folder.path().join("none.yaml");
        let error = std::fs::read_to_string(&missing).expect_err("it is not there");
        assert_eq!(unreadable(&missing, &error), "there is no such file");
    }
}
