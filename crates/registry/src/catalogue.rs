//! The catalogue: all kinds that a server serves. Nothing else lists kinds.

use api::{Gvr, Kind};

use crate::config_map::ConfigMapStrategy;
use crate::event::EventStrategy;
use crate::job::JobStrategy;
use crate::namespace::NamespaceStrategy;
use crate::node::NodeStrategy;
use crate::pod::PodStrategy;
use crate::secret::SecretStrategy;
use crate::service_account::ServiceAccountStrategy;
use crate::strategy::Strategy;

/// All kinds, each with its strategy.
pub struct Catalogue {
    strategies: Vec<Box<dyn Strategy>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new(vec![
            Box::new(ConfigMapStrategy),
            Box::new(EventStrategy),
            Box::new(NamespaceStrategy),
            Box::new(NodeStrategy),
            Box::new(PodStrategy),
            Box::new(SecretStrategy),
            Box::new(ServiceAccountStrategy),
            Box::new(JobStrategy),
        ])
    }
}

impl Catalogue {
    /// A catalogue of these strategies.
    pub fn new(strategies: Vec<Box<dyn Strategy>>) -> Self {
        Self { strategies }
    }

    /// The strategies, in discovery's order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Strategy> {
        self.strategies.iter().map(AsRef::as_ref)
    }

    /// The position and strategy of a resource. The position is stable for the life of the catalogue.
    pub fn find(&self, resource: &Gvr) -> Option<(usize, &dyn Strategy)> {
        let matches = |strategy: &dyn Strategy| {
            let descriptor = strategy.descriptor();
            descriptor.plural == resource.plural
                && descriptor.kind.group == resource.group
                && descriptor.kind.version == resource.version
        };
        self.iter().enumerate().find(|(_, strategy)| matches(*strategy))
    }

    /// The strategy of a kind.
    pub fn of_kind(&self, kind: &Kind) -> Option<&dyn Strategy> {
        self.iter().find(|strategy| strategy.descriptor().kind == *kind)
    }
}

#[cfg(test)]
mod tests;
