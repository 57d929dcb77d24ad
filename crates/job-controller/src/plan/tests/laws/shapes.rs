//! Every shape of Job that the API server lets in, in small numbers.

use api::k8s::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement as ExitCodes,
    PodFailurePolicyOnPodConditionsPattern as Pattern, PodFailurePolicyRule as Rule, SuccessPolicy, SuccessPolicyRule,
};
use proptest::prelude::*;

use super::super::super::indexes::Indexes;
use super::super::super::spec::{Spec, TemplateSpecView, TemplateView};

/// What kind of work the Job does: fixed completions, a work queue, Indexed, elastic, or with a back-off per index.
fn family() -> impl Strategy<Value = Spec> {
    let indexed = || Some("Indexed".to_owned());
    prop_oneof![
        3 => (0i32..7).prop_map(|completions| Spec { completions: Some(completions), ..Spec::default() }),
        1 => Just(Spec::default()),
        2 => (0i32..7).prop_map(move |completions| Spec {
            completions: Some(completions),
            completion_mode: indexed(),
            ..Spec::default()
        }),
        1 => (1i32..6).prop_map(move |size| Spec {
            completions: Some(size),
            parallelism: Some(size),
            completion_mode: indexed(),
            ..Spec::default()
        }),
        3 => (1i32..6, 0i32..3, prop::option::of(0i32..4)).prop_map(move |(completions, limit, most)| Spec {
            completions: Some(completions),
            completion_mode: indexed(),
            backoff_limit_per_index: Some(limit),
            max_failed_indexes: most.map(|most| most.min(completions)),
            ..Spec::default()
        }),
    ]
}

/// Any valid spec.
pub(super) fn shape() -> impl Strategy<Value = Spec> {
    let numbers = (0i32..5, 0i32..5, prop::option::weighted(0.25, 20i64..200));
    let flags = (prop::bool::weighted(0.15), prop::bool::weighted(0.3), any::<bool>());
    let policies = (
        prop::option::weighted(0.35, prop::collection::vec(failure_rule(), 1..4)),
        prop::option::weighted(0.3, prop::collection::vec(success_rule(), 1..3)),
    );
    (family(), numbers, flags, policies).prop_map(|(family, numbers, flags, policies)| {
        let (parallelism, limit, deadline) = numbers;
        let (suspended, on_failure, early) = flags;
        let per_index = family.backoff_limit_per_index.is_some();
        let mut spec = Spec {
            parallelism: family.parallelism.or(Some(parallelism)),
            backoff_limit: if per_index && early { None } else { Some(limit) },
            active_deadline_seconds: deadline,
            suspend: Some(suspended),
            pod_replacement_policy: Some(if early { "TerminatingOrFailed" } else { "Failed" }.to_owned()),
            ..family
        };
        add_policies(&mut spec, policies.0, policies.1);
        let never = spec.pod_failure_policy.is_some() || !on_failure;
        let restart_policy = Some(if never { "Never" } else { "OnFailure" }.to_owned());
        spec.template = TemplateView { spec: TemplateSpecView { restart_policy } };
        spec
    })
}

/// Adds the policies that the API server accepts for such a Job.
fn add_policies(spec: &mut Spec, failures: Option<Vec<Rule>>, successes: Option<Vec<SuccessPolicyRule>>) {
    if let Some(mut rules) = failures {
        for rule in rules.iter_mut().filter(|_| spec.backoff_limit_per_index.is_none()) {
            if rule.action == "FailIndex" {
                "Count".clone_into(&mut rule.action);
            }
        }
        spec.pod_failure_policy = Some(PodFailurePolicy { rules });
        spec.pod_replacement_policy = Some("Failed".to_owned());
    }
    let completions = spec.completions.unwrap_or(0);
    if let Some(mut rules) = successes.filter(|_| spec.is_indexed() && completions > 0) {
        for rule in &mut rules {
            let listed = rule.succeeded_indexes.take().map(|text| Indexes::parse(&text, spec.indexes()));
            let listed = listed.filter(|listed| !listed.is_empty());
            let most = listed.as_ref().map_or(completions, |listed| i32::try_from(listed.total()).expect("few"));
            rule.succeeded_count = rule.succeeded_count.or(listed.is_none().then_some(1)).map(|count| count.min(most));
            rule.succeeded_indexes = listed.map(|listed| listed.to_string());
        }
        spec.success_policy = Some(SuccessPolicy { rules });
    }
}

fn failure_rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![3 => Just("Ignore"), 2 => Just("Count"), 1 => Just("FailIndex"), 1 => Just("FailJob")];
    let codes = (any::<bool>(), prop::collection::btree_set(1i32..4, 1..3)).prop_map(|(inside, values)| {
        let operator = if inside { "In" } else { "NotIn" }.to_owned();
        ExitCodes { container_name: None, operator, values: values.into_iter().collect() }
    });
    (action, prop::option::weighted(0.7, codes)).prop_map(|(action, codes)| {
        let disruption = Pattern { type_: "DisruptionTarget".into(), status: Some("True".into()) };
        let on_pod_conditions = codes.is_none().then(|| vec![disruption]);
        Rule { action: action.to_owned(), on_exit_codes: codes, on_pod_conditions }
    })
}

fn success_rule() -> impl Strategy<Value = SuccessPolicyRule> {
    let indexes = prop::collection::btree_set(0u32..6, 1..4).prop_map(|set| Indexes::collect(set).to_string());
    let count = prop::option::of(1i32..4);
    (count, prop::option::of(indexes)).prop_map(|(succeeded_count, succeeded_indexes)| {
        let succeeded_count = if succeeded_indexes.is_none() { succeeded_count.or(Some(1)) } else { succeeded_count };
        SuccessPolicyRule { succeeded_count, succeeded_indexes }
    })
}
