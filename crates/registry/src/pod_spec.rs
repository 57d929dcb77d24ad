//! What pods and pod templates share: defaults and validation of `PodSpec` (`pkg/apis/core/v1/defaults.go`,
//! `pkg/apis/core/validation/validation.go`). Knows nothing of the kinds that hold a template.

mod affinity;
mod containers;
mod defaults;
mod dns;
mod env;
mod ephemeral;
mod host;
mod image;
mod pod_resources;
mod probes;
mod resources;
mod security;
mod spec;
mod topology;
pub(crate) mod volumes;
pub(crate) mod warnings;

pub use defaults::{default_pod, default_template};
pub use spec::{Holder, validate, validate_template};

pub(crate) use containers::validate_image_padding;
pub(crate) use defaults::{canonical_list, clean_template_metadata};
pub(crate) use host::each_container;
pub(crate) use probes::{port_name_errors, validate_port_number};
pub(crate) use resources::{is_huge_page, is_native, validate as validate_resources};
pub(crate) use spec::{validate_pod, validate_tolerations};

#[cfg(test)]
mod tests;
