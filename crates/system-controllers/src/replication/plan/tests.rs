//! The rules, one by one.

use super::super::pod::Phase;
use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(10_000).expect("in range")
}

fn labels(app: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), app.to_owned())])
}

fn input(replicas: usize) -> Input {
    let selector = LabelSelector::parse("app=web").expect("a selector");
    Input { replicas, selector, template_labels: labels("web"), generation: 3, ..Input::default() }
}

fn pod(uid: &str) -> PodView {
    let since = Timestamp::from_second(9_000).ok();
    PodView {
        uid: Uid::from(uid),
        name: uid.to_owned(),
        owned: true,
        labels: labels("web"),
        assigned: true,
        phase: Phase::Running,
        ready: true,
        ready_since: since,
        created: since,
        ..PodView::default()
    }
}

fn names(pods: &[PodRef]) -> Vec<&str> {
    pods.iter().map(|pod| pod.name.as_str()).collect()
}

#[test]
fn pods_that_are_over_or_going_are_replaced() {
    let over = PodView { phase: Phase::Terminal, ..pod("over") };
    let going = PodView { deleting: true, ..pod("going") };
    let plan = plan(&input(3), &[pod("a"), over, going], now());
    assert_eq!(plan, Plan { creates: 2, ..Plan::default() });
}

#[test]
fn the_least_useful_of_the_surplus_goes() {
    let starting = PodView { phase: Phase::Pending, ready: false, ready_since: None, ..pod("starting") };
    let plan = plan(&input(1), &[pod("a"), starting], now());
    assert_eq!(names(&plan.deletes), ["starting"]);
    assert_eq!(plan.creates, 0);
}

#[test]
fn one_plan_acts_on_no_more_than_a_burst() {
    assert_eq!(plan(&input(2_000), &[], now()).creates, BURST);
    let pods: Vec<PodView> = (0..1_200).map(|number| pod(&number.to_string())).collect();
    assert_eq!(plan(&input(0), &pods, now()).deletes.len(), BURST);
}

#[test]
fn ownership_is_settled_before_anything_else() {
    let orphan = PodView { owned: false, ..pod("orphan") };
    let strange = PodView { owned: false, labels: labels("other"), ..pod("strange") };
    let astray = PodView { labels: labels("other"), ..pod("astray") };
    let settled = plan(&input(5), &[orphan.clone(), strange, astray.clone()], now());
    assert_eq!((names(&settled.adoptions), names(&settled.releases)), (vec!["orphan"], vec!["astray"]));
    assert_eq!(settled.creates, 0);
    let over = |pod: PodView| PodView { phase: Phase::Terminal, ..pod };
    let left = plan(&input(0), &[over(orphan), over(astray)], now());
    assert_eq!(left, Plan::default(), "pods that are over belong to whom they belonged");
}

#[test]
fn a_controller_that_is_being_deleted_does_nothing() {
    let orphan = PodView { owned: false, ..pod("orphan") };
    let input = Input { deleting: true, ..input(5) };
    assert_eq!(plan(&input, &[orphan, pod("a")], now()), Plan::default());
}

#[test]
fn the_status_counts_the_pods_that_the_plan_saw() {
    let labelled = PodView { labels: BTreeMap::from([("app".to_owned(), "web".to_owned())]), ..pod("a") };
    let fresh = PodView { ready_since: Timestamp::from_second(9_995).ok(), ..pod("fresh") };
    let unready = PodView { ready: false, ready_since: None, ..pod("unready") };
    let gone = PodView { deleting: true, ..pod("gone") };
    let template_labels = BTreeMap::from([("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "x".to_owned())]);
    let input = Input { min_ready_seconds: 10, template_labels, ..input(3) };
    let full = PodView { labels: input.template_labels.clone(), ..unready };
    let pods = [labelled, fresh, full, gone];
    let status = status(&input, &pods, None, now()).expect("it is new");
    assert_eq!((status.replicas, status.ready_replicas, status.available_replicas), (3, Some(2), Some(1)));
    assert_eq!((status.fully_labeled_replicas, status.observed_generation), (Some(1), Some(3)));
    assert_eq!(next_look(&input, &pods, now()), Timestamp::from_second(10_005).ok(), "then the fresh one is available");
    let written = Input { status, ..input };
    assert_eq!(super::status(&written, &pods, None, now()), None);
}

#[test]
fn a_failure_is_told_once_and_taken_back_when_it_is_over() {
    let mut input = input(3);
    let told = status(&input, &[pod("a")], Some("no room"), now()).expect("it is new");
    let condition = &told.conditions.as_deref().expect("conditions")[0];
    assert_eq!((condition.type_.as_str(), condition.status.as_str()), ("ReplicaFailure", "True"));
    assert_eq!((condition.reason.as_deref(), condition.message.as_deref()), (Some("FailedCreate"), Some("no room")));
    input.status = told;
    assert_eq!(status(&input, &[pod("a")], Some("still none"), now()), None, "the first text stands");
    let over = status(&input, &[pod("a")], None, now()).expect("it is over");
    assert_eq!(over.conditions.as_deref(), Some(&[][..]));
    let many = [pod("a"), pod("b"), pod("c"), pod("d")];
    let told = status(&Input { status: Status::default(), ..input }, &many, Some("held"), now()).expect("it is new");
    assert_eq!(told.conditions.expect("conditions")[0].reason.as_deref(), Some("FailedDelete"));
}

#[test]
fn nothing_is_written_for_zeros_that_are_left_out() {
    let input = Input { generation: 0, ..input(0) };
    assert_eq!(status(&input, &[], None, now()), None);
}
