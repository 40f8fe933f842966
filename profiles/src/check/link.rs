//! Checks of a link profile.

use super::{Problem, Problems};
use crate::link::LinkProfile;
use crate::path::Path;

/// Everything that is wrong with a link profile.
#[must_use]
pub fn link(l: &LinkProfile) -> Vec<Problem> {
    let mut p = Problems::default();
    let root = Path::ROOT;
    p.id(&root.key("id"), &l.id);
    p.not_negative(&root.key("latency"), &l.latency);
    p.positive(&root.key("bandwidth"), &l.bandwidth);
    p.not_negative(&root.key("joules_per_byte"), &l.joules_per_byte);
    let loss = l.loss.value.get();
    if !(0.0..1.0).contains(&loss) {
        p.add(&root.key("loss"), format!("must be at least 0 % and below 100 %, is {}", l.loss.value));
    }
    p.sources(l);
    p.0
}
