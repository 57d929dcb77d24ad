//! From arguments to exit code: reads the command line, sets up talk and logging, runs the verb, explains its error.

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::cli::cron::CronVerb;
use crate::cli::verbs::{ClockMode, ServerVerb};
use crate::cli::{self, Verb};
use crate::embedded::Time;
use crate::exit::{self, Code, Family};
use crate::screen::Screen;
use crate::verbs::{self, Setting};

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    // clap ends the process itself for help (0) and for what cannot be read (2).
    let (cli, wrong) = cli::parse();
    let screen = Screen::detect(cli.talk.colour(), cli.talk.ascii, cli.talk.quiet);
    if let Some(wrong) = wrong.filter(|_| !matches!(cli.verb, Verb::Help(_) | Verb::Man { .. } | Verb::Completion(_))) {
        screen.say(format!("error: {wrong}"));
        return Code::Usage.into();
    }
    log(cli.talk.verbosity, matches!(cli.verb, Verb::Serve(_)));
    let family = family(&cli.verb);
    let time = Time::new(clock_mode(&cli.verb));
    let setting = Setting { connection: cli.connection, screen, time };
    match dispatch(&setting, cli.verb) {
        Ok(code) => code.into(),
        Err(error) => {
            let (code, text) = exit::explain(&error, family);
            screen.say(text);
            code.into()
        }
    }
}

fn dispatch(setting: &Setting, verb: Verb) -> anyhow::Result<Code> {
    match verb {
        Verb::Completion(verb) => verbs::completion::run(setting, verb),
        Verb::Help(args) => verbs::help::run(&args),
        Verb::Man { dir } => verbs::help::write_manual(&dir),
        Verb::Env(args) => verbs::serve::env(setting, &args),
        // Its clusters bring runtimes of their own.
        Verb::Test(args) => verbs::test::run(setting, &args),
        verb => {
            // Servers work on all cores; a command that only talks to one starts faster without further threads.
            let mut builder = match &verb {
                Verb::Serve(_) | Verb::Server(_) | Verb::Sandbox(_) | Verb::Lint(_) | Verb::Doctor(_) => {
                    setting.time.runtime()
                }
                Verb::Run(args) if args.place.ephemeral || std::env::var_os("CI").is_some() => setting.time.runtime(),
                _ => tokio::runtime::Builder::new_current_thread(),
            };
            let runtime = builder.enable_all().build()?;
            let result = runtime.block_on(talk_to_server(setting, verb));
            // Reads of standard input and look-ups that still hang are nobody's business any more.
            runtime.shutdown_background();
            result
        }
    }
}

/// Whether the verb's exit code is the outcome of a Job.
fn family(verb: &Verb) -> Family {
    match verb {
        Verb::Run(_) | Verb::Rerun(_) | Verb::Wait(_) | Verb::Cron(CronVerb::Trigger(_)) => Family::Outcome,
        Verb::Why(args) if args.exit_status => Family::Outcome,
        Verb::Logs(args) if args.read.exit_status => Family::Outcome,
        _ => Family::Plain,
    }
}

/// How time passes in a cluster that this command may hold.
fn clock_mode(verb: &Verb) -> ClockMode {
    match verb {
        Verb::Serve(args) => args.clock,
        Verb::Sandbox(args) => args.clock,
        Verb::Server(ServerVerb::Start(args)) if args.foreground => args.options.clock,
        _ => ClockMode::Real,
    }
}

async fn talk_to_server(setting: &Setting, verb: Verb) -> anyhow::Result<Code> {
    match verb {
        Verb::Run(args) => verbs::run::run(setting, *args).await,
        Verb::Rerun(args) => verbs::rerun::run(setting, *args).await,
        Verb::Get(args) => verbs::get::run(setting, args).await,
        Verb::Describe(args) => verbs::describe::run(setting, args).await,
        Verb::Why(args) => verbs::why::run(setting, args).await,
        Verb::Timeline(args) => verbs::timeline::run(setting, args).await,
        Verb::Logs(args) => verbs::logs::run(setting, *args).await,
        Verb::Wait(args) => verbs::wait::run(setting, args).await,
        Verb::Delete(args) => verbs::delete::run(setting, args).await,
        Verb::Shell(args) => verbs::shell::run(setting, args).await,
        Verb::History(args) => verbs::history::run(setting, args).await,
        Verb::Suspend(args) => verbs::change::run(setting, args, true).await,
        Verb::Resume(args) => verbs::change::run(setting, args, false).await,
        Verb::Cron(verb) => verbs::cron::run(setting, verb).await,
        Verb::Server(verb) => verbs::serve::run(setting, verb).await,
        Verb::Serve(args) => verbs::serve::daemon(setting, &args).await,
        Verb::Sandbox(args) => verbs::sandbox::run(setting, &args).await,
        Verb::Clock(verb) => verbs::clock::run(setting, verb).await,
        Verb::Lint(args) => verbs::lint::run(setting, args).await,
        Verb::Doctor(args) => verbs::doctor::run(setting, args).await,
        Verb::Version(args) => verbs::version::run(setting, args).await,
        Verb::Env(_) | Verb::Test(_) | Verb::Completion(_) | Verb::Help(_) | Verb::Man { .. } => Ok(Code::Success),
    }
}

/// Logs to standard error when asked to; the server logs what matters into its file.
fn log(verbosity: Option<u8>, is_server: bool) {
    let level = match (verbosity, is_server) {
        (None, false) => return,
        (None, true) | (Some(0..=3), _) => "info",
        (Some(4..=7), _) => "debug",
        (Some(8..), _) => "trace",
    };
    // Libraries print request headers, with the token, at their finest levels: these stay off at any verbosity.
    let filter = EnvFilter::new(format!(
        "{level},hyper=info,hyper_util=info,kube=info,kube_client=info,h2=info,rustls=info,tower=info"
    ));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
