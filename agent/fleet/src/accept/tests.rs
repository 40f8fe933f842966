use super::*;
use protocol::Digest;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn id(text: &str) -> PlanId {
    Digest::of(text.as_bytes())
}

fn order(generation: u64, content: &str, parent: Option<&str>) -> Order {
    Order {
        fleet: name("home"),
        id: id(content),
        parent: parent.map(id),
        generation,
        settles: Vec::new(),
        issued_ms: 1_000,
        expires_ms: 2_000,
        models: Default::default(),
    }
}

fn ledger(newest: Option<(u64, &str)>) -> Ledger {
    let mut l = Ledger::new(name("home"), name("pi-1"));
    l.newest = newest.map(|(generation, content)| PlanRef { generation, id: id(content) });
    l
}

#[test]
fn the_table_of_verdicts() {
    let at5 = ledger(Some((5, "five")));
    let say = |o: &Order| judge(&at5, o, |_| true, 1_500);
    assert_eq!(say(&order(5, "five", Some("four"))), Verdict::Known);
    assert_eq!(say(&order(6, "six", Some("five"))), Verdict::Take);
    assert!(matches!(say(&order(4, "four", None)), Verdict::Refuse(Refusal::Older { .. })));
    assert!(matches!(say(&order(5, "other", Some("four"))), Verdict::Refuse(Refusal::Fork { .. })));
    assert!(matches!(say(&order(6, "six", Some("other"))), Verdict::Refuse(Refusal::NotAChild { .. })));
    assert_eq!(say(&order(7, "seven", Some("never seen"))), Verdict::Take, "this agent was away");
    let settling = Order { settles: vec![id("five")], ..order(6, "six", Some("other")) };
    assert_eq!(say(&settling), Verdict::Take);
    let foreign = Order { fleet: name("away"), ..order(6, "six", Some("five")) };
    assert!(matches!(say(&foreign), Verdict::Refuse(Refusal::OtherFleet { .. })));
    assert_eq!(judge(&at5, &order(5, "five", None), |_| false, 9_999), Verdict::Take, "its file was lost");
    assert_eq!(judge(&ledger(None), &order(9, "nine", Some("eight")), |_| true, 1_500), Verdict::Take, "a new device");
    let mut failed = at5.clone();
    failed.condemned.push(id("six"));
    assert_eq!(judge(&failed, &order(6, "six", Some("five")), |_| true, 0), Verdict::Refuse(Refusal::Condemned));
}

#[test]
fn a_clock_set_back_revives_nothing() {
    let mut l = ledger(Some((5, "five")));
    let six = order(6, "six", Some("five"));
    assert_eq!(judge(&l, &six, |_| true, 2_000), Verdict::Take, "on the last millisecond");
    assert_eq!(judge(&l, &six, |_| true, 2_001), Verdict::Refuse(Refusal::Expired { by_ms: 1 }));
    l.time_floor_ms = 2_500;
    assert_eq!(judge(&l, &six, |_| true, 0), Verdict::Refuse(Refusal::Expired { by_ms: 500 }));
}
