//! Who may do what, who one is, and tokens: `auth can-i`, `auth whoami`, `create token`, `--as`.

use crate::e2e::step::{Step, step};

/// The steps; they leave nothing behind.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = reviews();
    steps.extend(tokens());
    steps
}

fn reviews() -> Vec<Step> {
    vec![
        step("auth can-i create jobs").out("yes"),
        step("auth can-i create jobs.batch -n kube-system").out("yes"),
        step("auth can-i get pods --subresource=log").out("yes"),
        step("auth can-i get jobs/hello").out("yes"),
        step("auth can-i get secret/login -n kube-system").out("yes"),
        step("auth can-i get /version").out("yes"),
        step("auth can-i '*' '*' --all-namespaces").out("yes"),
        step("auth can-i delete pods --as=jane --as-group=dev").out("yes"),
        step("auth can-i create jobs -q").out(""),
        step("auth can-i --list").out("Resources Non-Resource URLs Resource Names Verbs\n*.* [] [] [*]\n [*] [] [*]"),
        step("auth whoami").since(28).has("Username kubernetes-admin").has("Groups *system:masters*"),
        step("auth whoami -o jsonpath={.status.userInfo.username}").since(28).out("kubernetes-admin"),
        step("auth whoami --as=jane -o jsonpath={.status.userInfo.username}").since(28).out("jane"),
    ]
}

fn tokens() -> Vec<Step> {
    vec![
        step("create serviceaccount robot").out("serviceaccount/robot created"),
        step("create token robot").since(24).save("token").has("*.*.*"),
        step("auth whoami --token={token} -o jsonpath={.status.userInfo.username}")
            .since(28)
            .out("system:serviceaccount:default:robot"),
        step("create token robot --duration=20m --audience=vault -o jsonpath={.spec.audiences[0]}:{.spec.expirationSeconds}")
            .since(24)
            .out("vault:1200"),
        step("create token robot --duration=5m")
            .since(24)
            .exits(1)
            .err_has("spec.expirationSeconds: Invalid value: 300: may not specify a duration less than 10 minutes"),
        step("create secret generic bound").out("secret/bound created"),
        step("create token robot --bound-object-kind=Secret --bound-object-name=bound -o jsonpath={.spec.boundObjectRef.name}")
            .since(24)
            .out("bound"),
        step("create token nobody")
            .since(24)
            .exits(1)
            .err_has("serviceaccounts \"nobody\" not found"),
        step("delete secret bound").out("secret \"bound\" deleted*"),
        step("delete serviceaccount robot").out("serviceaccount \"robot\" deleted*"),
        step("get --raw /openid/v1/jwks").has("*\"alg\":\"ES256\"*"),
    ]
}
