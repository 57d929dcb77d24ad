//! What Jenkins reads as JUnit XML, as a schema: which elements may stand in which, with which attributes of which shape.
//! Written from the public description of its `junit-10.xsd`, and held against what `kubectl job test --junit` writes.

/// One element.
struct Element {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    children: &'static [&'static str],
    /// Whether it may hold text.
    text: bool,
}

const SCHEMA: [Element; 12] = [
    Element {
        name: "testsuites",
        required: &[],
        optional: &["name", "time", "tests", "failures", "disabled", "errors"],
        children: &["testsuite"],
        text: false,
    },
    Element {
        name: "testsuite",
        required: &["name", "tests"],
        optional: &[
            "failures",
            "errors",
            "time",
            "disabled",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
            "version",
            "group",
        ],
        children: &["testsuite", "properties", "testcase", "system-out", "system-err"],
        text: false,
    },
    Element { name: "properties", required: &[], optional: &[], children: &["property"], text: false },
    Element { name: "property", required: &["name", "value"], optional: &[], children: &[], text: false },
    Element {
        name: "testcase",
        required: &["name"],
        optional: &["classname", "time", "group"],
        children: &[
            "skipped",
            "error",
            "failure",
            "rerunFailure",
            "rerunError",
            "flakyFailure",
            "flakyError",
            "system-out",
            "system-err",
        ],
        text: false,
    },
    Element { name: "failure", required: &[], optional: &["message", "type"], children: &[], text: true },
    Element { name: "error", required: &[], optional: &["message", "type"], children: &[], text: true },
    Element { name: "skipped", required: &[], optional: &["message", "type"], children: &[], text: true },
    Element { name: "system-out", required: &[], optional: &[], children: &[], text: true },
    Element { name: "system-err", required: &[], optional: &[], children: &[], text: true },
    Element {
        name: "rerunFailure",
        required: &["type"],
        optional: &["message"],
        children: &["stackTrace", "system-out", "system-err"],
        text: true,
    },
    Element {
        name: "flakyFailure",
        required: &["type"],
        optional: &["message"],
        children: &["stackTrace", "system-out", "system-err"],
        text: true,
    },
];

/// Attributes that are whole numbers.
const COUNTS: [&str; 6] = ["tests", "failures", "errors", "skipped", "disabled", "id"];

/// Validates a document; what is wrong first.
pub(super) fn validate(text: &str) -> Result<(), String> {
    let document = roxmltree::Document::parse(text).map_err(|error| format!("no XML: {error}"))?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        return Err(format!("the root is <{}>", root.tag_name().name()));
    }
    element(root)
}

fn element(node: roxmltree::Node<'_, '_>) -> Result<(), String> {
    let name = node.tag_name().name();
    let known = SCHEMA.iter().find(|known| known.name == name).ok_or_else(|| format!("<{name}> is no element"))?;
    if let Some(missing) = known.required.iter().find(|required| node.attribute(**required).is_none()) {
        return Err(format!("<{name}> has no {missing}"));
    }
    for attribute in node.attributes() {
        let (key, value) = (attribute.name(), attribute.value());
        if !known.required.contains(&key) && !known.optional.contains(&key) {
            return Err(format!("<{name}> may have no {key}"));
        }
        if COUNTS.contains(&key) && value.parse::<u64>().is_err() || key == "time" && !is_time(value) {
            return Err(format!("<{name} {key}={value:?}> is no number"));
        }
    }
    for child in node.children() {
        if child.is_element() {
            let inner = child.tag_name().name();
            if !known.children.contains(&inner) {
                return Err(format!("<{inner}> may not stand in <{name}>"));
            }
            element(child)?;
        } else if child.is_text() && !known.text && !child.text().unwrap_or_default().trim().is_empty() {
            return Err(format!("<{name}> may hold no text"));
        }
    }
    Ok(())
}

/// Seconds, with at most three decimals.
fn is_time(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit());
    digits(whole) && digits(decimals) && decimals.len() <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jenkins_cannot_read_is_found() {
        let suite =
            |inner: &str| format!("<testsuites><testsuite name=\"a\" tests=\"1\">{inner}</testsuite></testsuites>");
        let fine = "<testcase name=\"t\" time=\"0.004\"><failure message=\"m\" type=\"x\">why</failure><system-out>o</system-out></testcase>";
        assert_eq!(validate(&suite(fine)), Ok(()));
        for (inner, part) in [
            ("<testcase/>", "no name"),
            ("<testcase name=\"t\" line=\"3\"/>", "may have no line"),
            ("<testcase name=\"t\" time=\"4ms\"/>", "is no number"),
            ("<testcase name=\"t\" time=\"0.0001\"/>", "is no number"),
            ("<testcase name=\"t\"><properties/></testcase>", "may not stand in"),
            ("<failure/>", "may not stand in <testsuite>"),
            ("text", "may hold no text"),
            ("<testcase name=\"t\"><failure>\u{1b}[31m</failure></testcase>", "no XML"),
            ("<testcase name=\"t\"><failure>a & b</failure></testcase>", "no XML"),
        ] {
            let why = validate(&suite(inner)).expect_err(inner);
            assert!(why.contains(part), "{inner}: {why}");
        }
    }
}
