use super::*;
use crate::testing::{one_board, two_boards_and_a_card};
use profiles::units::{Ratio, Seconds, Watts};
use scenarios::{At, End, Goal, Link, Said};

fn set(scenario: &Scenario, text: &str) -> Result<Scenario, ChangeErrors> {
    apply(scenario, &[text.to_owned()], &[], &[])
}

fn said(value: usize) -> Said<usize> {
    Said { value, at: At { line: 7, column: 1 } }
}

#[test]
fn values_are_set_with_their_units() {
    let s = two_boards_and_a_card();
    let all = [
        "card.power_cap=25W",
        "card.modes = 15W",
        "pi-1.memory_margin=10%",
        "pi-1.sleep=false",
        "chat.deadline.ttft=1200ms",
        "chat.deadline.total=none",
        "chat.accuracy=55 %",
        "chat.replicas=1..2",
        "limits.power=30W",
        "objective=latency",
    ];
    let changed = apply(&s, &all.map(str::to_owned), &[], &[]).unwrap();
    assert_eq!(changed.devices[2].power_cap.as_ref().unwrap().value, Watts(25.0));
    assert_eq!(changed.devices[2].modes, ["15W"]);
    assert!((changed.devices[0].memory_margin.value.get() - 0.1).abs() < 1e-12);
    assert!(!changed.devices[0].may_sleep);
    assert_eq!(changed.services[0].deadline.ttft.as_ref().unwrap().value, Seconds(1.2));
    assert_eq!(changed.services[0].deadline.total, None);
    assert!((changed.services[0].accuracy.as_ref().unwrap().at_least.value.get() - 0.55).abs() < 1e-12);
    assert_eq!(changed.services[0].replicas, (1, 2));
    assert_eq!(changed.limits.power.as_ref().unwrap().value, Watts(30.0));
    assert_eq!(changed.objective.goal, Goal::Latency);
    assert_ne!(changed.digest, s.digest);
    assert_eq!(changed.services[1], s.services[1]);
}

#[test]
fn mistakes_come_with_the_nearest_name_and_all_at_once() {
    let s = one_board();
    let set: Vec<String> = ["chta.rate=1 /s", "chat.deadline.tft=1s", "chat.rate=3", "chat.rate=-1 /s", "pi.modes=turbo", "chat"]
        .map(str::to_owned)
        .into();
    let errors = apply(&s, &set, &["pii".into()], &["test-bord".into()]).unwrap_err();
    let text = errors.to_string();
    assert_eq!(errors.0.len(), 8, "{text}");
    for part in [
        "did you mean `chat`?",
        "did you mean `deadline.ttft`?",
        "has no unit",
        "more than 0 /s",
        "none of default",
        "is no change",
        "did you mean `pi`?",
        "did you mean `test-board`?",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn dropping_a_device_shifts_what_points_at_the_others() {
    let mut s = two_boards_and_a_card();
    s.devices[2].host = Some(1);
    s.services[0].pins = vec![said(2)];
    s.services[0].forbidden = vec![said(0)];
    s.services[1].origin = Some(1);
    let link = |a, b| Link { between: (End::Device(a), End::Device(b)), rates: s.sites[0].link.clone(), at: At::default() };
    s.links = vec![link(0, 2), link(1, 2)];
    let changed = apply(&s, &[], &["pi-1".into()], &[]).unwrap();
    assert_eq!(changed.devices.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["pi-2", "card"]);
    assert_eq!(changed.devices[1].host, Some(0));
    assert_eq!(changed.services[0].pins, [said(1)]);
    assert!(changed.services[0].forbidden.is_empty());
    assert_eq!(changed.services[1].origin, Some(0));
    assert_eq!(changed.links.iter().map(|l| l.between).collect::<Vec<_>>(), [(End::Device(0), End::Device(1))]);
}

#[test]
fn a_device_that_is_needed_by_name_stays() {
    let mut s = two_boards_and_a_card();
    s.services[0].pins = vec![said(0)];
    let e = apply(&s, &[], &["pi-1".into()], &[]).unwrap_err();
    assert!(matches!(&e.0[0], ChangeError::Needed { needed_by, .. } if needed_by.contains("chat")));
}

#[test]
fn dropping_a_service_shifts_who_must_be_apart() {
    let mut s = two_boards_and_a_card();
    let mut third = s.services[0].clone();
    third.name = "third".into();
    third.apart_from = vec![said(0), said(1)];
    s.services.push(third);
    let changed = apply(&s, &[], &["chat".into()], &[]).unwrap();
    assert_eq!(changed.services[1].apart_from, [said(0)]);
}

#[test]
fn an_added_device_is_like_its_kin_and_has_a_free_name() {
    let mut s = two_boards_and_a_card();
    s.devices[2].memory_margin.value = Ratio(0.2);
    let changed = apply(&s, &[], &[], &["test-card".into(), "test-card".into(), "test-card:spare".into()]).unwrap();
    let names: Vec<_> = changed.devices[3..].iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["test-card", "test-card-2", "spare"]);
    assert!(changed.devices[3..].iter().all(|d| d.profile == s.devices[2].profile && d.memory_margin.value == Ratio(0.2)));
    let taken = apply(&s, &[], &[], &["test-card:pi-1".into()]).unwrap_err();
    assert_eq!(taken.0, [ChangeError::Taken { name: "pi-1".into() }]);
}

#[test]
fn a_catalogue_device_can_be_added() {
    let id = profiles::Catalogue::builtin().device_ids().next().unwrap();
    let changed = apply(&one_board(), &[], &[], &[id.to_owned()]).unwrap();
    assert_eq!(changed.devices[1].profile.id, id);
}

#[test]
fn setting_a_value_to_itself_changes_the_digest_only() {
    let s = one_board();
    let mut changed = set(&s, "chat.prompt_tokens=64").unwrap();
    changed.digest.clone_from(&s.digest);
    assert_eq!(changed, s);
}

#[test]
fn the_improvement_that_helps_is_found_and_can_be_tried() {
    // On the card the deadline is met; with a tenth more time the frugal board meets it too.
    let effort = crate::search::Effort::for_seconds(0.05);
    let solve = |s: &Scenario| {
        let found = crate::search::solve(&crate::physics::build(s).table, &effort, &crate::search::Silent);
        found.best.map(|(_, e)| e.objective)
    };
    let mut s = two_boards_and_a_card();
    s.services.truncate(1);
    let loose = solve(&s).unwrap();
    let fits = |total: f64| {
        let mut t = s.clone();
        t.services[0].deadline.total.as_mut().unwrap().value = Seconds(total);
        solve(&t).is_some_and(|w| w < loose * 1.001)
    };
    // The board's fastest time, to one part in a hundred.
    let (mut low, mut high) = (1e-3, 60.0);
    while high / low > 1.01 {
        let middle = f64::sqrt(low * high);
        if fits(middle) { high = middle } else { low = middle }
    }
    s.services[0].deadline.total.as_mut().unwrap().value = Seconds(low);
    let before = solve(&s).unwrap();
    assert!(before > loose * 1.01, "{before} {loose}");
    let found = improvements(&s, before, &effort);
    assert!(found[0].what.contains("10 % more time for the whole request"), "{found:?}");
    assert!((found[0].after - loose).abs() < 1e-3 * loose && found[0].saving > 0.0);
    let argument = found[0].try_it.trim_start_matches("--set ").replace('\'', "");
    let tried = apply(&s, &[argument], &[], &[]).unwrap();
    assert!(solve(&tried).unwrap() < before);
}
