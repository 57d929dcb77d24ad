//! Kinds, keys, requests, Status errors, selectors and name rules: the words every other crate speaks.
