use super::*;
use crate::search::Effort;
use crate::testing::two_boards_and_a_card;
use scenarios::At;
use scenarios::expect::Side;

/// A claim for any bound, and what the plan has.
type Figure = (Box<dyn Fn(Bound) -> Claim>, f64);

fn said(claim: Claim) -> Expectation {
    Expectation { text: "as written".into(), at: At { line: 7, column: 5 }, claim }
}

fn passes(claim: Claim, plan: Option<&Plan>) -> bool {
    let all = check(&[said(claim)], plan);
    assert_eq!((all.len(), all[0].line, all[0].text.as_str()), (1, 7, "as written"));
    all[0].passed
}

/// Each claim about the plan as it is holds, and its opposite does not.
#[test]
fn claims_hold_exactly_where_the_plan_is_so() {
    let scenario = two_boards_and_a_card();
    let model = crate::survive::build(&scenario);
    let solution = crate::search::solve(&model.table, &Effort::for_seconds(0.01), &crate::search::Silent);
    let (assignment, evaluation) = solution.best.as_ref().expect("a plan");
    let certificate = protocol::Certificate {
        objective: "fleet power".into(),
        unit: "W".into(),
        value: evaluation.objective,
        bound: evaluation.objective,
        gap: 0.015,
        status: "gap".into(),
    };
    let plan = crate::compose::compose(&scenario, &model, assignment, certificate, 1);
    let service = &plan.services[0];
    let (name, stage) = (service.name.clone(), &service.replicas[0].stages[0]);
    let idle = plan.devices.iter().find(|d| !devices(service).contains(d.name.as_str())).expect("one that does nothing");
    let near =
        |value: f64| [(Side::Above, value * 0.99), (Side::Below, value * 1.01), (Side::AtLeast, value), (Side::AtMost, value)];
    let mut numbers: Vec<Figure> = vec![
        (Box::new(|b| Claim::Plan(PlanFigure::Gap, b)), 0.015),
        (Box::new(|b| Claim::Plan(PlanFigure::Power, b)), plan.totals.power_w),
        (Box::new(|b| Claim::Plan(PlanFigure::Energy, b)), plan.totals.energy_per_request_j),
        (Box::new(|b| Claim::Plan(PlanFigure::Latency, b)), plan.totals.mean_latency_s),
    ];
    let device = plan.devices.iter().find(|d| d.name == stage.device).expect("planned");
    for (figure, value) in [
        (DeviceFigure::Power, device.expected.power_w),
        (DeviceFigure::Temperature, device.expected.temperature_c),
        (DeviceFigure::Memory, device.expected.pools.iter().map(|p| p.resident_bytes).sum()),
    ] {
        let name = device.name.clone();
        numbers.push((Box::new(move |b| Claim::Device(name.clone(), figure, b)), value));
    }
    let slowest = |of: fn(&protocol::Replica) -> f64| service.replicas.iter().map(of).fold(0.0, f64::max);
    for (figure, value) in [
        (ServiceFigure::Ttft, slowest(|r| r.ttft_s)),
        (ServiceFigure::Tpot, slowest(|r| r.tpot_s)),
        (ServiceFigure::Total, slowest(|r| r.total_s)),
        (ServiceFigure::Energy, service.expected.energy_j),
    ] {
        let name = name.clone();
        numbers.push((Box::new(move |b| Claim::Service(name.clone(), figure, b)), value));
    }
    for (claim, value) in &numbers {
        assert!(*value > 0.0, "{:?}", claim(Bound { side: Side::Above, value: 0.0 }));
        for (side, value) in near(*value) {
            assert!(passes(claim(Bound { side, value }), Some(&plan)), "{:?}", claim(Bound { side, value }));
        }
        for (side, value) in
            [(Side::Above, value * 1.01), (Side::Below, *value), (Side::AtLeast, value * 1.01), (Side::AtMost, value * 0.99)]
        {
            assert!(!passes(claim(Bound { side, value }), Some(&plan)), "{:?}", claim(Bound { side, value }));
        }
    }
    for (right, wrong) in [
        (Claim::Feasible(true), Claim::Feasible(false)),
        (Claim::Model(name.clone(), service.model.clone()), Claim::Model(name.clone(), "other".into())),
        (Claim::Weights(name.clone(), service.precision.weights), Claim::Weights(name.clone(), profiles::WeightFormat::Sherry)),
        (Claim::RunsOn(name.clone(), stage.device.clone(), true), Claim::RunsOn(name.clone(), stage.device.clone(), false)),
        (Claim::RunsOn(name.clone(), idle.name.clone(), false), Claim::RunsOn(name.clone(), idle.name.clone(), true)),
        (Claim::Awake(stage.device.clone(), true), Claim::Awake(stage.device.clone(), false)),
        (Claim::Awake(idle.name.clone(), idle.awake), Claim::Awake(idle.name.clone(), !idle.awake)),
    ] {
        assert!(passes(right.clone(), Some(&plan)), "{right:?}");
        assert!(!passes(wrong.clone(), Some(&plan)), "{wrong:?}");
    }
    assert!(!passes(Claim::Awake("nobody".into(), true), Some(&plan)), "one that the plan does not have");
}

#[test]
fn without_a_plan_only_that_is_as_expected() {
    assert!(passes(Claim::Feasible(false), None));
    let gap = Claim::Plan(PlanFigure::Gap, Bound { side: Side::Below, value: 1.0 });
    for claim in [Claim::Feasible(true), gap, Claim::Awake("a".into(), false)] {
        assert!(!passes(claim.clone(), None), "{claim:?}");
    }
}
