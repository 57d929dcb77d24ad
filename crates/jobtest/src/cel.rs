//! Expressions over the state, in CEL: compiled when a test is read, asked at every revision.
//!
//! What can be known beforehand is checked then: syntax, the names of variables, and names of fields, which the API's own
//! schema knows. What an object may leave out and reads as nothing (`status.active`) is filled in, so that plain
//! comparisons work; any other field that is not there makes the expression undecided, see [`Answer::Absent`].

use std::sync::Arc;

use api::Kind;
use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::parser::PrattParser;
use cel::{Context, ExecutionError, Value as Cel};
use machinery::schema::{self, Struct};
use serde_json::{Value, json};

use crate::words;

/// The variables, and what each is.
const VARIABLES: [&str; 4] = ["job", "pods", "cronJob", "elapsed"];

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) text: String,
    tree: Arc<IdedExpr>,
    /// Whether it is about a Job or its pods, and so asked for each Job.
    pub(crate) asks_job: bool,
    pub(crate) asks_cron_job: bool,
}

/// What an expression says of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// It reads a field that the object does not have.
    Absent(String),
    /// It cannot be worked out.
    Wrong(String),
}

/// What an expression is asked of.
pub(crate) struct Facts<'a> {
    pub(crate) job: Option<&'a Value>,
    pub(crate) pods: &'a [Value],
    pub(crate) cron_job: Option<&'a Value>,
    pub(crate) elapsed_seconds: i64,
}

impl Expression {
    /// Compiles it.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let tree = PrattParser::new().parse(text).map_err(|errors| {
            let first = errors.errors.first();
            first.map_or_else(|| errors.to_string(), |error| format!("column {}: {}", error.pos.1, error.msg))
        })?;
        let mut checker = Checker::default();
        checker.walk(&tree)?;
        let has = |name| checker.used.contains(&name);
        let (asks_job, asks_cron_job) = (has("job") || has("pods"), has("cronJob"));
        let expression = Self { text: text.to_owned(), tree: Arc::new(tree), asks_job, asks_cron_job };
        // A sample finds wrong types, and what is no condition.
        let job = json!({"metadata": {"name": "sample"}, "spec": {}, "status": {}});
        let facts = Facts { job: Some(&job), pods: &[], cron_job: Some(&job), elapsed_seconds: 0 };
        match expression.ask(&facts) {
            Answer::Wrong(why) => Err(why),
            _ => Ok(expression),
        }
    }

    /// Asks it of a state.
    pub(crate) fn ask(&self, facts: &Facts<'_>) -> Answer {
        let mut context = Context::default();
        let job = facts.job.map(|job| filled(job, "Job")).unwrap_or_default();
        let cron_job = facts.cron_job.map(|job| filled(job, "CronJob")).unwrap_or_default();
        let pods: Vec<Cel> = facts.pods.iter().map(|pod| to_cel(&filled(pod, "Pod"))).collect();
        context.add_variable_from_value("job", to_cel(&job));
        context.add_variable_from_value("cronJob", to_cel(&cron_job));
        context.add_variable_from_value("pods", Cel::List(Arc::new(pods)));
        context.add_variable_from_value("elapsed", facts.elapsed_seconds);
        match Cel::resolve(&self.tree, &context) {
            Ok(Cel::Bool(true)) => Answer::Yes,
            Ok(Cel::Bool(false)) => Answer::No,
            Ok(other) => Answer::Wrong(format!("is {}, not true or false", other.type_of())),
            Err(ExecutionError::NoSuchKey(key)) => Answer::Absent(key.to_string()),
            Err(error) => Answer::Wrong(error.to_string()),
        }
    }
}

/// An object with what it leaves out and is read as nothing.
fn filled(object: &Value, kind: &str) -> Value {
    let mut object = object.clone();
    let status = match kind {
        "Job" => json!({"active": 0, "ready": 0, "succeeded": 0, "failed": 0, "terminating": 0, "conditions": []}),
        "CronJob" => json!({"active": []}),
        _ => json!({"phase": "Pending", "containerStatuses": [], "conditions": []}),
    };
    let parts = [
        ("metadata", json!({"labels": {}, "annotations": {}, "finalizers": []})),
        ("spec", json!({})),
        ("status", status),
    ];
    for (part, defaults) in parts {
        if !object[part].is_object() {
            object[part] = json!({});
        }
        for (name, value) in defaults.as_object().into_iter().flatten() {
            if object[part][name].is_null() {
                object[part][name] = value.clone();
            }
        }
    }
    object
}

fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(flag) => Cel::Bool(*flag),
        // One kind of whole number, so that sums of a field and a literal have a type.
        Value::Number(number) => number.as_i64().map_or_else(|| Cel::Float(number.as_f64().unwrap_or(0.0)), Cel::Int),
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(entries) => {
            let entries: std::collections::HashMap<String, Cel> =
                entries.iter().map(|(key, value)| (key.clone(), to_cel(value))).collect();
            Cel::Map(entries.into())
        }
    }
}

/// Finds names that nothing has.
#[derive(Default)]
struct Checker {
    used: Vec<&'static str>,
    /// Variables of comprehensions, with what they range over.
    scopes: Vec<(String, Option<&'static Struct>)>,
}

impl Checker {
    /// What the expression is, or is a list of, where that is an object of the API.
    fn walk(&mut self, node: &IdedExpr) -> Result<Option<&'static Struct>, String> {
        match &node.expr {
            Expr::Ident(name) => return self.name(name),
            Expr::Select(select) => {
                let Some(of) = self.walk(&select.operand)? else { return Ok(None) };
                let Some(field) = of.field(&select.field) else {
                    let known: Vec<&str> = of.fields.iter().map(|field| &*field.name).collect();
                    let near = words::nearest(&select.field, &known).map(|near| format!("; did you mean {near}?"));
                    return Err(format!(
                        "{} has no field {:?}{}",
                        of.go_name(),
                        select.field,
                        near.unwrap_or_default()
                    ));
                };
                return Ok(field.ty.element_struct().filter(|_| !matches!(field.ty, schema::Type::Map(_))));
            }
            Expr::Call(call) => {
                let target = call.target.iter().map(AsRef::as_ref);
                let results = target.chain(&call.args).map(|part| self.walk(part)).collect::<Result<Vec<_>, _>>()?;
                // An element of a list.
                if call.func_name == "_[_]" {
                    return Ok(results.first().copied().flatten());
                }
            }
            Expr::Comprehension(inner) => {
                let element = self.walk(&inner.iter_range)?;
                self.walk(&inner.accu_init)?;
                let depth = self.scopes.len();
                self.scopes.push((inner.iter_var.clone(), element));
                self.scopes.push((inner.accu_var.clone(), None));
                self.scopes.extend(inner.iter_var2.clone().map(|name| (name, None)));
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.walk(part)?;
                }
                self.scopes.truncate(depth);
            }
            Expr::List(list) => _ = list.elements.iter().map(|part| self.walk(part)).collect::<Result<Vec<_>, _>>()?,
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr))?,
            Expr::Struct(of) => self.entries(of.entries.iter().map(|entry| &entry.expr))?,
            Expr::Literal(_) | Expr::Unspecified => {}
        }
        Ok(None)
    }

    fn entries<'a>(&mut self, entries: impl Iterator<Item = &'a EntryExpr>) -> Result<(), String> {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => _ = self.walk(&field.value)?,
                EntryExpr::MapEntry(entry) => {
                    self.walk(&entry.key)?;
                    self.walk(&entry.value)?;
                }
            }
        }
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<Option<&'static Struct>, String> {
        if let Some((_, of)) = self.scopes.iter().rev().find(|(known, _)| known == name) {
            return Ok(*of);
        }
        let Some(known) = VARIABLES.into_iter().find(|known| *known == name) else {
            return Err(format!("there is no variable {name:?}; there are {}", VARIABLES.join(", ")));
        };
        self.used.push(known);
        let kind = match known {
            "job" => Kind::known("batch", "v1", "Job"),
            "cronJob" => Kind::known("batch", "v1", "CronJob"),
            "pods" => Kind::known("", "v1", "Pod"),
            _ => return Ok(None),
        };
        Ok(schema::of_kind(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, job: &Value, pods: &[Value]) -> Answer {
        let facts = Facts { job: Some(job), pods, cron_job: None, elapsed_seconds: 90 };
        Expression::compile(text).expect(text).ask(&facts)
    }

    #[test]
    fn expressions_ask_of_jobs_and_pods() {
        let job =
            json!({"metadata": {"name": "pi"}, "spec": {"backoffLimit": 6}, "status": {"active": 2, "failed": 1}});
        let pods = [json!({"status": {"phase": "Running"}}), json!({"status": {"phase": "Failed"}})];
        for (text, answer) in [
            ("job.status.active > 1", Answer::Yes),
            ("job.status.succeeded > 0", Answer::No),
            ("job.status.active + job.status.failed - 1 == 2", Answer::Yes),
            ("job.status.failed > job.spec.backoffLimit", Answer::No),
            ("pods.filter(p, p.status.phase == 'Running').size() == 1", Answer::Yes),
            ("pods.exists(p, p.status.phase == 'Failed')", Answer::Yes),
            ("has(job.status.completionTime)", Answer::No),
            ("job.spec.completions == 1", Answer::Absent("completions".to_owned())),
            ("elapsed >= 90", Answer::Yes),
        ] {
            assert_eq!(ask(text, &job, &pods), answer, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_found_when_it_is_compiled() {
        for (text, part) in [
            ("job.status.active >", "expecting expression"),
            ("job.status.activ > 1", "JobStatus has no field \"activ\"; did you mean active?"),
            ("jobs.status.active > 1", "there is no variable \"jobs\""),
            ("pods.exists(p, p.status.fase == 'x')", "PodStatus has no field \"fase\""),
            ("job.status.active", "not true or false"),
            ("job.status.active > 'x'", ""),
            ("nosuch(job.status.active)", "nosuch"),
        ] {
            let why = Expression::compile(text).expect_err(text);
            assert!(why.to_lowercase().contains(&part.to_lowercase()), "{text}: {why}");
        }
    }
}
