//! The same board on a disk reads the same; a file that hangs is late, not fatal.

use crate::world::{BOARDS, Hand, board};
use sensors::{
    Clock, Config, Deadline, Disk, Listing, Missing, Outcome, Pace, Roots, Runner, Sensors, SystemClock, SystemRunner,
};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn on_disk(root: &std::path::Path, commands: &Listing) -> Sensors {
    let files = Disk::new(Roots::below(root), Duration::from_millis(200), Deadline::default());
    Sensors::with(Arc::new(files), Arc::new(commands.clone()), Arc::new(Hand::new()), Config::default())
}

#[test]
fn every_board_reads_the_same_from_a_disk() {
    for name in BOARDS {
        let listing = board(name);
        let folder = tempfile::tempdir().unwrap();
        listing.write_below(folder.path()).unwrap();
        let values = |mut sensors: Sensors| -> Vec<String> {
            let readings = sensors.read(Pace::Rare);
            readings.iter().filter(|r| matches!(r.outcome, Outcome::Value { .. })).map(ToString::to_string).collect()
        };
        let disk = values(on_disk(folder.path(), &listing));
        assert_eq!(disk, values(Sensors::on_listing(&listing, Arc::new(Hand::new()), Config::default())), "{name}");
        assert!(!disk.is_empty(), "{name}");
    }
}

#[test]
fn a_file_that_hangs_times_out_and_the_rest_is_read() {
    let listing = board("orin-nano-jp6");
    let folder = tempfile::tempdir().unwrap();
    listing.write_below(folder.path()).unwrap();
    // Opening a pipe that nobody writes to blocks for ever, as a stuck I2C bus does.
    let hung = folder.path().join("sys/class/hwmon/hwmon1/curr2_input");
    std::fs::remove_file(&hung).unwrap();
    assert!(Command::new("mkfifo").arg(&hung).status().unwrap().success());
    let mut sensors = on_disk(folder.path(), &listing);
    let clock = SystemClock::default();
    let began = clock.now();
    for _ in 0..5 {
        let readings = sensors.read(Pace::Fast);
        let rail = |name: &str| readings.iter().find(|r| r.name == name).unwrap();
        assert!(matches!(rail("VDD_CPU_GPU_CV").missing(), Some(Missing::TimedOut { .. })));
        assert!(rail("VDD_IN").value().is_some() && rail("VDD_SOC").value().is_some());
    }
    // The first read waits 200 ms; later ones know that the file hangs.
    assert!(clock.now().since_s(began) < 2.0);
    // It comes back: somebody writes, and the reading is there again.
    std::fs::write(&hung, "176\n").unwrap();
    std::fs::remove_file(&hung).unwrap();
    std::fs::write(&hung, "176\n").unwrap();
    let back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        sensors.read(Pace::Fast).iter().any(|r| r.name == "VDD_CPU_GPU_CV" && r.value().is_some())
    });
    assert!(back);
}

#[test]
fn commands_have_deadlines_and_their_failures_have_reasons() {
    let runner = SystemRunner::new(Duration::from_millis(300), Deadline::default());
    assert_eq!(runner.run(&["echo", "throttled=0x0"]).unwrap(), "throttled=0x0\n");
    assert_eq!(runner.run(&["no-such-program-here"]), Err(Missing::Absent { what: "no-such-program-here".into() }));
    let clock = SystemClock::default();
    let began = clock.now();
    assert!(matches!(runner.run(&["sleep", "30"]), Err(Missing::TimedOut { .. })));
    assert!(clock.now().since_s(began) < 5.0);
    let script = "echo \"Can't open device file: /dev/vcio\" >&2; exit 1";
    assert!(matches!(runner.run(&["sh", "-c", script]), Err(Missing::Denied { .. })));
    let failed = runner.run(&["sh", "-c", "echo VCHI initialization failed >&2; exit 1"]);
    assert!(matches!(failed, Err(Missing::Failed { error, .. }) if error == "VCHI initialization failed"));
}

#[test]
fn this_machine_answers_for_every_interface_without_a_panic() {
    let mut sensors = Sensors::open(Roots::default(), Config::default());
    let inventory = sensors.inventory();
    assert_eq!(inventory.entries.len(), sensors::Interface::ALL.len());
    let memory = sensors.read(Pace::Slow).into_iter().find(|r| r.name == "MemTotal").and_then(|r| r.value());
    assert!(memory.is_some_and(|bytes| bytes > 1e8), "this machine has memory");
    let json = serde_json::to_string(&inventory).unwrap();
    assert!(json.contains("\"interface\":\"rapl\""));
}
