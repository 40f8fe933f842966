//! A real process that writes ledgers to a real disk, killed at random points, thirty times over.
//!
//! SIGKILL loses no data that the kernel has; what a power cut loses is the simulator's business. Here it
//! is shown that [`Disk`] carries the same steps out, and that a start from any of them finds a whole
//! ledger and every plan that it names.

use fleet::Rules;
use fleet::store::disk::Disk;
use fleet::store::transaction;
use protocol::{Digest, Ledger, Name, PlanId, PlanRef};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const FOLDER: &str = "FLEET_KILLED_FOLDER";
const KILLS: u32 = 30;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Content of a plan's file, from which its name follows.
fn plan(generation: u64) -> (PlanRef, Arc<[u8]>) {
    let bytes: Vec<u8> = format!("plan {generation} ").into_bytes().repeat(4_000);
    (PlanRef { generation, id: Digest::of(&bytes) }, bytes.into())
}

/// The writer: goes on from what it finds, and says each ledger's number when the disk has it.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let disk = Disk::open(Path::new(&folder)).unwrap();
    let found = disk.read().unwrap().ledger().0;
    let mut ledger = found.unwrap_or_else(|| Ledger::new(name("home"), name("pi-1")));
    loop {
        let (newest, bytes) = plan(ledger.newest.map_or(1, |n| n.generation + 1));
        let forget: Vec<PlanId> = ledger.last_good.map(|p| p.id).into_iter().collect();
        ledger.sequence += 1;
        ledger.last_good = ledger.current;
        ledger.current = ledger.newest;
        ledger.pending = Some(newest);
        ledger.newest = Some(newest);
        // The plan two before is still named by the other ledger: it goes a turn later.
        let forget = if ledger.sequence.is_multiple_of(2) { forget } else { Vec::new() };
        let forget: Vec<PlanId> = forget.into_iter().filter(|id| ledger.held().all(|p| p.id != *id)).collect();
        for op in transaction(&ledger, Some((newest.id, bytes)), &forget, &Rules::default()).unwrap() {
            disk.run(&op).unwrap();
        }
        println!("safe {}", ledger.sequence);
    }
}

#[test]
fn a_killed_writer_leaves_a_whole_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (mut last, mut cut_short) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::writer", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(n) = line.split("safe ").nth(1).and_then(|n| n.trim().parse::<u64>().ok()) {
                    let _ = tell.send(n);
                }
            }
        });
        // Some writes, and a part of the next that differs from time to time.
        for _ in 0..1 + kill % 3 {
            last = told.recv_timeout(Duration::from_secs(30)).unwrap();
        }
        std::thread::sleep(Duration::from_micros(u64::from(kill * 7_919 % 5_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        last = told.try_iter().last().unwrap_or(last);
        let contents = Disk::open(folder.path()).unwrap().read().unwrap();
        let (ledger, broken) = contents.ledger();
        let ledger = ledger.unwrap();
        assert_eq!(broken, 0, "kill {kill}: a torn ledger under its own name");
        assert!(ledger.sequence >= last, "kill {kill}: {last} was safe, {} is there", ledger.sequence);
        cut_short += u64::from(ledger.sequence == last);
        for held in ledger.held() {
            assert_eq!(contents.plans.get(&held.id).map(|b| Digest::of(b)), Some(held.id), "kill {kill}: {held} is not whole");
        }
    }
    assert!(last > u64::from(KILLS), "{last} ledgers in all");
    println!("{KILLS} kills, {last} ledgers, {cut_short} of the kills cut a write short");
}

#[test]
fn a_full_disk_is_an_error_and_foreign_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path()).unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
    std::fs::write(folder.path().join("ledger.0"), b"torn").unwrap();
    let (newest, bytes) = plan(1);
    let mut ledger = Ledger::new(name("home"), name("pi-1"));
    ledger.sequence = 1;
    ledger.pending = Some(newest);
    for op in transaction(&ledger, Some((newest.id, bytes)), &[], &Rules::default()).unwrap() {
        disk.run(&op).unwrap();
    }
    let contents = disk.read().unwrap();
    assert_eq!(contents.ledger(), (Some(ledger), 1), "the whole one counts, the torn one is told of");
    assert_eq!(std::fs::read(folder.path().join("notes.txt")).unwrap(), b"mine");
    // A folder in the way of the draft stands for a disk that refuses.
    std::fs::create_dir(folder.path().join("ledger.draft")).unwrap();
    let op = fleet::store::Op::Write { file: fleet::store::File::LedgerDraft, bytes: Arc::from([1u8]) };
    let error = disk.run(&op).unwrap_err();
    assert!(error.to_string().contains("ledger.draft: writing"), "{error}");
}
