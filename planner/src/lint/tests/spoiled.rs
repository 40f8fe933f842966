//! Plans with a shared stage, spoiled edit by edit: each edit must trip the rule that it breaks.

use protocol::{Plan, PlannedPartner, PlannedStage};
use scenarios::Scenario;

use crate::compose::seal;
use crate::lint::lint;

pub(super) fn stage(p: &mut Plan) -> &mut PlannedStage {
    &mut p.services[0].replicas[0].stages[0]
}

pub(super) fn partner(p: &mut Plan) -> &mut PlannedPartner {
    stage(p).partner.as_mut().unwrap()
}

/// The rule's code, and what breaks it.
pub(super) type Edit = (&'static str, fn(&mut Plan));

pub(super) fn codes(s: &Scenario, p: &Plan) -> Vec<&'static str> {
    let verdict = lint(s, p);
    assert!(verdict.fatal(), "{verdict}");
    verdict.notes.iter().map(|n| n.code).collect()
}

pub(super) fn each_is_refused(s: &Scenario, plan: &Plan, edits: &[Edit]) {
    let verdict = lint(s, plan);
    assert!(!verdict.fatal(), "{verdict}");
    for (i, (rule, edit)) in edits.iter().enumerate() {
        let mut spoiled = plan.clone();
        edit(&mut spoiled);
        assert_ne!(spoiled, *plan, "edit {i} ({rule}) changes nothing");
        let codes = codes(s, &seal(spoiled));
        assert!(codes.contains(rule), "edit {i} should trip {rule}, tripped {codes:?}");
    }
}
