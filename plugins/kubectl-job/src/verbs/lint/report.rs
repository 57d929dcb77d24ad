//! What was found as text: for people, as one JSON object, or as SARIF for code review tools.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Checked;
use crate::cli::lint::{LintArgs, LintFormat};
use crate::lint::{Fate, Field, Finding, RULES, Severity};
use crate::output;
use crate::screen::{Screen, Tone, escape};
use api::text::count;

/// All of it in the format that was asked for.
pub(super) fn text(checked: &[Checked], args: &LintArgs, screen: Screen) -> String {
    match args.output {
        Some(LintFormat::Json) => format!("{}\n", output::go_json(&as_json(checked, args.all_fields))),
        Some(LintFormat::Sarif) => format!("{}\n", output::go_json(&sarif(checked, args.strict))),
        None => {
            let text = for_people(checked, args.all_fields, screen);
            if screen.stdout_colour { text } else { anstream::adapter::strip_str(&text).to_string() }
        }
    }
}

/// The list of rules.
pub(super) fn rules() -> String {
    let line = |rule: &crate::lint::Rule| format!("{:<30} {:<8} {}\n", rule.id, rule.severity.name(), rule.why);
    RULES.iter().map(line).collect()
}

fn for_people(checked: &[Checked], all_fields: bool, screen: Screen) -> String {
    let mut text = String::new();
    for object in checked {
        for finding in &object.findings {
            text.push_str(&finding_lines(finding, screen));
        }
        for field in shown_fields(&object.fields, all_fields) {
            text.push_str(&field_line(field, screen));
        }
        text.push_str(&format!("{}: {}\n", escape(&object.object), summary(object, screen)));
    }
    text
}

fn shown_fields(fields: &[Field], all: bool) -> impl Iterator<Item = &Field> {
    fields.iter().filter(move |field| all || field.fate != Fate::Honoured)
}

fn place(place: &crate::lint::Place) -> String {
    format!("{}:{}", escape(&place.file), place.line)
}

fn finding_lines(finding: &Finding, screen: Screen) -> String {
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Note => Tone::Faint,
    };
    let severity = screen.tone(tone, finding.severity.name());
    let (rule, message) = (finding.rule, escape(&finding.message));
    format!("{}: {severity}: {message} [{}]\n    {}\n", place(&finding.place), rule.id, rule.why)
}

fn field_line(field: &Field, screen: Screen) -> String {
    let tone = if field.fate.is_bad() { Tone::Warn } else { Tone::Faint };
    let words =
        if field.text.is_empty() { String::new() } else { format!(" {} {}", screen.dash(), escape(&field.text)) };
    let fate = screen.tone(tone, field.fate.name());
    format!("{}: {fate}: {}{words}\n", place(&field.place), escape(&field.field))
}

fn summary(object: &Checked, screen: Screen) -> String {
    let found = |severity| object.findings.iter().filter(|finding| finding.severity == severity).count();
    let mut parts = vec![
        count(found(Severity::Error), "error"),
        count(found(Severity::Warning), "warning"),
        count(found(Severity::Note), "note"),
    ];
    if !object.fields.is_empty() {
        let of = |fate| object.fields.iter().filter(|field| field.fate == fate).count();
        let mut fates = vec![
            format!("{} honoured", count(of(Fate::Honoured), "field")),
            format!("{} simulated", of(Fate::Simulated)),
            format!("{} not enforced", of(Fate::NotEnforced)),
        ];
        if of(Fate::NeverStarts) > 0 {
            fates.push(format!("{} with which no pod starts", of(Fate::NeverStarts)));
        }
        parts.push(fates.join(", "));
    }
    parts.join(&format!(" {} ", screen.dot()))
}

fn as_json(checked: &[Checked], all_fields: bool) -> Value {
    let objects: Vec<Value> = checked
        .iter()
        .map(|object| {
            let fields: Vec<&Field> = shown_fields(&object.fields, all_fields).collect();
            json!({"object": object.object, "findings": object.findings, "fields": fields})
        })
        .collect();
    let mut counts = BTreeMap::from([("error", 0_usize), ("warning", 0), ("note", 0)]);
    for finding in checked.iter().flat_map(|object| &object.findings) {
        *counts.entry(finding.severity.name()).or_default() += 1;
    }
    json!({"objects": objects, "summary": counts})
}

/// SARIF 2.1.0: one run, the rules, and a result a finding. With `--strict` fields without effect are results too.
fn sarif(checked: &[Checked], strict: bool) -> Value {
    let mut rules: Vec<Value> = RULES.iter().map(|rule| sarif_rule(rule.id, rule.why, rule.severity.name())).collect();
    let why = "the field has no effect on the local server, or keeps its pods from starting";
    rules.push(sarif_rule("not-enforced", why, if strict { "warning" } else { "note" }));
    let mut results = Vec::new();
    for object in checked {
        for finding in &object.findings {
            let text = format!("{}: {}", finding.message, finding.rule.why);
            results.push(result(finding.rule.id, finding.severity.name(), &text, &finding.place));
        }
        for field in object.fields.iter().filter(|field| field.fate.is_bad()) {
            let level = if strict { "warning" } else { "note" };
            results.push(result("not-enforced", level, &format!("{}: {}", field.field, field.text), &field.place));
        }
    }
    let driver = json!({
        "name": "kubectl-job lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    })
}

fn sarif_rule(id: &str, why: &str, level: &str) -> Value {
    json!({"id": id, "shortDescription": {"text": why}, "defaultConfiguration": {"level": level}})
}

fn result(rule: &str, level: &str, text: &str, place: &crate::lint::Place) -> Value {
    let region = json!({"startLine": place.line.max(1)});
    let location = json!({"artifactLocation": {"uri": place.file}, "region": region});
    json!({"ruleId": rule, "level": level, "message": {"text": text}, "locations": [{"physicalLocation": location}]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Place;

    fn checked() -> Vec<Checked> {
        let place = Place { file: "job.yaml".to_owned(), line: 7 };
        let rule = RULES.iter().find(|rule| rule.id == "no-deadline").expect("a rule");
        let finding = Finding {
            place: place.clone(),
            rule,
            severity: rule.severity,
            field: "spec".to_owned(),
            message: "there is no activeDeadlineSeconds".to_owned(),
        };
        let field =
            |fate, text: &str| Field { place: place.clone(), field: "spec.x".to_owned(), fate, text: text.to_owned() };
        let fields = vec![field(Fate::Honoured, ""), field(Fate::NotEnforced, "no effect")];
        vec![Checked { object: "Job migrate".to_owned(), findings: vec![finding], fields }]
    }

    #[test]
    fn people_see_place_severity_rule_and_reason() {
        let screen = Screen { ascii: true, ..Screen::PLAIN };
        let text = anstream::adapter::strip_str(&for_people(&checked(), false, screen)).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "job.yaml:7: warning: there is no activeDeadlineSeconds [no-deadline]");
        assert!(lines[1].starts_with("    a pod that hangs"));
        assert_eq!(lines[2], "job.yaml:7: not enforced: spec.x - no effect");
        assert_eq!(
            lines[3],
            "Job migrate: 0 errors - 1 warning - 0 notes - 1 field honoured, 0 simulated, 1 not enforced"
        );
    }

    #[test]
    fn sarif_results_name_rules_of_the_driver_and_lines() {
        let value = sarif(&checked(), true);
        let run = &value["runs"][0];
        let rules: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|rule| rule["id"].as_str())
            .collect();
        for result in run["results"].as_array().expect("a list") {
            assert!(rules.contains(&result["ruleId"].as_str().expect("an id")));
            assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
        }
        assert_eq!(run["results"].as_array().map(Vec::len), Some(2));
    }
}
