use super::*;
use profiles::{Precision, WeightFormat};
use protocol::envelope::{self, Terms};
use protocol::testing::{device, sources, totals};
use protocol::{
    Certificate, Digest, Keyring, Plan, PlannedAdapters, PlannedExit, PlannedExperts, PlannedFilter, PlannedPartner,
    PlannedScaling, PlannedService, PlannedStage, Replica, SCHEMA, ServiceExpectation, Signer, canonical,
};

fn stage(device: &str, partner: Option<&str>) -> PlannedStage {
    let partner = partner.map(|device| PlannedPartner {
        device: device.into(),
        processor: "cpu".into(),
        kv_heads: 1,
        memory_bytes: 1.0,
        busy_s: 0.1,
        dynamic_j: 0.1,
        dasi: 0.5,
        memory_saturation: 0.5,
    });
    PlannedStage {
        device: device.into(),
        processor: "cpu".into(),
        filters: false,
        start: 0,
        end: 1,
        reached: None,
        weights: None,
        resident_share: 1.0,
        memory_bytes: 1.0,
        busy_s: 0.1,
        dynamic_j: 0.1,
        dasi: 0.5,
        memory_saturation: 0.5,
        partner,
    }
}

/// One service of one pipeline, over five devices of which the last sleeps.
fn layout(stages: Vec<PlannedStage>) -> Result<Layout, Unusable> {
    changed(stages, |_| ())
}

/// The same with a change to its service.
fn changed(stages: Vec<PlannedStage>, change: impl FnOnce(&mut PlannedService)) -> Result<Layout, Unusable> {
    let mut devices: Vec<_> = ["a", "b", "c", "d", "e"].map(|d| device(d, 80.0)).into();
    devices[4].awake = false;
    let mut service = PlannedService {
        name: "s".into(),
        model: "m".into(),
        precision: Precision { weights: WeightFormat::W4, kv_bits: 16, activation_bits: 16 },
        bits_per_weight: 4.5,
        scaling: PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None },
        filter: None,
        exit: None,
        adapters: None,
        experts: None,
        rate_hz: 1.0,
        replicas: vec![Replica { share: 1.0, stages, ttft_s: 1.0, tpot_s: 1.0, total_s: 1.0 }],
        expected: ServiceExpectation { accuracy: None, benchmark: None, energy_j: 1.0, service_s: 1.0 },
        targets: Vec::new(),
    };
    change(&mut service);
    let (objective, unit, status) = ("power".into(), "W".into(), "stopped".into());
    let mut plan = Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: "f".into(),
        scenario: Digest::of(b"s").to_string(),
        planner: "test".into(),
        seed: 1,
        devices,
        services: vec![service],
        totals: totals(),
        certificate: Certificate { objective, unit, value: 1.0, bound: 0.0, gap: 1.0, status },
        sources: sources(),
    };
    plan.id = Digest::of(&canonical::bytes(&plan).expect("a plan")).to_string();
    let signer = Signer::from_seed(&[7; 32]);
    let terms = Terms { issued_ms: 1, expires_ms: 2, settles: Vec::new(), models: BTreeMap::new() };
    let sealed = envelope::seal(&plan, &terms, &[&signer]).expect("sealed");
    let keys = Keyring::new([signer.public()]);
    Layout::of(Arc::new(envelope::open(&sealed, &keys).expect("its own key")))
}

fn names(list: &[Name]) -> Vec<&str> {
    list.iter().map(Name::as_str).collect()
}

#[test]
fn a_partner_is_part_of_its_pipeline() {
    let layout = layout(vec![stage("a", Some("c")), stage("b", None)]).unwrap();
    let pipeline = &layout.pipelines[0];
    assert_eq!(names(&pipeline.stages), ["a", "b"]);
    assert_eq!(names(&pipeline.members), ["a", "c", "b"], "in the order in which a step reaches them");
    assert_eq!(pipeline.entry().as_str(), "a");
    let of = |n: &str| Name::new(n).unwrap();
    for member in ["a", "b", "c"] {
        assert!(pipeline.has(&of(member)) && layout.uses(&of(member)), "{member}");
        assert_eq!(layout.through(&of(member)).count(), 1);
        assert_eq!(layout.neighbours(&of(member)).count(), 2);
        assert_eq!(layout.others(&of(member)).count(), 2);
    }
    assert!(!layout.uses(&of("d")) && layout.entered_at(&of("c")).next().is_none(), "nobody enters at a partner");
}

#[test]
fn partners_that_cannot_be_are_refused() {
    let refused = |partner: &str| layout(vec![stage("a", Some(partner))]).unwrap_err().to_string();
    assert!(refused("a").contains("`a` shares a stage with itself"), "{}", refused("a"));
    assert!(refused("e").contains("`e` is not among the plan's devices, or asleep"));
    assert!(refused("nobody").contains("`nobody` is not among"));
    assert!(refused("no name").contains("is no name") || refused("no name").contains("name"));
}

#[test]
fn what_no_agent_does_yet_is_refused() {
    let filter = PlannedFilter { model: "small".into(), weights: WeightFormat::W8, passes: 0.2, loses: 0.0 };
    let refused = changed(vec![stage("a", None)], |s| s.filter = Some(filter)).unwrap_err().to_string();
    assert!(refused.contains("service `s`: a filter looks at its requests first"), "{refused}");
    assert!(refused.contains("plan it without `prefilters`"), "{refused}");
    let exit = PlannedExit { after_block: 3, passes: 0.4, loses: 0.0 };
    let refused = changed(vec![stage("a", None)], |s| s.exit = Some(exit)).unwrap_err().to_string();
    assert!(refused.contains("may leave the model early") && refused.contains("`early_exits`"), "{refused}");
    let adapters = PlannedAdapters { count: 8, bytes: 1e6, kept: 8, misses: 0.0 };
    let refused = changed(vec![stage("a", None)], |s| s.adapters = Some(adapters)).unwrap_err().to_string();
    assert!(refused.contains("name adapters") && refused.contains("`adapters`"), "{refused}");
    let experts = PlannedExperts { holds: 0.25, hits: 0.25 };
    let refused = changed(vec![stage("a", None)], |s| s.experts = Some(experts)).unwrap_err().to_string();
    assert!(refused.contains("`expert_caches`"), "{refused}");
    let mut both = stage("a", Some("a"));
    if let Some(other) = &mut both.partner {
        other.processor = "another".into();
    }
    let refused = layout(vec![both]).unwrap_err().to_string();
    assert!(refused.contains("two processors of one device") && refused.contains("`together`"), "{refused}");
    let first = PlannedStage { filters: true, ..stage("a", None) };
    assert!(matches!(layout(vec![first]), Err(Unusable::NotYet { .. })), "a stage says it, too");
}
