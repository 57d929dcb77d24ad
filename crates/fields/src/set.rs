//! Sets of field paths, as a tree of sorted nodes.
//!
//! Invariants: the nodes of a set are ordered by their element, which is unique among them; a node is a member, or has
//! children, or both; children are never an empty set.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::element::{Path, PathElement};

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    nodes: Vec<Node>,
}

/// An element of a set: a member itself, or the way to members below it, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The step.
    pub element: PathElement,
    /// Whether the path that ends here is in the set.
    pub member: bool,
    /// The paths that lead on from here.
    pub children: Option<Arc<Set>>,
}

impl Node {
    /// A member without children.
    pub fn leaf(element: PathElement) -> Self {
        Self { element, member: true, children: None }
    }

    /// A node with what is below it.
    pub fn new(element: PathElement, member: bool, children: Set) -> Self {
        Self { element, member, children: (!children.is_empty()).then(|| Arc::new(children)) }
    }

    fn is_needed(&self) -> bool {
        self.member || self.children.is_some()
    }
}

impl Set {
    /// An empty set with room for so many nodes.
    pub fn with_capacity(nodes: usize) -> Self {
        Self { nodes: Vec::with_capacity(nodes) }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many paths are in the set.
    pub fn len(&self) -> usize {
        let of = |node: &Node| usize::from(node.member) + node.children.as_ref().map_or(0, |set| set.len());
        self.nodes.iter().map(of).sum()
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn find(&self, element: &PathElement) -> Result<usize, usize> {
        self.nodes.binary_search_by(|node| node.element.cmp(element))
    }

    /// The node of an element.
    pub fn node(&self, element: &PathElement) -> Option<&Node> {
        self.find(element).ok().map(|at| &self.nodes[at])
    }

    /// Whether the path of this one element is in the set.
    pub fn has_member(&self, element: &PathElement) -> bool {
        self.node(element).is_some_and(|node| node.member)
    }

    /// The paths that lead on from an element.
    pub fn below(&self, element: &PathElement) -> Option<&Set> {
        self.node(element)?.children.as_deref()
    }

    /// Whether a path is in the set.
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.has_member(last),
            [first, rest @ ..] => self.below(first).is_some_and(|set| set.has(rest)),
        }
    }

    /// Adds a path; its parents are not added.
    pub fn insert(&mut self, path: &[PathElement]) {
        let [first, rest @ ..] = path else { return };
        let at = match self.find(first) {
            Ok(at) => at,
            Err(at) => {
                self.nodes.insert(at, Node { element: first.clone(), member: false, children: None });
                at
            }
        };
        let node = &mut self.nodes[at];
        if rest.is_empty() {
            node.member = true;
        } else {
            Arc::make_mut(node.children.get_or_insert_default()).insert(rest);
        }
    }

    /// A set of nodes that are in order and needed.
    pub(crate) fn of_ordered(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    /// A set of nodes in any order, those of one element united.
    pub(crate) fn from_nodes(mut nodes: Vec<Node>) -> Self {
        nodes.retain(Node::is_needed);
        nodes.sort_by(|a, b| a.element.cmp(&b.element));
        nodes.dedup_by(|next, kept| {
            let same = next.element == kept.element;
            if same {
                *kept = unite(kept, next);
            }
            same
        });
        Self { nodes }
    }

    /// Adds a node, merging it with one of the same element. Cheap when nodes come in order, as walks make them.
    pub fn push(&mut self, node: Node) {
        if !node.is_needed() {
            return;
        }
        if self.nodes.last().is_none_or(|last| last.element < node.element) {
            self.nodes.push(node);
            return;
        }
        match self.find(&node.element) {
            Ok(at) => self.nodes[at] = unite(&self.nodes[at], &node),
            Err(at) => self.nodes.insert(at, node),
        }
    }

    /// The paths in either set.
    #[must_use]
    pub fn union(&self, other: &Set) -> Set {
        let mut out = Vec::with_capacity(self.nodes.len().max(other.nodes.len()));
        zip(&self.nodes, &other.nodes, |left, right| match (left, right) {
            (Some(left), Some(right)) => out.push(unite(left, right)),
            (Some(node), None) | (None, Some(node)) => out.push(node.clone()),
            (None, None) => {}
        });
        Set { nodes: out }
    }

    /// The paths in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Set) -> Set {
        let mut out = Set::default();
        zip(&self.nodes, &other.nodes, |left, right| {
            if let (Some(left), Some(right)) = (left, right) {
                let children = match (&left.children, &right.children) {
                    (Some(left), Some(right)) => left.intersection(right),
                    _ => Set::default(),
                };
                out.push(Node::new(left.element.clone(), left.member && right.member, children));
            }
        });
        out
    }

    /// Whether the sets have a path in common.
    pub fn intersects(&self, other: &Set) -> bool {
        let mut found = false;
        zip(&self.nodes, &other.nodes, |left, right| {
            if let (false, Some(left), Some(right)) = (found, left, right) {
                found = left.member && right.member
                    || matches!((&left.children, &right.children), (Some(a), Some(b)) if a.intersects(b));
            }
        });
        found
    }

    /// Whether every path of this set is in the other.
    pub fn is_subset(&self, other: &Set) -> bool {
        self.nodes.iter().all(|node| {
            let Some(same) = other.node(&node.element) else { return false };
            (same.member || !node.member)
                && match (&node.children, &same.children) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some(below), Some(theirs)) => below.is_subset(theirs),
                }
        })
    }

    /// The paths that are not in the other set. Paths below one of the other set's stay.
    #[must_use]
    pub fn difference(&self, other: &Set) -> Set {
        self.without(other, false)
    }

    /// The paths that are neither in the other set nor below one of its paths.
    #[must_use]
    pub fn recursive_difference(&self, other: &Set) -> Set {
        self.without(other, true)
    }

    fn without(&self, other: &Set, whole: bool) -> Set {
        let mut out = Vec::with_capacity(self.nodes.len());
        zip(&self.nodes, &other.nodes, |left, right| {
            let Some(left) = left else { return };
            let Some(right) = right else { return out.push(left.clone()) };
            if whole && right.member {
                return;
            }
            let children = match (&left.children, &right.children) {
                (Some(left), Some(right)) => {
                    let rest = left.without(right, whole);
                    (!rest.is_empty()).then(|| Arc::new(rest))
                }
                (left, _) => left.clone(),
            };
            let node = Node { element: left.element.clone(), member: left.member && !right.member, children };
            if node.is_needed() {
                out.push(node);
            }
        });
        Set { nodes: out }
    }

    /// All paths, parents first.
    pub fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        self.collect(&mut Vec::new(), &mut found);
        found
    }

    /// As upstream iterates: the members of a level, then what is below each of its elements.
    fn collect(&self, prefix: &mut Path, found: &mut Vec<Path>) {
        for node in self.nodes.iter().filter(|node| node.member) {
            found.push(prefix.iter().chain([&node.element]).cloned().collect());
        }
        for node in &self.nodes {
            if let Some(children) = &node.children {
                prefix.push(node.element.clone());
                children.collect(prefix, found);
                prefix.pop();
            }
        }
    }
}

impl FromIterator<Path> for Set {
    fn from_iter<T: IntoIterator<Item = Path>>(paths: T) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(&path);
        }
        set
    }
}

fn unite(left: &Node, right: &Node) -> Node {
    let children = match (&left.children, &right.children) {
        (Some(left), Some(right)) if Arc::ptr_eq(left, right) => Some(left.clone()),
        (Some(left), Some(right)) => Some(Arc::new(left.union(right))),
        (left, right) => left.clone().or_else(|| right.clone()),
    };
    Node { element: left.element.clone(), member: left.member || right.member, children }
}

/// Walks two ordered lists of nodes side by side.
fn zip<'a>(left: &'a [Node], right: &'a [Node], mut visit: impl FnMut(Option<&'a Node>, Option<&'a Node>)) {
    let (mut l, mut r) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let order = match (l.peek(), r.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.element.cmp(&right.element),
        };
        match order {
            Ordering::Less => visit(l.next(), None),
            Ordering::Greater => visit(None, r.next()),
            Ordering::Equal => visit(l.next(), r.next()),
        }
    }
}

#[cfg(test)]
mod tests;
