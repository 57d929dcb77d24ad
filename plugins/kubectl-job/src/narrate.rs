//! `--show-kubectl`: each request of a command as the kubectl command that would send it, on standard error.
//!
//! It stands between a verb and its transport, so no verb can forget to tell and nothing is told that is not sent. A
//! request that is sent again, as watches and probes are, is told once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use api::logs::LogOptions;
use api::{Body, PatchType, Reply, Request, Verb};
use bytes::Bytes;
use client::{ByteStream, Client, Error, EventStream, Method, Transport};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::screen::{Screen, escape};

/// The same client, telling what it sends. `reach` is what kubectl needs to be told of the server.
pub(crate) fn wrap(client: Client, reach: &Reach) -> Client {
    let told = Mutex::default();
    if let Some(line) = reach.introduction() {
        Screen::default().say(line);
    }
    let flags = reach.flags();
    client.through(|inner| Arc::new(Narrator { inner, flags, told }))
}

/// How plain kubectl gets to the same server.
pub(crate) enum Reach {
    /// With this kubeconfig.
    Kubeconfig(String),
    /// Not at all: the server lives in this command.
    Never,
    /// With these flags.
    Flags(Vec<String>),
}

impl Reach {
    /// The flags that name a real cluster, as they were given.
    pub(crate) fn of(connection: &Connection) -> Self {
        let path = connection.kubeconfig.as_ref().map(|path| path.display().to_string());
        let given = [
            ("kubeconfig", path.as_ref()),
            ("context", connection.context.as_ref()),
            ("server", connection.server.as_ref()),
            ("cluster", connection.cluster.as_ref()),
            ("user", connection.user.as_ref()),
            ("as", connection.impersonate.as_ref()),
        ];
        // A token is not repeated on a screen.
        let flags = given.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", quote(value?))));
        Self::Flags(flags.collect())
    }

    fn introduction(&self) -> Option<String> {
        match self {
            Self::Kubeconfig(path) => Some(format!("+ export KUBECONFIG={}", quote(path))),
            Self::Never => Some("# a server inside this command: kubectl cannot reach it".to_owned()),
            Self::Flags(_) => None,
        }
    }

    fn flags(&self) -> String {
        match self {
            Self::Flags(flags) => flags.iter().map(|flag| format!(" {flag}")).collect(),
            Self::Kubeconfig(_) | Self::Never => String::new(),
        }
    }
}

struct Narrator {
    inner: Arc<dyn Transport>,
    flags: String,
    told: Mutex<HashSet<String>>,
}

impl Narrator {
    fn tell(&self, line: &str) {
        let is_new = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned());
        if is_new {
            let (first, rest) = line.split_once('\n').map_or((line, None), |(first, rest)| (first, Some(rest)));
            let rest = rest.map(|rest| format!("\n{rest}")).unwrap_or_default();
            Screen::default().say(format!("+ kubectl{} {first}{rest}", self.flags));
        }
    }
}

impl Transport for Narrator {
    fn call(&self, request: Request) -> BoxFuture<'static, Result<Reply, Error>> {
        self.tell(&command(&request));
        self.inner.call(request)
    }

    fn watch(&self, request: Request) -> BoxFuture<'static, Result<EventStream, Error>> {
        self.tell(&command(&request));
        self.inner.watch(request)
    }

    fn document(&self, method: Method, path: &str) -> BoxFuture<'static, Result<Bytes, Error>> {
        if method == Method::GET {
            self.tell(&format!("get --raw {}", quote(path)));
        } else {
            self.tell(&format!("create --raw {} -f /dev/null", quote(path)));
        }
        self.inner.document(method, path)
    }

    fn logs(&self, namespace: &str, pod: &str, options: LogOptions) -> BoxFuture<'static, Result<ByteStream, Error>> {
        self.tell(&logs(namespace, pod, &options));
        self.inner.logs(namespace, pod, options)
    }
}

/// What to type after `kubectl` for this request.
fn command(request: &Request) -> String {
    let mut words = match request.verb {
        Verb::Get => vec!["get".to_owned(), target(request), "-o json".to_owned()],
        Verb::List => vec!["get".to_owned(), target(request), "-o json".to_owned()],
        Verb::Watch => vec!["get".to_owned(), target(request), "--watch".to_owned()],
        Verb::Create => vec!["create".to_owned(), "--validate=strict".to_owned()],
        Verb::Update => vec!["replace".to_owned()],
        Verb::Patch => vec!["patch".to_owned(), target(request)],
        Verb::Delete | Verb::DeleteCollection => vec!["delete".to_owned(), target(request)],
    };
    words.extend(place(request));
    let options = &request.options;
    words.extend(options.label_selector.as_ref().map(|text| format!("-l {}", quote(text))));
    words.extend(options.field_selector.as_ref().map(|text| format!("--field-selector={}", quote(text))));
    words.extend(request.subresource.as_ref().map(|name| format!("--subresource={name}")));
    if options.dry_run {
        words.push("--dry-run=server".to_owned());
    }
    match (&request.body, request.verb) {
        (Body::Patch(kind, patch), _) => words.extend(patch_words(*kind, patch)),
        (Body::Object(options), Verb::Delete) => words.extend(delete_words(options)),
        (Body::Object(object), _) => {
            let text = crate::output::yaml(object);
            words.push(format!("-f - <<'EOF'\n{}EOF", escape_lines(&text)));
        }
        (Body::Empty, _) => {}
    }
    words.join(" ")
}

/// `jobs`, `jobs/pi`; kinds of other groups with their group, so that none is taken for another.
fn target(request: &Request) -> String {
    let (group, plural) = (&request.resource.group, &request.resource.plural);
    let kind = match group.as_ref() {
        "" | "batch" => plural.to_string(),
        group => format!("{plural}.{group}"),
    };
    match &request.name {
        Some(name) => format!("{kind}/{}", quote(name)),
        None => kind,
    }
}

fn place(request: &Request) -> Option<String> {
    match (&request.namespace, &request.name) {
        (Some(namespace), _) => Some(format!("-n {}", quote(namespace))),
        (None, None) if matches!(request.verb, Verb::List | Verb::Watch) => Some("-A".to_owned()),
        (None, _) => None,
    }
}

fn patch_words(kind: PatchType, patch: &Value) -> Vec<String> {
    let name = match kind {
        PatchType::Json => "json",
        PatchType::Merge => "merge",
        PatchType::StrategicMerge | PatchType::Apply => "strategic",
    };
    vec![format!("--type={name}"), format!("-p {}", quote(&patch.to_string()))]
}

fn delete_words(options: &Value) -> Vec<String> {
    let policy = options["propagationPolicy"].as_str().map(str::to_lowercase);
    let grace = options["gracePeriodSeconds"].as_i64();
    let words =
        [policy.map(|policy| format!("--cascade={policy}")), grace.map(|grace| format!("--grace-period={grace}"))];
    words.into_iter().flatten().chain(["--wait=false".to_owned()]).collect()
}

fn logs(namespace: &str, pod: &str, options: &LogOptions) -> String {
    let flags = [
        options.container.as_ref().map(|name| format!("-c {}", quote(name))),
        options.follow.then(|| "-f".to_owned()),
        options.previous.then(|| "-p".to_owned()),
        options.timestamps.then(|| "--timestamps".to_owned()),
        options.tail_lines.map(|lines| format!("--tail={lines}")),
        options.since_seconds.map(|seconds| format!("--since={seconds}s")),
        options.since_time.map(|time| format!("--since-time={time}")),
        options.limit_bytes.map(|bytes| format!("--limit-bytes={bytes}")),
    ];
    let flags: String = flags.into_iter().flatten().map(|flag| format!(" {flag}")).collect();
    format!("logs {} -n {}{flags}", quote(pod), quote(namespace))
}

/// Text as one word of a shell.
fn quote(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", escape(text).replace('\'', "'\\''"))
}

fn escape_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", escape(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Options;
    use api::resource::{JOBS, NAMESPACES, PODS};
    use serde_json::json;

    #[test]
    fn reads_are_gets() {
        let pi = Request::new(Verb::Get, JOBS, Some("team"), Some("pi"));
        assert_eq!(command(&pi), "get jobs/pi -o json -n team");
        let options = Options { label_selector: Some("a in (b)".to_owned()), ..Options::default() };
        let pods = Request::new(Verb::List, PODS, None, None).options(options);
        assert_eq!(command(&pods), "get pods -o json -A -l 'a in (b)'");
        assert_eq!(command(&Request::new(Verb::Get, NAMESPACES, None, Some("x"))), "get namespaces/x -o json");
    }

    #[test]
    fn writes_carry_their_body() {
        let patch = Body::Patch(PatchType::Merge, json!({"spec": {"suspend": true}}));
        let request = Request::new(Verb::Patch, JOBS, Some("d"), Some("pi")).body(patch);
        assert_eq!(command(&request), "patch jobs/pi -n d --type=merge -p '{\"spec\":{\"suspend\":true}}'");
        let options = json!({"propagationPolicy": "Background", "gracePeriodSeconds": 1});
        let request = Request::new(Verb::Delete, JOBS, Some("d"), Some("pi")).body(Body::Object(options));
        assert_eq!(command(&request), "delete jobs/pi -n d --cascade=background --grace-period=1 --wait=false");
        let request = Request::new(Verb::Create, JOBS, Some("d"), None).body(Body::Object(json!({"kind": "Job"})));
        assert_eq!(command(&request), "create --validate=strict -n d -f - <<'EOF'\nkind: Job\nEOF");
    }

    #[test]
    fn words_for_a_shell_are_quoted_when_they_must_be() {
        assert_eq!(
            (quote("a=b"), quote("it's"), quote("")),
            ("a=b".to_owned(), "'it'\\''s'".to_owned(), "''".to_owned())
        );
    }
}
