//! Answers and refusals of reviews, each with upstream's message.

use api::{Status, User};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

/// Knows the token `good`, for the audience `api`.
struct OneToken;

impl Authenticator for OneToken {
    fn authenticate(&self, token: &str, audiences: &[String]) -> Result<Option<(User, Vec<String>)>, String> {
        match token {
            "good" if audiences.is_empty() || audiences.iter().any(|audience| audience == "api") => {
                Ok(Some((User::authenticated("me", &[]), vec!["api".to_owned()])))
            }
            "old" => Err("service account token has expired".to_owned()),
            _ => Ok(None),
        }
    }
}

fn ask(review: &dyn Review, namespace: Option<&str>, object: Value) -> Result<Value, Status> {
    let user = User::authenticated("me", &["system:masters"]);
    let asked = Asked { namespace, user: &user, now: Timestamp::UNIX_EPOCH, authenticator: &OneToken };
    review.answer(object, &asked)
}

fn refusal(review: &dyn Review, object: Value) -> String {
    let namespace = review.descriptor().namespaced.then_some("ns");
    ask(review, namespace, object).expect_err("refused").message
}

#[test]
fn every_review_is_virtual_and_named_as_upstream_names_it() {
    for review in all() {
        let descriptor = review.descriptor();
        assert_eq!(descriptor.singular, descriptor.kind.kind.to_lowercase());
        assert_eq!(descriptor.plural, format!("{}s", descriptor.singular));
        assert!(descriptor.subresources.is_empty() && descriptor.short_names.is_empty());
    }
}

#[test]
fn everything_is_allowed_and_the_answer_says_why() {
    let spec = json!({"resourceAttributes": {"namespace": "ns", "verb": "create", "resource": "jobs"}, "user": "you"});
    for review in [&SelfSubjectAccessReview as &dyn Review, &SubjectAccessReview, &LocalSubjectAccessReview] {
        let namespace = review.descriptor().namespaced.then_some("ns");
        let answer = ask(review, namespace, json!({ "spec": spec })).expect("answered");
        assert_eq!(answer["status"], json!({"allowed": true, "reason": access::REASON}));
        assert_eq!(answer["spec"], spec);
    }
}

#[test]
fn access_reviews_ask_for_exactly_one_thing_of_somebody() {
    assert_eq!(
        refusal(&SelfSubjectAccessReview, json!({"spec": {}})),
        ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: \
         exactly one of nonResourceAttributes or resourceAttributes must be specified"
    );
    let both = json!({"resourceAttributes": {}, "nonResourceAttributes": {"path": "/a", "verb": "get"}});
    assert_eq!(
        refusal(&SelfSubjectAccessReview, json!({ "spec": both })),
        ".authorization.k8s.io \"\" is invalid: spec.nonResourceAttributes: Invalid value: \
         {\"Path\":\"/a\",\"Verb\":\"get\"}: cannot be specified in combination with resourceAttributes"
    );
    assert_eq!(
        refusal(&SubjectAccessReview, json!({"spec": {"resourceAttributes": {}}})),
        ".authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": \
         at least one of user or group must be specified"
    );
    assert_eq!(
        refusal(&SelfSubjectAccessReview, json!({"metadata": {"name": "a"}, "spec": {"resourceAttributes": {}}})),
        ".authorization.k8s.io \"\" is invalid: metadata: Invalid value: {\"name\":\"a\"}: must be empty"
    );
    let elsewhere = json!({"resourceAttributes": {"namespace": "other"}, "groups": ["g"]});
    assert_eq!(
        refusal(&LocalSubjectAccessReview, json!({ "spec": elsewhere })),
        ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes.namespace: Invalid value: \"other\": \
         must match metadata.namespace"
    );
}

#[test]
fn selectors_of_access_reviews_are_raw_or_parsed() {
    let spec = json!({"resourceAttributes": {
        "fieldSelector": {"requirements": [{"operator": "In"}]},
        "labelSelector": {},
    }});
    assert_eq!(
        refusal(&SelfSubjectAccessReview, json!({ "spec": spec })),
        ".authorization.k8s.io \"\" is invalid: [\
         spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, \
         spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: \
         must be specified when `operator` is 'In' or 'NotIn', \
         spec.resourceAttributes.labelSelector.requirements: Required value: \
         when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required]"
    );
}

#[test]
fn rules_need_a_namespace_and_list_everything() {
    assert_eq!(refusal(&SelfSubjectRulesReview, json!({})), "no namespace on request");
    let answer = ask(&SelfSubjectRulesReview, None, json!({"spec": {"namespace": "default"}})).expect("answered");
    assert_eq!(answer["status"]["resourceRules"][0], json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}));
}

#[test]
fn a_subject_learns_who_it_is() {
    let answer = ask(&SelfSubjectReview, None, json!({})).expect("answered");
    let expected = json!({"username": "me", "groups": ["system:masters", "system:authenticated"]});
    assert_eq!(answer["status"]["userInfo"], expected);
    assert_eq!(answer["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
}

#[test]
fn token_reviews_tell_good_tokens_from_unknown_and_expired_ones() {
    let review = |spec: Value| ask(&TokenReview, None, json!({ "spec": spec })).map(|answer| answer["status"].clone());
    let good = review(json!({"token": "good"})).expect("answered");
    assert_eq!((&good["authenticated"], &good["audiences"]), (&json!(true), &json!(["api"])));
    assert_eq!(good["user"]["username"], "me");
    assert_eq!(
        review(json!({"token": "good", "audiences": ["x"]})),
        Ok(json!({"user": {}, "error": "invalid bearer token"}))
    );
    assert_eq!(
        review(json!({"token": "old"})),
        Ok(json!({"user": {}, "error": "[invalid bearer token, service account token has expired]"}))
    );
    let refused = review(json!({})).expect_err("refused");
    assert_eq!(refused.message, "token is required for TokenReview in authentication");
}
