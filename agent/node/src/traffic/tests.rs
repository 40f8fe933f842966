use super::*;
use protocol::Digest;
use std::sync::mpsc::channel;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn plan(generation: u64) -> PlanRef {
    PlanRef { generation, id: Digest::of(&generation.to_le_bytes()) }
}

fn open(service: &str, replica: u32, share: f64) -> Open {
    Open { service: name(service), replica, share }
}

#[test]
fn requests_follow_the_shares() {
    let traffic = Traffic::default();
    assert!(traffic.enter(&name("chat"), Box::new(|_| ())).is_none(), "no plan yet");
    traffic.admit(Some(plan(1)), vec![open("chat", 0, 0.75), open("chat", 1, 0.25), open("other", 0, 1.0)]);
    let mut counts = [0; 2];
    for _ in 0..100 {
        counts[traffic.enter(&name("chat"), Box::new(|_| ())).expect("open").replica as usize] += 1;
    }
    assert_eq!(counts, [75, 25]);
    assert!(traffic.enter(&name("nobody"), Box::new(|_| ())).is_none());
    traffic.admit(Some(plan(1)), vec![open("chat", 0, 0.0)]);
    assert!(traffic.enter(&name("chat"), Box::new(|_| ())).is_none(), "a share of nothing takes nothing");
    assert!(traffic.services().is_empty());
}

#[test]
fn the_last_request_of_a_plan_says_so() {
    let traffic = Traffic::default();
    traffic.admit(Some(plan(1)), vec![open("chat", 0, 1.0)]);
    let (tell, told) = channel();
    let enter = || {
        let tell = tell.clone();
        traffic.enter(&name("chat"), Box::new(move |p| {
            let _ = tell.send(p);
        })).expect("open")
    };
    let (a, b) = (enter(), enter());
    traffic.admit(Some(plan(2)), vec![open("chat", 0, 1.0)]);
    assert!(!traffic.drain(plan(1).id));
    let c = enter();
    assert_eq!((a.plan, c.plan), (plan(1), plan(2)), "a request stays with its plan");
    drop(a);
    assert!(told.try_recv().is_err());
    drop(b);
    assert_eq!(told.try_recv(), Ok(plan(1).id));
    assert!(traffic.drain(plan(1).id), "nothing is left of it");
    drop(c);
    assert!(told.try_recv().is_err(), "nobody waits for the second plan to end");
    assert_eq!(traffic.running(), 0);
}
