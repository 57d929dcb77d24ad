//! What the fuzz targets below `fuzz/` reach into this crate for; not part of an ordinary build. Each function takes any
//! text that a client could send and must return, quickly, whatever it is. The property tests here hold the same on a
//! stable compiler.

use api::{PatchType, Verb};

use crate::http::fuzzing as http;
use crate::server::Page;

/// Reads a continue token of a list in a namespace, and what it refers to.
pub fn continue_token(text: &str) {
    for (namespaced, namespace) in [(true, Some("a")), (true, None), (false, None)] {
        if let Ok(page) = Page::decode(text, namespaced, namespace) {
            let again = Page::decode(&page.encode(namespace), namespaced, namespace);
            assert!(namespace.is_none() || page.last.namespace.as_deref() == namespace);
            assert_eq!(again.map(|page| page.revision), Ok(page.revision));
        }
    }
}

/// Reads a query string for every verb.
pub fn query(text: &str) {
    for verb in [Verb::Get, Verb::List, Verb::Watch, Verb::Create, Verb::Update, Verb::Delete, Verb::DeleteCollection] {
        http::query(text, verb, None);
    }
    for patch in [PatchType::Apply, PatchType::Json, PatchType::Merge, PatchType::StrategicMerge] {
        http::query(text, Verb::Patch, Some(patch));
    }
}

/// Negotiates an answer by an `Accept` header, and reads a request's path.
pub fn head(text: &str) {
    http::accept(text);
    http::path(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_token_and_no_head_is_too_strange(text in "\\PC{0,60}", token in "[A-Za-z0-9_-]{0,80}") {
            super::continue_token(&text);
            super::continue_token(&token);
            super::head(&text);
        }

        #[test]
        fn no_query_is_too_strange(
            pairs in prop::collection::vec(
                ("(limit|continue|resourceVersion|resourceVersionMatch|dryRun|force|watch|fieldManager|timeoutSeconds\
                  |sendInitialEvents|gracePeriodSeconds|propagationPolicy|%4g|)", "[^&]{0,12}"),
                0..6,
            ),
        ) {
            let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            super::query(&text.join("&"));
        }
    }
}
