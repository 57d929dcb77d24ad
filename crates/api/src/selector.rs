//! Label and field selectors, as text in queries and as `metav1.LabelSelector` in objects
//! (`k8s.io/apimachinery/pkg/labels/selector.go`, `pkg/fields/selector.go`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use crate::names;

/// Why a selector is refused; the text is upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub String);

/// One condition on labels.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
    GreaterThan(String, i64),
    LessThan(String, i64),
}

/// A conjunction of conditions on labels. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
    nothing: bool,
}

impl LabelSelector {
    /// Parses the query form: `a=b,c!=d,e in (f,g),!h,i`.
    ///
    /// # Errors
    /// When the text is no selector, or a key or value breaks the name rules.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if !part.is_empty() {
                let part = whole_requirement(part)?;
                let wrap = |error| SelectorError(format!("unable to parse requirement: {error}"));
                requirements.push(parse_requirement(part).map_err(wrap)?);
            } else if !text.trim().is_empty() {
                return Err(SelectorError("found ',', expected: !, identifier, or 'end of string'".to_owned()));
            }
        }
        Ok(Self { requirements, nothing: false })
    }

    /// Reads the form that objects carry. An absent selector selects nothing, an empty one everything.
    ///
    /// # Errors
    /// When an operator is unknown.
    pub fn of(selector: Option<&meta::LabelSelector>) -> Result<Self, SelectorError> {
        let Some(selector) = selector else { return Ok(Self { requirements: Vec::new(), nothing: true }) };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![value.clone()]));
        }
        for expression in selector.match_expressions.iter().flatten() {
            let (key, values) = (expression.key.clone(), expression.values.clone().unwrap_or_default());
            requirements.push(match expression.operator.as_str() {
                "In" => Requirement::In(key, values),
                "NotIn" => Requirement::NotIn(key, values),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::Missing(key),
                other => return Err(SelectorError(format!("\"{other}\" is not a valid label selector operator"))),
            });
        }
        Ok(Self { requirements, nothing: false })
    }

    /// Whether these labels are selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.nothing && self.requirements.iter().all(|requirement| requirement.holds(labels))
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let number = |key: &String| labels.get(key).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key).is_none_or(|value| !values.contains(value)),
            Self::Exists(key) => labels.contains_key(key),
            Self::Missing(key) => !labels.contains_key(key),
            Self::GreaterThan(key, bound) => number(key).is_some_and(|value| value > *bound),
            Self::LessThan(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Refuses what follows a whole `key=value`, as in `a=b=c`, which upstream reads as `a=b` and then an `=` too many.
fn whole_requirement(text: &str) -> Result<&str, SelectorError> {
    let special = ['=', '!', '<', '>', '(', ')'];
    let value = text.find(special).map(|at| text[at..].trim_start_matches(['=', '!', '<', '>']));
    let rest = value.filter(|value| !value.starts_with('(')).and_then(|value| Some(&value[value.find(special)?..]));
    let Some(rest) = rest else { return Ok(text) };
    let token = if rest.starts_with("==") || rest.starts_with("!=") { &rest[..2] } else { &rest[..1] };
    Err(SelectorError(format!("found '{token}', expected: ',' or 'end of string'")))
}

fn parse_requirement(text: &str) -> Result<Requirement, SelectorError> {
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Missing(checked_key(key.trim())?));
    }
    if let Some(requirement) = parse_set(text)? {
        return Ok(requirement);
    }
    for operator in ["!=", "==", "=", ">", "<"] {
        let Some((key, value)) = text.split_once(operator) else { continue };
        let (key, value) = (checked_key(key.trim())?, value.trim());
        return match operator {
            "!=" => Ok(Requirement::NotIn(key.clone(), vec![checked_value(&key, value)?])),
            ">" => Ok(Requirement::GreaterThan(key.clone(), checked_number(&key, value)?)),
            "<" => Ok(Requirement::LessThan(key.clone(), checked_number(&key, value)?)),
            _ => Ok(Requirement::In(key.clone(), vec![checked_value(&key, value)?])),
        };
    }
    Ok(Requirement::Exists(checked_key(text)?))
}

fn parse_set(text: &str) -> Result<Option<Requirement>, SelectorError> {
    let mut words = text.splitn(2, char::is_whitespace);
    let (Some(key), Some(rest)) = (words.next(), words.next()) else { return Ok(None) };
    let rest = rest.trim_start();
    let (negated, list) = match (rest.strip_prefix("notin"), rest.strip_prefix("in")) {
        (Some(list), _) => (true, list),
        (None, Some(list)) => (false, list),
        (None, None) => return Ok(None),
    };
    let inner = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let Some(inner) = inner else {
        return Err(SelectorError(format!("found '{}', expected: '('", list.trim())));
    };
    let key = checked_key(key)?;
    let values = inner.split(',').map(|value| checked_value(&key, value.trim())).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(if negated { Requirement::NotIn(key, values) } else { Requirement::In(key, values) }))
}

fn checked_key(key: &str) -> Result<String, SelectorError> {
    match names::qualified_name_errors(key).as_slice() {
        [] => Ok(key.to_owned()),
        errors => Err(SelectorError(format!("key: Invalid value: {key:?}: {}", errors.join("; ")))),
    }
}

fn checked_value(key: &str, value: &str) -> Result<String, SelectorError> {
    match names::label_value_errors(value).as_slice() {
        [] => Ok(value.to_owned()),
        errors => Err(SelectorError(format!("values[0][{key}]: Invalid value: {value:?}: {}", errors.join("; ")))),
    }
}

fn checked_number(key: &str, value: &str) -> Result<i64, SelectorError> {
    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
    value.parse().map_err(|_| SelectorError(format!("values[0][{key}]: Invalid value: {value:?}: {why}")))
}

/// A conjunction of `field=value` and `field!=value` terms. The default selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<FieldTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldTerm {
    field: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    /// Parses the query form; `\` escapes `\`, `,` and `=` in values.
    ///
    /// # Errors
    /// When a term has no operator.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = Vec::new();
        for part in split_unescaped(text) {
            if part.is_empty() {
                continue;
            }
            let unknown = || SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'"));
            let (position, length, equal) = find_operator(&part).ok_or_else(unknown)?;
            let value = unescape(&part[position + length..]).ok_or_else(unknown)?;
            terms.push(FieldTerm { field: part[..position].to_owned(), value, equal });
        }
        Ok(Self { terms })
    }

    /// The fields that the selector asks about.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.field.as_str())
    }

    /// Whether an object is selected; `value_of` reads one of its fields, an absent field reads as empty.
    pub fn matches(&self, mut value_of: impl FnMut(&str) -> String) -> bool {
        self.terms.iter().all(|term| (value_of(&term.field) == term.value) == term.equal)
    }

    /// The value that `field` must equal, if the selector says so: lets a server look up `metadata.name=x` directly.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }
}

fn split_unescaped(text: &str) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            ',' if !escaped => parts.push(std::mem::take(&mut part)),
            _ => part.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.push(part);
    parts
}

fn find_operator(term: &str) -> Option<(usize, usize, bool)> {
    let position = term.find(['=', '!'])?;
    let rest = &term[position..];
    match rest {
        _ if rest.starts_with("!=") => Some((position, 2, false)),
        _ if rest.starts_with("==") => Some((position, 2, true)),
        _ if rest.starts_with('=') => Some((position, 1, true)),
        _ => None,
    }
}

fn unescape(value: &str) -> Option<String> {
    let (mut text, mut letters) = (String::with_capacity(value.len()), value.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                escaped @ ('\\' | ',' | '=') => text.push(escaped),
                _ => return None,
            },
            '=' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests;
