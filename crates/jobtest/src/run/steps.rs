//! Steps of a test that go on once something holds: what a kuttl directory says.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;

use super::Driver;
use crate::format::{Said, Step, What};
use crate::judge;
use crate::kinds;
use crate::machine::Machine;
use crate::perform;
use crate::report::Failure;
use crate::world::{World, is_candidate, part_of, text};

impl Driver<'_> {
    /// Goes through the steps until one cannot be done or does not come true in its time. The fields of what was not
    /// looked at any more.
    pub(super) fn climb(&mut self, machine: &Machine) -> Vec<String> {
        let there = kinds::all().flat_map(|(kind, served)| {
            machine.list(&served.gvr).into_iter().map(move |mut object| {
                object["kind"] = kind.into();
                object
            })
        });
        let there: Vec<Value> = there.collect();
        machine.world.lock().remember(there);
        let steps = &self.test.steps;
        for (position, step) in steps.iter().enumerate() {
            if !self.apply(machine, step) {
                return fields(&steps[position..]);
            }
            if !self.reach(machine, step) {
                return fields(&steps[position + 1..]);
            }
        }
        Vec::new()
    }

    /// Applies a step's objects; those that have no name yet are created.
    fn apply(&mut self, machine: &Machine, step: &Step) -> bool {
        for document in &step.apply {
            let has_name = !text(&document.value, "/metadata/name").is_empty();
            let one = vec![document.clone()];
            let done = perform::perform(machine, &if has_name { What::Apply(one) } else { What::Create(one) });
            if let Err(refused) = done {
                let place = refused.field.as_deref().and_then(|field| document.source.place(field));
                let place = place.or_else(|| document.source.place("kind"));
                let field =
                    place.as_deref().and_then(|place| place.rsplit('/').next()).unwrap_or("manifests").to_owned();
                self.failures.push(Failure::at(0, &field, "applied", refused.message));
                return false;
            }
        }
        true
    }

    /// Lets time pass until all that a step asserts holds at one moment, or its time is over.
    fn reach(&mut self, machine: &Machine, step: &Step) -> bool {
        let end = machine.now().saturating_add(step.timeout).unwrap_or(jiff::Timestamp::MAX);
        let has_processes = machine.mode() != crate::format::ClockMode::Virtual;
        loop {
            self.settle(machine);
            let failures = check(&machine.world.lock(), step);
            if failures.is_empty() {
                return true;
            }
            if self.timed_out || machine.now() >= end {
                self.failures.extend(failures);
                return false;
            }
            let (world, wall_end, stop) = (machine.world.clone(), self.wall_end, self.stop);
            let (mut timed_out, mut held) = (false, false);
            let mut ended = world.lock().ended_containers();
            machine.run_until(end, || {
                timed_out = Instant::now() >= wall_end || stop.load(Ordering::Relaxed);
                let world = world.lock();
                // A state counts however short it is.
                held = held || check(&world, step).is_empty();
                let now = if has_processes { world.ended_containers() } else { ended };
                // Output of processes is read before their pods can go.
                held || timed_out || std::mem::replace(&mut ended, now) != now
            });
            self.timed_out = timed_out;
            if held {
                return true;
            }
        }
    }
}

fn fields(steps: &[Step]) -> Vec<String> {
    steps.iter().flat_map(|step| step.asserts.iter().chain(&step.errors)).map(|said| said.field.clone()).collect()
}

/// What of a step does not hold now.
fn check(world: &World, step: &Step) -> Vec<Failure> {
    let candidates = |said: &Said<Value>| world.there().filter(|object| is_candidate(&said.value, object)).collect();
    let assert = |said: &Said<Value>| {
        let found: Vec<&Value> = candidates(said);
        let holds = found.iter().any(|object| part_of(&said.value, object).is_ok());
        (!holds).then(|| judge::unlike(said, found.first().copied(), "when the step's time was over"))
    };
    let error = |said: &Said<Value>| {
        let found: Vec<&Value> = candidates(said);
        let object = found.into_iter().find(|object| part_of(&said.value, object).is_ok())?;
        let kind = text(&said.value, "/kind");
        let got = format!("{kind} {} is so", text(object, "/metadata/name"));
        Some(Failure::at(said.line, &said.field, format!("no {kind} like this"), got))
    };
    step.asserts.iter().filter_map(assert).chain(step.errors.iter().filter_map(error)).collect()
}
