use super::*;
use crate::search::{self, Effort, Silent};
use crate::testing::two_boards_and_a_card;
use crate::{lint, physics};
use protocol::telemetry::{Measured, ServiceSample, StageSample};
use protocol::{Certificate, Name, Telemetry};

fn plan(scenario: &Scenario) -> Plan {
    let model = physics::build(scenario);
    let effort = Effort { front: 0, ..Effort::for_seconds(0.05) };
    let (best, e) = search::improve(&model.table, &[], &effort, &Silent).best.expect("a plan");
    let certificate = Certificate {
        objective: "fleet power".into(),
        unit: "W".into(),
        value: e.objective,
        bound: 0.0,
        gap: 1.0,
        status: "gap".into(),
    };
    compose::compose(scenario, &model, &best, certificate, 1)
}

fn fitted(time: f64, power: Option<f64>) -> Fitted {
    Fitted { time, power, samples: 4, quality: Quality::Fitted }
}

/// Telemetry of the device of a plan's first stage, whose steps took so many times what was predicted.
fn said(scenario: &Scenario, plan: &Plan, times: f64) -> Telemetry {
    let service = &plan.services[0];
    let stage = &service.replicas[0].stages[0];
    let step_s = step_s(scenario, plan, service, stage, 1).expect("predicted");
    let text = format!(r#"{{"schema":"wattline.telemetry/1","agent":"{}","window_s":10.0}}"#, stage.device);
    let mut t = Telemetry::read(text.as_bytes()).expect("telemetry");
    t.stages = vec![StageSample {
        service: Name::new(&service.name).expect("a name"),
        replica: 0,
        stage: 0,
        plan: plan.id.parse().expect("an id"),
        rows: 1,
        steps: 40,
        step_p50_s: times * step_s,
    }];
    t
}

#[test]
fn a_factor_is_a_median_of_enough_windows() {
    let mut drift = Drift::default();
    drift.time("pi", 2.0, 100);
    assert_eq!((drift.seen("pi"), drift.news().len()), (None, 0), "one window is no proof");
    drift.time("pi", 2.0, 8);
    assert_eq!(drift.seen("pi").map(|f| (f.time, f.power, f.samples)), Some((2.0, None, 2)));
    // One that something held up moves nothing, and what is no number is none.
    for (ratio, steps) in [(90.0, 9), (2.04, 9), (f64::NAN, 9), (0.0, 9), (f64::INFINITY, 9)] {
        drift.time("pi", ratio, steps);
    }
    assert_eq!(drift.seen("pi").map(|f| (f.time, f.samples)), Some((2.02, 4)));
    assert_eq!(drift.news().keys().collect::<Vec<_>>(), ["pi"]);
    drift.take(drift.news());
    assert!(drift.news().is_empty(), "it is counted with");
    // A little more is no news; what has lasted is.
    (0..12).for_each(|_| drift.time("pi", 2.15, 9));
    assert!(drift.news().is_empty() && drift.used()["pi"].time < 2.1);
    (0..12).for_each(|_| drift.time("pi", 1.0, 9));
    assert!((drift.news()["pi"].time - 1.0).abs() < 1e-12, "what passes, passes");
    // Few steps say nothing, however many windows.
    (0..3).for_each(|_| drift.time("slow", 3.0, 8));
    assert_eq!(drift.seen("slow"), None);
    (0..9).for_each(|_| drift.time("far", 1e6, 9));
    assert!((drift.seen("far").expect("many").time - MOST).abs() < 1e-12, "within bounds");
}

#[test]
fn power_needs_more_windows_and_keeps_what_was_known_of_time() {
    let mut drift = Drift::default();
    drift.adopt(Factors::from([("pi".to_owned(), fitted(1.5, None))]));
    (0..2).for_each(|_| drift.power("pi", 0.8));
    assert_eq!(drift.seen("pi"), None);
    drift.power("pi", 0.9);
    assert_eq!(drift.seen("pi").map(|f| (f.time, f.power)), Some((1.5, Some(0.8))));
    drift.adopt(Factors::from([("pi".to_owned(), fitted(9.0, None))]));
    assert!((drift.used()["pi"].time - 1.5).abs() < 1e-12, "the first that was adopted stays");
}

#[test]
fn a_corrected_profile_predicts_what_was_measured() {
    let scenario = two_boards_and_a_card();
    let plan = plan(&scenario);
    let (service, stage) = (&plan.services[0], &plan.services[0].replicas[0].stages[0]);
    let step = |s: &Scenario, rows| step_s(s, &plan, service, stage, rows).expect("predicted");
    let factors = Factors::from([(stage.device.clone(), fitted(2.5, Some(1.2)))]);
    let slow = corrected(&scenario, &factors);
    for rows in [1, 4] {
        assert!((step(&slow, rows) / step(&scenario, rows) - 2.5).abs() < 1e-6, "{}", step(&slow, rows) / step(&scenario, rows));
    }
    assert!(step(&scenario, 4) > step(&scenario, 1));
    assert_eq!(slow.digest, scenario.digest, "it is the user's scenario");
    let (old, new) = scenario
        .devices
        .iter()
        .zip(&slow.devices)
        .find(|(d, _)| d.name == stage.device)
        .map(|(a, b)| (&a.profile, &b.profile))
        .expect("the device");
    let idle = |p: &DeviceProfile| p.modes[0].idle.value.get();
    assert!((idle(new) / idle(old) - 1.2).abs() < 1e-9);
    let bandwidth = &new.processors[0].bandwidth;
    assert!(bandwidth.quality == Quality::Fitted && bandwidth.source.contains("telemetry of 4 windows"), "{bandwidth:?}");
    assert!(scenario.devices.iter().zip(&slow.devices).filter(|(a, b)| a.profile != b.profile).count() == 1);
    assert!(matches!(corrected(&scenario, &Factors::new()), Cow::Borrowed(_)));
}

#[test]
fn the_linter_finds_a_plan_again_by_the_factors_that_it_names() {
    let scenario = two_boards_and_a_card();
    // Of every device, so that whatever the plan uses is corrected.
    let factors: Factors = scenario.devices.iter().map(|d| (d.name.clone(), fitted(1.3, Some(1.1)))).collect();
    let marked = mark(plan(&corrected(&scenario, &factors)), &factors);
    let verdict = lint::lint(&scenario, &marked);
    assert!(!verdict.fatal(), "{verdict}");
    assert!(verdict.notes.iter().any(|n| n.code == "fitted" && n.message.contains("1.3 times the time")), "{verdict}");
    assert_eq!(of_plan(&marked), factors);
    // Without its factors, or with others, its numbers are not so.
    assert!(lint::lint(&scenario, &mark(marked.clone(), &Factors::new())).fatal());
    for wrong in [fitted(0.0, None), fitted(f64::NAN, None), fitted(1.3, Some(99.0)), fitted(1.2, Some(1.1))] {
        let other = factors.keys().map(|d| (d.clone(), wrong)).collect();
        assert!(lint::lint(&scenario, &mark(marked.clone(), &other)).fatal(), "{wrong:?}");
    }
    let boast = Fitted { quality: Quality::Measured, ..fitted(1.3, Some(1.1)) };
    assert!(!is_sound(&boast), "a factor is fitted, not measured");
}

#[test]
fn a_device_speaks_for_its_own_stage_of_this_plan() {
    let scenario = two_boards_and_a_card();
    let plan = plan(&scenario);
    let heard = |change: &dyn Fn(&mut Telemetry)| {
        let mut drift = Drift::default();
        let mut t = said(&scenario, &plan, 2.0);
        change(&mut t);
        (0..2).for_each(|i| drift.hear(&scenario, &plan, &t, f64::from(i)));
        drift.news().into_values().map(|f| f.time).collect::<Vec<_>>()
    };
    assert_eq!(heard(&|_| {}), [2.0], "twice as slow as its profile");
    assert!(heard(&|t| t.agent = Name::new("somebody").expect("a name")).is_empty(), "for others it does not");
    assert!(heard(&|t| t.stages[0].plan = "b".repeat(64).parse().expect("an id")).is_empty(), "another plan");
    assert!(heard(&|t| t.stages[0].stage = 7).is_empty());
    assert!(heard(&|t| t.stages[0].replica = 7).is_empty());
    assert!(heard(&|t| t.stages[0].steps = 7).is_empty());
    assert!(heard(&|t| t.stages[0].rows = 0).is_empty());
}

#[test]
fn power_is_held_against_the_load_that_was_seen() {
    let mut scenario = two_boards_and_a_card();
    scenario.services.truncate(1);
    let plan = plan(&scenario);
    let (service, wanted) = (&plan.services[0], &scenario.services[0]);
    let mut t = said(&scenario, &plan, 1.0);
    let device = t.agent.to_string();
    let answers = 6u64;
    t.services = vec![ServiceSample {
        service: Name::new(&service.name).expect("a name"),
        replica: 0,
        plan: plan.id.parse().expect("an id"),
        requests: answers,
        failed: 0,
        tokens: answers * u64::from(wanted.answer_tokens),
        ttft_p50_s: None,
        ttft_p90_s: None,
        tpot_p50_s: None,
        tpot_p90_s: None,
    }];
    let rates = plan
        .services
        .iter()
        .flat_map(|s| {
            (0..s.replicas.len() as u32).map(|r| ((s.name.clone(), r), if s.name == service.name && r == 0 { 0.6 } else { 0.0 }))
        })
        .collect();
    let expected_w = drawn_w(&plan, &device, &rates).expect("a load");
    let alone =
        plan.services.iter().filter(|s| s.replicas.iter().flat_map(|r| &r.stages).any(|st| st.device == device)).count() == 1;
    assert!(alone && service.replicas.len() == 1, "the device has one pipeline in this plan");
    let factor = |t: &Telemetry| {
        let mut drift = Drift::default();
        (0..3).for_each(|i| drift.hear(&scenario, &plan, t, f64::from(i)));
        drift.seen(&device).and_then(|f| f.power)
    };
    t.power_w = Some(Measured { value: 1.4 * expected_w, quality: Quality::Measured });
    assert_eq!(factor(&t), Some(1.4));
    // What no sensor measured is no measurement; answers of another length share their energy otherwise.
    let guess = Telemetry { power_w: t.power_w.map(|p| Measured { quality: Quality::Fitted, ..p }), ..t.clone() };
    assert_eq!(factor(&guess), None);
    let mut short = t.clone();
    short.services[0].tokens /= 4;
    assert_eq!(factor(&short), None);
    short.services.clear();
    assert_eq!(factor(&short), None, "no load is known");
    // A plan that counts with a factor already is held against the profile, too.
    let mut counted = plan.clone();
    for d in counted.devices.iter_mut().filter(|d| d.name == device) {
        d.fitted = Some(fitted(1.0, Some(2.0)));
    }
    assert!((drawn_w(&counted, &device, &rates).expect("a load") - 0.5 * expected_w).abs() < 1e-9);
}
