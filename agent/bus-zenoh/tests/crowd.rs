//! Many agents on real sessions: hubs, and leaves that each do on the bus what an agent does.
//!
//! `SESSIONS=500 cargo test -p bus-zenoh --test main crowd -- --nocapture` prints what it costs; 100 without it.

use crate::free;
use bus_zenoh::{Place, Role, Zenoh};
use protocol::bus::{Bus as _, Held, Keep, Life, Message, Qos};
use protocol::envelope::{self, Terms};
use protocol::key::{Key, Pattern, Topic};
use protocol::message::{self, Head, Listener};
use protocol::sign::{Keyring, Signer};
use protocol::testing::{device, sources, totals};
use protocol::{Certificate, Digest, Name, Plan, SCHEMA, canonical};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One, and all leaves at it: between several, a debug build of Zenoh 1.10.2 stops at an assertion of its own
/// (`owns(ctx.src_face)`) when hundreds join at once.
const HUBS: usize = 1;

#[expect(clippy::disallowed_methods, reason = "how long a crowd takes is printed")]
fn now() -> Instant {
    Instant::now()
}
/// Telemetry of each agent: messages, and the time between two.
const SAMPLES: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// Devices in the plan: about 120 KiB of it.
const DEVICES: usize = 340;
/// All sessions share this process's few threads, and none may be taken for lost while they join.
const LEASE_MS: u32 = 60_000;

fn sessions() -> usize {
    std::env::var("SESSIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(100)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn key(topic: Topic, agent: &Name) -> Key {
    Key::new(&name("crowd"), topic, agent)
}

fn signer(number: usize) -> Signer {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Signer::from_seed(&seed)
}

fn sealed(topic: Topic, agent: &Name, sequence: usize, body: &str, signer: &Signer) -> Vec<u8> {
    let key = key(topic, agent).to_string();
    let head = Head { key, sender: agent.clone(), boot: 1, sequence: sequence as u64, sent_ms: 0 };
    message::seal(&head, body.as_bytes(), signer).unwrap()
}

fn plan(owner: &Signer) -> Vec<u8> {
    let (objective, unit, status) = ("power".into(), "W".into(), "stopped".into());
    let mut plan = Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: "crowd".into(),
        scenario: Digest::of(b"none").to_string(),
        planner: "test".into(),
        seed: 1,
        devices: (0..DEVICES).map(|i| device(&format!("agent-{i}"), 80.0)).collect(),
        services: Vec::new(),
        totals: totals(),
        certificate: Certificate { objective, unit, value: 1.0, bound: 0.0, gap: 1.0, status },
        sources: sources(),
    };
    plan.id = Digest::of(&canonical::bytes(&plan).unwrap()).to_string();
    envelope::seal(&plan, &Terms { issued_ms: 1, expires_ms: 2, settles: Vec::new(), models: Default::default() }, &[owner])
        .unwrap()
}

/// Processor time of this process, s, and its resident memory, bytes, as Linux says them.
fn used() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<f64> = stat.rsplit(')').next()?.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // Fields 14, 15 and 24 of proc(5), in ticks of 10 ms and pages of 4 KiB.
    Some(((fields[11] + fields[12]) / 100.0, fields[21] * 4096.0))
}

/// Waits for a count, and says how long that took, s.
fn until(what: &str, wanted: usize, count: &AtomicUsize) -> f64 {
    let began = now();
    while count.load(SeqCst) < wanted {
        assert!(began.elapsed() < Duration::from_secs(300), "{what}: {} of {wanted}", count.load(SeqCst));
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed().as_secs_f64()
}

/// How often each thing was heard and fits, by all agents together; and by the planner.
#[derive(Default)]
struct Heard {
    lives: AtomicUsize,
    plans: AtomicUsize,
    statuses: AtomicUsize,
    answers: AtomicUsize,
    telemetry: AtomicUsize,
    wrong: AtomicUsize,
}

struct Agent {
    name: Name,
    signer: Signer,
    bus: Arc<Zenoh>,
    _held: Vec<Held>,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, SeqCst);
}

/// Joins as a node does: its orders, all statuses, all tokens, its own token. It answers a plan with a status.
fn join(number: usize, hub: bus_zenoh::Endpoint, owner: &Keyring, heard: &Arc<Heard>) -> Agent {
    let bus = Arc::new(
        Zenoh::open(&Place { role: Role::Leaf, connect: vec![hub], lease_ms: Some(LEASE_MS), ..Place::default() }).unwrap(),
    );
    let (name, fleet) = (name(&format!("agent-{number}")), name("crowd"));
    let (at, owner, me, answers) = (Arc::clone(heard), owner.clone(), name.clone(), Arc::downgrade(&bus));
    let desired = move |m: Message| {
        let Ok(signed) = envelope::open(&m.payload, &owner) else { return count(&at.wrong) };
        count(&at.plans);
        // A sink must not wait for the bus.
        let (me, answers) = (me.clone(), answers.clone());
        std::thread::spawn(move || {
            let said = sealed(Topic::Status, &me, 1, &format!("serves generation {}", signed.plan.generation), &signer(number));
            if let Some(bus) = answers.upgrade() {
                bus.publish(&key(Topic::Status, &me), &said, Qos::Assured, Keep::Last).unwrap();
            }
        });
    };
    let (at, other) = (Arc::clone(heard), Arc::clone(heard));
    let lives = move |life: Life| {
        if matches!(life, Life::Born(_)) {
            count(&at.lives)
        }
    };
    let held = vec![
        bus.subscribe(&Pattern::from(key(Topic::Desired, &name)), Box::new(desired)).unwrap(),
        bus.subscribe(&Pattern::topic(&fleet, Topic::Status), Box::new(move |_| count(&other.statuses))).unwrap(),
        bus.watch_alive(&Pattern::topic(&fleet, Topic::Alive), Box::new(lives)).unwrap(),
        bus.declare_alive(&key(Topic::Alive, &name)).unwrap(),
    ];
    Agent { name, signer: signer(number), bus, _held: held }
}

#[test]
fn a_plan_reaches_all_and_nothing_they_say_is_lost() {
    let agents = sessions();
    let at: Vec<_> = (0..HUBS).map(|_| free()).collect();
    // Each hub connects to those before it.
    let hub = |i: usize| Place {
        role: Role::Hub,
        listen: Some(at[i].clone()),
        connect: at[..i].to_vec(),
        lease_ms: Some(LEASE_MS),
        ..Place::default()
    };
    let _hubs: Vec<_> = (0..HUBS).map(|i| Zenoh::open(&hub(i)).unwrap()).collect();
    let (owner, heard) = (signer(usize::MAX), Arc::new(Heard::default()));
    let ring = Keyring::new([owner.public()]);
    let planner =
        Zenoh::open(&Place { role: Role::Leaf, connect: vec![at[0].clone()], lease_ms: Some(LEASE_MS), ..Place::default() })
            .unwrap();
    let mut known = Listener::default();
    for i in 0..agents {
        known.trust(name(&format!("agent-{i}")), Keyring::new([signer(i).public()]));
    }
    // A listener refuses what is said twice, and what is out of order: that would be counted as wrong.
    let listen = |topic: Topic, count_in: fn(&Heard) -> &AtomicUsize| {
        let (known, at) = (Mutex::new(known.clone()), Arc::clone(&heard));
        let sink = move |m: Message| match known.lock().unwrap().open(&m.payload, &m.key) {
            Ok(_) => count(count_in(&at)),
            Err(_) => count(&at.wrong),
        };
        planner.subscribe(&Pattern::topic(&name("crowd"), topic), Box::new(sink)).unwrap()
    };
    let _held = [listen(Topic::Status, |h| &h.answers), listen(Topic::Telemetry, |h| &h.telemetry)];
    let before = used();

    let began = now();
    let all: Vec<_> = (0..agents).map(|i| join(i, at[0].clone(), &ring, &heard)).collect();
    let opened = began.elapsed().as_secs_f64();
    println!("{agents} leaves at {HUBS} hub: opened in {opened:.1} s");
    // Each sees each, itself too.
    let met = until("tokens", agents * agents, &heard.lives);
    println!("all see all {met:.1} s later");
    let joined = used();

    let envelope = plan(&owner);
    for agent in &all {
        planner.publish(&key(Topic::Desired, &agent.name), &envelope, Qos::Assured, Keep::Last).unwrap();
    }
    let fanned = until("plans", agents, &heard.plans);
    let answered = until("answers", agents, &heard.answers);
    let spread = until("statuses", agents * agents, &heard.statuses);
    println!(
        "plan of {} KiB: all have it after {fanned:.2} s, the planner all answers {answered:.2} s later, all agents all statuses {spread:.2} s later",
        envelope.len() / 1024
    );
    let planned = used();

    let began = now();
    let text = format!("{{\"power_w\":{}}}", "1".repeat(300));
    for i in 0..SAMPLES {
        for agent in &all {
            let sample = sealed(Topic::Telemetry, &agent.name, 2 + i, &text, &agent.signer);
            agent.bus.publish(&key(Topic::Telemetry, &agent.name), &sample, Qos::Sample, Keep::Pass).unwrap();
        }
        std::thread::sleep(PAUSE.saturating_sub(began.elapsed().saturating_sub(PAUSE * i as u32)));
    }
    until("telemetry", SAMPLES * agents, &heard.telemetry);
    let (lasted, after) = (began.elapsed().as_secs_f64(), used());
    assert_eq!(heard.wrong.load(SeqCst), 0, "what cannot be opened, or came twice or out of order");
    assert_eq!(heard.telemetry.load(SeqCst), SAMPLES * agents);

    println!("telemetry: {} messages in {lasted:.1} s, none lost", SAMPLES * agents);
    if let (Some(before), Some(joined), Some(planned), Some(after)) = (before, joined, planned, after) {
        let each = |s: f64| s * 1e3 / agents as f64;
        println!(
            "a session: {:.0} KiB; processor time {:.1} ms to join, {:.1} ms for plan and statuses, {:.2} ms for a sample, signed and opened",
            (after.1 - before.1) / 1024.0 / agents as f64,
            each(joined.0 - before.0),
            each(planned.0 - joined.0),
            each(after.0 - planned.0) / SAMPLES as f64,
        );
    }
}
