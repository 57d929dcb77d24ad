//! The laws of a CronJob's plan over random histories: fixpoint, crash after every effect, staleness, time, progress.
//! What is never to happen, such as an activation that is started twice, the world refuses.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::*;
use super::world::{World, effects};

#[derive(Clone, Debug)]
enum Action {
    Advance(i64),
    /// A Job, chosen by number, ends.
    End(usize, End),
    DeleteJob(usize),
    /// The cache catches up, with the Jobs or with everything.
    ObserveJobs,
    Observe,
    /// The controller plans and performs; with a number it stops after so many effects and starts anew.
    Step(Option<usize>),
    Schedule(&'static str),
    Suspend(bool),
    Concurrency(Concurrency),
    Deadline(Option<i64>),
    Limits(i64, i64),
}

/// By minutes, by hours, where clocks are changed, with other intervals, by days of month or week, and never.
const SCHEDULES: [&str; 10] = [
    "*/5 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "15 1 * * *",
    "@every 7m",
    "@daily",
    "7,9 3-5 * * *",
    "0 9 13 * 5",
    "59 23 31 2 *",
    "0 0 30 2 *",
];

fn schedule() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SCHEDULES.as_slice())
}

fn concurrency() -> impl Strategy<Value = Concurrency> {
    prop::sample::select([Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace].as_slice())
}

fn cron_job() -> impl Strategy<Value = CronJob> {
    let zone =
        prop::option::of(prop::sample::select(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"].as_slice()));
    // Around the days on which clocks are changed, among others.
    let created = prop::sample::select(
        [
            "2024-03-30T22:10:00Z",
            "2024-10-26T22:10:00Z",
            "2024-03-10T05:00:30Z",
            "2024-11-03T04:00:00Z",
            "2024-07-01T00:00:00Z",
        ]
        .as_slice(),
    );
    let deadline = prop::option::weighted(0.3, 0i64..4_000);
    (schedule(), concurrency(), zone, created, deadline, (0i64..3, 0i64..3)).prop_map(
        |(schedule, concurrency, zone, created, deadline, limits)| CronJob {
            created: created.parse().expect("a time"),
            schedule: schedule.to_owned(),
            time_zone: zone.map(str::to_owned),
            concurrency,
            starting_deadline: deadline.map(SignedDuration::from_secs),
            successful_limit: Some(limits.0),
            failed_limit: Some(limits.1),
            ..super::hourly()
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let end = prop_oneof![Just(End::Complete), Just(End::Failed)];
    prop_oneof![
        4 => (1i64..600).prop_map(Action::Advance),
        2 => (600i64..100_000).prop_map(Action::Advance),
        1 => (100_000i64..3_000_000).prop_map(Action::Advance),
        5 => (0usize..4, end).prop_map(|(job, end)| Action::End(job, end)),
        1 => (0usize..4).prop_map(Action::DeleteJob),
        2 => Just(Action::ObserveJobs),
        4 => Just(Action::Observe),
        8 => Just(Action::Step(None)),
        4 => (0usize..4).prop_map(|stop| Action::Step(Some(stop))),
        1 => schedule().prop_map(Action::Schedule),
        1 => any::<bool>().prop_map(Action::Suspend),
        1 => concurrency().prop_map(Action::Concurrency),
        1 => prop::option::of(0i64..4_000).prop_map(Action::Deadline),
        1 => (0i64..3, 0i64..3).prop_map(|(successful, failed)| Action::Limits(successful, failed)),
    ]
}

fn act(world: &mut World, action: &Action) {
    match *action {
        Action::Advance(seconds) => world.advance(seconds),
        Action::End(number, end) => world.end(number, end),
        Action::DeleteJob(number) => world.delete_job(number),
        Action::ObserveJobs => world.observe_jobs(),
        Action::Observe => world.observe(),
        Action::Step(stop) => drop(world.step(stop)),
        Action::Schedule(schedule) => world.edit(|cron_job| schedule.clone_into(&mut cron_job.schedule)),
        Action::Suspend(suspend) => world.edit(|cron_job| cron_job.suspend = suspend),
        Action::Concurrency(policy) => world.edit(|cron_job| cron_job.concurrency = policy),
        Action::Deadline(seconds) => {
            world.edit(|cron_job| cron_job.starting_deadline = seconds.map(SignedDuration::from_secs));
        }
        Action::Limits(successful, failed) => world.edit(|cron_job| {
            (cron_job.successful_limit, cron_job.failed_limit) = (Some(successful), Some(failed));
        }),
    }
}

fn run(cron_job: CronJob, actions: &[Action]) -> World {
    let mut world = World::new(cron_job);
    for action in actions {
        act(&mut world, action);
    }
    world
}

fn outcome(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut active: Vec<String> = world.cron_job.status.active.iter().map(|job| job.name.clone()).collect();
    active.sort();
    let mut jobs: Vec<String> = world.jobs.iter().map(|job| job.name.clone()).collect();
    jobs.sort();
    (active, jobs, world.cron_job.status.last_schedule, world.cron_job.status.last_successful, world.started.clone())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn fixpoint_planning_again_changes_nothing(
        cron_job in cron_job(), actions in prop::collection::vec(action(), 0..50),
    ) {
        let mut world = run(cron_job, &actions);
        world.settle();
        let again = world.plan_at(world.now);
        prop_assert!(effects(&again).is_empty(), "{:#?}", again);
        let ended = |end: End| world.jobs.iter().filter(|job| job.end == Some(end)).count() as i64;
        prop_assert!(Some(ended(End::Complete)) <= world.cron_job.successful_limit);
        prop_assert!(Some(ended(End::Failed)) <= world.cron_job.failed_limit);
        let mut running: Vec<&str> =
            world.jobs.iter().filter(|job| job.end.is_none()).map(|job| job.name.as_str()).collect();
        running.sort_unstable();
        let mut active: Vec<&str> = world.cron_job.status.active.iter().map(|job| job.name.as_str()).collect();
        active.sort_unstable();
        prop_assert_eq!(active, running, "the status names what runs");
    }

    #[test]
    fn crash_after_any_effect_leads_to_the_same_end(
        cron_job in cron_job(), actions in prop::collection::vec(action(), 0..40), again in 0usize..4,
    ) {
        let mut whole = run(cron_job, &actions);
        whole.observe();
        let crashes = effects(&whole.plan_at(whole.now)).len();
        let before = whole.clone();
        whole.settle();
        for stop in 0..crashes {
            let mut broken = before.clone();
            broken.step(Some(stop));
            broken.step(Some(again));
            broken.settle();
            prop_assert_eq!(outcome(&whole), outcome(&broken), "stopped after {} effects, then after {}", stop, again);
        }
    }

    /// Only the controller's own writes are always in the cache. The world refuses a start too many.
    #[test]
    fn staleness_no_delay_of_events_starts_a_job_too_many(
        cron_job in cron_job(), actions in prop::collection::vec((action(), any::<bool>()), 0..50),
    ) {
        let mut world = World::new(cron_job);
        for (action, jobs_seen) in &actions {
            if !matches!(action, Action::Observe | Action::Step(Some(_))) {
                act(&mut world, action);
            }
            if *jobs_seen {
                world.observe_jobs();
            }
            world.step(None);
        }
    }

    #[test]
    fn time_nothing_is_to_be_done_before_the_plan_says_so(
        cron_job in cron_job(), actions in prop::collection::vec(action(), 0..40), part in 0i64..1_000,
    ) {
        let mut world = run(cron_job, &actions);
        let plan = world.settle();
        let span = plan.wake_at.map_or(1_000_000_000, |wake_at| wake_at.as_millisecond() - world.now.as_millisecond() - 101);
        let later = world.now.saturating_add(SignedDuration::from_millis(span.max(0) / 1_000 * part)).expect("in range");
        let again = world.plan_at(later);
        prop_assert!(effects(&again).is_empty(), "at {later}, wake at {:?}: {:#?}", plan.wake_at, again);
        if let Some(wake_at) = plan.wake_at {
            prop_assert!(wake_at > world.now);
            prop_assert!(world.plan_at(wake_at).wake_at.is_none_or(|next| next > wake_at), "it would spin");
        }
    }

    /// The most recent activation is started unless something holds it back.
    #[test]
    fn progress_what_is_due_is_started(
        cron_job in cron_job(), actions in prop::collection::vec(action(), 0..40), pause in 0i64..200_000,
    ) {
        let mut world = run(cron_job, &actions);
        world.edit(|cron_job| {
            (cron_job.suspend, cron_job.starting_deadline, cron_job.concurrency) = (false, None, Concurrency::Replace);
        });
        world.advance(pause);
        world.settle();
        let (schedule, zone) = world.schedule().expect("all can be read");
        let since = world.cron_job.status.last_schedule.unwrap_or(world.cron_job.created);
        let missed = schedule.next(since, &zone).filter(|next| *next <= world.now);
        prop_assert_eq!(missed, None, "not started");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_schedule_without_activations_never_fires_and_never_spins(
        base in cron_job(), looks in prop::collection::vec(1i64..10_000_000, 1..6),
    ) {
        for schedule in ["0 0 30 2 *", "59 23 31 2 *", "0 0 31 4,6,9,11 *"] {
            let mut world = World::new(CronJob { schedule: schedule.to_owned(), ..base.clone() });
            for seconds in &looks {
                let plan = world.settle();
                prop_assert_eq!((&plan.start, &plan.wake_at), (&None, &None));
                world.advance(*seconds);
            }
        }
    }
}
