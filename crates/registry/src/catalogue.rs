//! The catalogue: all kinds that a server serves. Nothing else lists kinds.

use api::{Gvr, Kind};

use crate::config_map::ConfigMapStrategy;
use crate::cron_job::CronJobStrategy;
use crate::disruption_budget::PodDisruptionBudgetStrategy;
use crate::endpoint_slice::EndpointSliceStrategy;
use crate::endpoints::EndpointsStrategy;
use crate::event::EventStrategy;
use crate::job::JobStrategy;
use crate::lease::LeaseStrategy;
use crate::limit_range::LimitRangeStrategy;
use crate::namespace::NamespaceStrategy;
use crate::node::NodeStrategy;
use crate::pod::PodStrategy;
use crate::pod_template::PodTemplateStrategy;
use crate::priority_class::PriorityClassStrategy;
use crate::rbac::{RoleBindingStrategy, RoleStrategy, Scope};
use crate::replication_controller::ReplicationControllerStrategy;
use crate::resource_quota::ResourceQuotaStrategy;
use crate::review::{self, Review};
use crate::runtime_class::RuntimeClassStrategy;
use crate::secret::SecretStrategy;
use crate::service::ServiceStrategy;
use crate::service_account::ServiceAccountStrategy;
use crate::strategy::Strategy;

/// All kinds, each with its strategy. A kind that is another version of a stored one has an entry of its own, after
/// the stored one, and shares its storage.
pub struct Catalogue {
    entries: Vec<Entry>,
    reviews: Vec<Box<dyn Review>>,
}

struct Entry {
    strategy: Box<dyn Strategy>,
    /// The position of the entry whose storage this one uses; its own, unless it is a view.
    stored: usize,
}

/// A served resource.
#[derive(Clone, Copy)]
pub struct Served<'a> {
    /// Where its objects are stored: the position of the stored version in the catalogue, stable for its life.
    pub stored: usize,
    /// Its own position in the catalogue.
    pub position: usize,
    /// Its strategy.
    pub strategy: &'a dyn Strategy,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new(vec![
            Box::new(ConfigMapStrategy),
            Box::new(EventStrategy::Core),
            Box::new(EndpointsStrategy),
            Box::new(LimitRangeStrategy),
            Box::new(NamespaceStrategy),
            Box::new(NodeStrategy),
            Box::new(PodStrategy),
            Box::new(PodTemplateStrategy),
            Box::new(ReplicationControllerStrategy),
            Box::new(ResourceQuotaStrategy),
            Box::new(SecretStrategy),
            Box::new(ServiceAccountStrategy),
            Box::new(ServiceStrategy),
            Box::new(CronJobStrategy::V1),
            Box::new(JobStrategy),
            Box::new(CronJobStrategy::V1Beta1),
            Box::new(EventStrategy::Events),
            Box::new(PodDisruptionBudgetStrategy),
            Box::new(RoleBindingStrategy(Scope::Cluster)),
            Box::new(RoleStrategy(Scope::Cluster)),
            Box::new(RoleBindingStrategy(Scope::Namespace)),
            Box::new(RoleStrategy(Scope::Namespace)),
            Box::new(PriorityClassStrategy),
            Box::new(RuntimeClassStrategy),
            Box::new(LeaseStrategy),
            Box::new(EndpointSliceStrategy),
        ])
    }
}

impl Catalogue {
    /// A catalogue of these strategies.
    ///
    /// # Panics
    /// When a view's stored version is not among them: a catalogue is part of the program.
    pub fn new(strategies: Vec<Box<dyn Strategy>>) -> Self {
        let at = |resource: &Gvr| strategies.iter().position(|strategy| strategy.descriptor().resource() == *resource);
        let stored: Vec<usize> = (0..)
            .zip(&strategies)
            .map(|(own, strategy)| {
                strategy.view().map_or(own, |view| at(&view.stored).expect("a view's stored version is served"))
            })
            .collect();
        let entries = strategies.into_iter().zip(stored).map(|(strategy, stored)| Entry { strategy, stored }).collect();
        Self { entries, reviews: review::all() }
    }

    /// The strategies of all served resources, in discovery's order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Strategy> {
        self.entries.iter().map(|entry| entry.strategy.as_ref())
    }

    /// The strategies of the resources that are stored, each once.
    pub fn stored(&self) -> impl Iterator<Item = &dyn Strategy> {
        self.iter().filter(|strategy| strategy.view().is_none())
    }

    /// The strategy at a position.
    ///
    /// # Panics
    /// When no entry has that position.
    pub fn at(&self, position: usize) -> &dyn Strategy {
        self.entries[position].strategy.as_ref()
    }

    /// The served resource of that name.
    pub fn find(&self, resource: &Gvr) -> Option<Served<'_>> {
        self.find_by_name(&resource.group, &resource.version, &resource.plural)
    }

    /// The served resource of that group, version and plural.
    pub fn find_by_name(&self, group: &str, version: &str, plural: &str) -> Option<Served<'_>> {
        let matches = |entry: &Entry| {
            let descriptor = entry.strategy.descriptor();
            descriptor.plural == plural && descriptor.kind.version == version && descriptor.kind.group == group
        };
        let position = self.entries.iter().position(matches)?;
        let Entry { strategy, stored } = &self.entries[position];
        Some(Served { stored: *stored, position, strategy: strategy.as_ref() })
    }

    /// The kinds that are answered and not stored, in discovery's order.
    pub fn reviews(&self) -> impl Iterator<Item = &dyn Review> {
        self.reviews.iter().map(AsRef::as_ref)
    }

    /// The review of a resource.
    pub fn review(&self, group: &str, version: &str, plural: &str) -> Option<&dyn Review> {
        self.reviews().find(|review| {
            let descriptor = review.descriptor();
            descriptor.plural == plural && descriptor.kind.group == group && descriptor.kind.version == version
        })
    }

    /// The strategy of a kind.
    pub fn of_kind(&self, kind: &Kind) -> Option<&dyn Strategy> {
        self.iter().find(|strategy| strategy.descriptor().kind == *kind)
    }
}

#[cfg(test)]
mod tests;
