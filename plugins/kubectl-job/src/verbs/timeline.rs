//! `timeline`: a Job's attempts over time, as text, data or a picture.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use api::resource::{JOBS, PODS};
use client::{Observation, Selection};
use clock::SystemClock;
use explain::{Chart, Collector, Story};
use futures::StreamExt as _;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::{Setting, why};
use crate::cli::story::{Drawing, TimelineArgs};
use crate::exit::{Code, Failure};
use crate::follow::Interrupts;
use crate::output;
use crate::target::{self, Target};

/// How often a watched timeline is drawn at most.
const REDRAW: Duration = Duration::from_millis(500);

/// Runs the verb.
///
/// # Errors
/// Refusals of the server, unknown names.
pub(crate) async fn run(setting: &Setting, args: TimelineArgs) -> anyhow::Result<Code> {
    if args.watch && args.output != Drawing::Text {
        return Err(Failure::usage("error: --watch draws text: it does not go with -o").into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let story = why::story(setting, &target, args.name.as_deref()).await?;
    if args.watch {
        return watch(setting, &target, story).await;
    }
    output::put(&draw(setting, &story, args.output)?)?;
    Ok(Code::Success)
}

fn draw(setting: &Setting, story: &Story, drawing: Drawing) -> anyhow::Result<String> {
    let (chart, style) = (Chart::of(story), setting.screen.page());
    Ok(match drawing {
        Drawing::Text => format!("{}\n", chart.text(style, &TimeZone::system())),
        Drawing::Json => format!("{}\n", serde_json::to_string_pretty(&chart)?),
        Drawing::Mermaid => chart.mermaid(),
        Drawing::Svg => chart.svg(),
        Drawing::Perfetto => format!("{}\n", chart.perfetto()),
        Drawing::Html => {
            let style = explain::Style { colour: false, ..style };
            chart.html(&explain::why(story, &style))
        }
    })
}

/// Draws again with every change until the Job has ended or is gone: over the last drawing on a terminal, below it
/// elsewhere.
async fn watch(setting: &Setting, target: &Target, mut story: Story) -> anyhow::Result<Code> {
    let mut interrupts = Interrupts::new()?;
    let mut collector = Collector::default();
    story.pods.iter().for_each(|pod| collector.saw(pod));
    let uid = story.job["metadata"]["uid"].clone();
    let (mut jobs, mut pods) = (pin!(jobs(target, &story)), pin!(pods(target, &story)));
    let mut ticks = interval(REDRAW);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut drawn, mut changed, mut gone) = (0, true, false);
    loop {
        tokio::select! {
            biased;
            code = interrupts.next() => return Ok(code),
            Some(observation) = jobs.next() => {
                for (object, is_gone) in objects(observation).filter(|(object, _)| object["metadata"]["uid"] == uid) {
                    (story.job, gone, changed) = (object, gone || is_gone, true);
                }
            }
            Some(observation) = pods.next() => {
                for (pod, is_gone) in objects(observation) {
                    if is_gone { collector.gone(&pod) } else { collector.saw(&pod) }
                    changed = true;
                }
            }
            _ = ticks.tick() => {
                // Time passes on the chart of a terminal; elsewhere only changes are worth a drawing.
                if !changed && !setting.screen.stdout_is_terminal {
                    continue;
                }
                changed = false;
                story.pods = collector.pods().to_vec();
                story.now = crate::time::now();
                let text = draw(setting, &story, Drawing::Text)?;
                let above = if drawn > 0 && setting.screen.stdout_is_terminal {
                    format!("\u{1b}[{drawn}A\u{1b}[J")
                } else {
                    String::new()
                };
                output::put(&format!("{above}{text}"))?;
                drawn = text.lines().count();
                if gone || Chart::of(&story).ended {
                    return Ok(Code::Success);
                }
            }
        }
    }
}

fn jobs(target: &Target, story: &Story) -> impl futures::Stream<Item = Observation> + use<> {
    let name = story.job["metadata"]["name"].as_str().unwrap_or_default();
    let selection = Selection { field_selector: Some(format!("metadata.name={name}")), ..selection(story) };
    client::observe(target.client.clone(), Arc::new(SystemClock), JOBS, selection)
}

fn pods(target: &Target, story: &Story) -> impl futures::Stream<Item = Observation> + use<> {
    let job = serde_json::from_value(story.job.clone()).unwrap_or_default();
    let selection = Selection { label_selector: Some(explain::facts::pod_selector(&job)), ..selection(story) };
    client::observe(target.client.clone(), Arc::new(SystemClock), PODS, selection)
}

fn selection(story: &Story) -> Selection {
    let namespace = story.job["metadata"]["namespace"].as_str().map(str::to_owned);
    Selection { namespace, ..Selection::default() }
}

/// The objects of an observation, and whether each is gone.
fn objects(observation: Observation) -> impl Iterator<Item = (Value, bool)> {
    let (objects, is_gone) = match observation {
        Observation::Restarted { objects, .. } => (objects, false),
        Observation::Applied(object) => (vec![object], false),
        Observation::Deleted(object) => (vec![object], true),
        Observation::Reached(_) => (Vec::new(), false),
    };
    objects.into_iter().map(move |object| (object.to_value(), is_gone))
}
