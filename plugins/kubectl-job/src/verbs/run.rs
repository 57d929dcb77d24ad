//! `run`: creates what the flags or the manifest say, follows the Job, and ends with its result.

mod conclude;
mod interrupt;
mod source;
mod watch;

use std::io::Read as _;

use anyhow::Context as _;
use api::k8s::api::batch::v1::Job;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::logs::LogOptions;
use api::resource::JOBS;
use jiff::SignedDuration;
use serde_json::Value;

use super::Setting;
use crate::cli::run::{DryRun, OnInterrupt, RunArgs};
use crate::exit::{Code, Failure};
use crate::follow::printer::Printer;
use crate::follow::{Ending, Follower, Interrupts, KeyRights, Manner, progress};
use crate::lines::Show;
use crate::manifest::{Document, Source};
use crate::output::{self, Format};
use crate::server::state::StateDir;
use crate::target::{self, Target};
use crate::view::facts;
use crate::{history, objects, probe, stories};

/// How long an obstacle may last where nobody else can remove it: in a cluster that lives inside this command.
const EPHEMERAL_PATIENCE: SignedDuration = SignedDuration::from_secs(3);

/// Runs the verb.
///
/// # Errors
/// Wrong flags or manifests, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: RunArgs) -> anyhow::Result<Code> {
    let format = checked_format(&args)?;
    if !args.place.watch_files.is_empty() {
        return watch::run(setting, args, &format).await;
    }
    let documents = source::documents(&args)?;
    if let (Some(DryRun::Client), Some(documents)) = (args.how.dry_run, &documents) {
        return dry_run_client(setting, documents, &format);
    }
    let how = &args.how;
    if args.place.ephemeral && args.from.is_some() {
        let text = "error: --from copies what is on a server, and that of --ephemeral is new and empty";
        return Err(Failure::usage(text).into());
    }
    let stays = how.detach || args.from.is_some();
    let target = target::open_for_run(setting, &args.place, stays).await?;
    let result = match (documents, &args.from) {
        (Some(documents), _) => run_on(setting, &args, &format, documents, &target).await,
        (None, from) => run_copy(setting, &args, &format, from.as_deref().unwrap_or_default(), &target).await,
    };
    target.close().await;
    result
}

/// Runs a copy of something that is on the server.
async fn run_copy(
    setting: &Setting,
    args: &RunArgs,
    format: &Format,
    from: &str,
    target: &Target,
) -> anyhow::Result<Code> {
    let documents = source::copied(args, from, target).await?;
    if args.how.dry_run == Some(DryRun::Client) {
        return dry_run_client(setting, &documents, format);
    }
    run_on(setting, args, format, documents, target).await
}

/// The format of objects, where any are shown.
///
/// # Errors
/// One that does not go with the other flags.
pub(super) fn checked_format(args: &RunArgs) -> Result<Format, Failure> {
    let format = Format::parse(args.how.output.as_deref())?;
    let shows_objects = args.how.detach || matches!(args.how.dry_run, Some(DryRun::Client | DryRun::Server));
    if args.how.output.is_some() && !shows_objects {
        return Err(Failure::usage(
            "error: standard output carries the Job's output: -o goes with --dry-run or --detach",
        ));
    }
    Ok(format)
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// A file that cannot be read or is no UTF-8.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|content| bytes = content)
    };
    match read {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::usage(format!("error: the path \"{file}\" does not exist")));
        }
        Err(error) => {
            let why = jobtest::unreadable(std::path::Path::new(file), &error);
            return Err(Failure::usage(format!("error: {file}: {why}")));
        }
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("error: {file} is not UTF-8 text")))
}

/// Shows what would be sent; needs no server.
///
/// # Errors
/// Namespaces that do not agree.
pub(super) fn dry_run_client(setting: &Setting, documents: &[Document], format: &Format) -> anyhow::Result<Code> {
    let forced = setting.connection.namespace.as_deref();
    let mut values = Vec::new();
    for document in documents {
        let mut value = document.value.clone();
        let address = objects::address(document, forced.unwrap_or("default"), forced)?;
        if let (Some(namespace), true) = (address.namespace, forced.is_some()) {
            value["metadata"]["namespace"] = namespace.into();
        }
        values.push(value);
    }
    show(values, format, " (dry run)")
}

/// Shows objects in the format, or as kubectl's `created` lines.
fn show(values: Vec<Value>, format: &Format, suffix: &str) -> anyhow::Result<Code> {
    let text = match format {
        Format::Table(_) => values
            .iter()
            .map(|value| format!("{} created{suffix}\n", crate::screen::escape(&output::name(value))))
            .collect(),
        Format::Yaml if values.len() > 1 => values.iter().map(output::yaml).collect::<Vec<_>>().join("---\n"),
        _ => {
            let single = values.len() == 1;
            format.render(values, single)?
        }
    };
    output::put(&text)?;
    Ok(Code::Success)
}

/// Creates the objects, and follows their Jobs.
///
/// # Errors
/// Refusals of the server.
pub(super) async fn run_on(
    setting: &Setting,
    args: &RunArgs,
    format: &Format,
    documents: Vec<Document>,
    target: &Target,
) -> anyhow::Result<Code> {
    let dry_run = args.how.dry_run == Some(DryRun::Server);
    if args.how.strict {
        refuse_warnings(setting, &documents, target).await?;
    }
    let mut interrupts = Interrupts::new().context("listen for signals")?;
    let mut printer = Printer::new(setting.screen);
    if !args.how.detach && !dry_run {
        target.introduce(setting.screen);
    }
    let (mut created, jobs) = create(setting, args, documents, target, &mut printer).await?;
    if dry_run || args.how.detach {
        created.iter_mut().for_each(output::hide_managed_fields);
        return show(created, format, if dry_run { " (server dry run)" } else { "" });
    }
    let mut code = Code::Success;
    for (job, source) in jobs {
        let followed = attach(args, target, job, &source, &mut printer, &mut interrupts).await?;
        code = code.max(followed);
        if matches!(followed, Code::Interrupted | Code::Terminated | Code::Server) {
            break;
        }
    }
    Ok(code)
}

/// Creates the objects: what they became, and which of them are Jobs.
async fn create(
    setting: &Setting,
    args: &RunArgs,
    documents: Vec<Document>,
    target: &Target,
    printer: &mut Printer,
) -> anyhow::Result<(Vec<Value>, Vec<(Job, Source)>)> {
    let dry_run = args.how.dry_run == Some(DryRun::Server);
    // An ephemeral Job is looked at by nobody later.
    let state = StateDir::open(setting.connection.state_dir.as_deref()).ok().filter(|_| !target.is_ephemeral());
    let (mut created, mut jobs) = (Vec::new(), Vec::new());
    for mut document in documents {
        let address = objects::address(&document, &target.namespace, setting.connection.namespace.as_deref())?;
        let is_job = objects::is_job(&document.value);
        if args.how.replace && is_job && !dry_run {
            replace(target, &document.value, address.namespace.as_deref()).await?;
        }
        if args.place.no_history && is_job && target.is_local() {
            history::leave_out(&mut document.value);
        }
        let object = objects::create(&target.client, &document, &address, dry_run, setting.screen).await;
        let object = object.map_err(explain_existing)?;
        if is_job {
            if let (Some(state), Some(manifest), false) = (&state, document.source.manifest(), dry_run) {
                stories::sources::keep(state, object.meta().uid.as_str(), &manifest);
            }
            jobs.push((object.decode::<Job>()?, document.source));
        } else if !args.how.detach && !dry_run {
            printer.note(format!("{} created", crate::screen::escape(&output::name(&object.to_value()))));
        }
        created.push(object.to_value());
    }
    Ok((created, jobs))
}

/// Follows one Job to its end and tells its result.
async fn attach(
    args: &RunArgs,
    target: &Target,
    job: Job,
    source: &Source,
    printer: &mut Printer,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Code> {
    let screen = printer.screen();
    printer.note(progress::created(&job, screen));
    let how = &args.how;
    let patience = how.fail_on_stuck.map(|span| span.0);
    let manner = Manner {
        logs: how.logs,
        no_prefix: how.no_prefix,
        read: LogOptions { follow: true, timestamps: how.timestamps, ..LogOptions::default() },
        show: Show::everything(),
        in_order: false,
        container: None,
        timeout: how.timeout.map(|span| span.0),
        keys: key_rights(target, how.on_interrupt),
        history: target.history.clone(),
        fail_on_stuck: patience.or_else(|| target.is_ephemeral().then_some(EPHEMERAL_PATIENCE)),
    };
    let mut follower = Follower::new(target.client.clone(), job, manner, printer);
    let ending = follower.run(interrupts).await;
    let last_lines = follower.last_lines();
    let Follower { job, attempts, .. } = follower;
    let end = conclude::End { job: &job, attempts: &attempts, ending: &ending, source, last_lines: &last_lines };
    let code = end.tell(args, target, printer);
    match ending {
        Ending::Interrupted(_) => interrupt::stop(target, &job, how.on_interrupt, printer, interrupts).await,
        Ending::Detached => interrupt::tell_detached(target, &job, printer),
        _ => {}
    }
    if let Some(file) = &how.result_file {
        end.write_result(file, code)?;
    }
    if how.rm && facts::outcome(&job).is_some() {
        delete(target, &job).await?;
    }
    Ok(code)
}

/// A Job that ends with this command cannot be left.
fn key_rights(target: &Target, on_interrupt: Option<OnInterrupt>) -> KeyRights {
    match interrupt::fitting(target, on_interrupt) {
        _ if target.is_ephemeral() => KeyRights::Stay,
        OnInterrupt::Suspend => KeyRights::Leave("suspend"),
        OnInterrupt::Delete => KeyRights::Leave("delete"),
        OnInterrupt::Detach => KeyRights::Leave("detach"),
    }
}

/// A name that is taken is no fault of the manifest's; say what can be done.
fn explain_existing(error: anyhow::Error) -> anyhow::Error {
    let taken = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<client::Error>())
        .is_some_and(client::Error::is_already_exists);
    if let Some(namespace) = missing_namespace(&error) {
        let (code, text) = crate::exit::explain(&error, crate::exit::Family::Outcome);
        let namespace = crate::screen::escape(&namespace).into_owned();
        return Failure::new(code, format!("{text}\nmake it: kubectl create namespace {namespace}")).into();
    }
    if !taken {
        return error;
    }
    let (_, text) = crate::exit::explain(&error, crate::exit::Family::Outcome);
    Failure::usage(format!("{text}\nrun it with --replace to delete the old Job first, or under another name")).into()
}

/// The namespace that a server says it does not have.
fn missing_namespace(error: &anyhow::Error) -> Option<String> {
    let status = error.chain().find_map(|cause| cause.downcast_ref::<client::Error>()?.status())?;
    let details = status.details.as_ref().filter(|_| status.code == 404)?;
    (details.kind == "namespaces").then(|| details.name.clone())
}

/// `--strict`: whatever the server would warn of, such as fields without effect there, is an error.
async fn refuse_warnings(setting: &Setting, documents: &[Document], target: &Target) -> anyhow::Result<()> {
    if target.is_local() {
        // Whether this machine gives sandboxes shows in the first that is made; the warnings are exact from then on.
        probe::run(&target.client, probe::SANDBOXED).await;
    }
    let mut warnings = Vec::new();
    for document in documents {
        let address = objects::address(document, &target.namespace, setting.connection.namespace.as_deref())?;
        warnings.extend(objects::send(&target.client, document, &address, true).await?.warnings);
    }
    match warnings.as_slice() {
        [] => Ok(()),
        warnings => Err(Failure::usage(format!("error: refused by --strict:\n{}", warnings.join("\n"))).into()),
    }
}

/// Deletes the Job of the same name and waits until it is gone.
async fn replace(target: &Target, value: &Value, namespace: Option<&str>) -> anyhow::Result<()> {
    let Some(name) = value.pointer("/metadata/name").and_then(Value::as_str) else { return Ok(()) };
    let options = background();
    match target.client.delete(&JOBS, namespace, name, &options).await {
        Ok(_) => super::delete::until_gone(target, namespace, name, None).await.map(|_| ()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a Job with its pods.
async fn delete(target: &Target, job: &Job) -> anyhow::Result<()> {
    match target.client.delete(&JOBS, Some(facts::namespace(job)), facts::name(job), &background()).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes dependents too, in the background: what people expect of `kubectl delete`, and not the API's default.
pub(crate) fn background() -> DeleteOptions {
    DeleteOptions { propagation_policy: Some("Background".to_owned()), ..DeleteOptions::default() }
}
