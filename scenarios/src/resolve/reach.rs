//! Which devices can reach which: union-find over sites and direct links.

use super::names::Names;
use crate::scenario::{End, Link};

/// Connected parts of the fleet. Devices first, sites behind them.
pub(super) struct Parts {
    parent: Vec<usize>,
    /// False where a site or a link could not be read: then nothing is known to be apart.
    sure: bool,
}

impl Parts {
    pub(super) fn of(names: &Names, links: &[Option<Vec<Link>>]) -> Self {
        let devices = names.device_count();
        let mut parts = Parts {
            parent: (0..devices + names.site_count).collect(),
            sure: names.site_of.iter().all(Option::is_some) && links.iter().all(Option::is_some),
        };
        let node = |end: End| match end {
            End::Device(d) => d,
            End::Site(s) => devices + s,
        };
        for (device, site) in names.site_of.iter().enumerate() {
            if let Some(site) = site {
                parts.join(device, devices + site);
            }
        }
        for link in links.iter().flatten().flatten() {
            parts.join(node(link.between.0), node(link.between.1));
        }
        parts
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    fn root(&self, mut node: usize) -> usize {
        while self.parent[node] != node {
            node = self.parent[node];
        }
        node
    }

    /// Whether two devices are connected, over any number of links.
    pub(super) fn connected(&self, a: usize, b: usize) -> bool {
        !self.sure || self.root(a) == self.root(b)
    }
}
