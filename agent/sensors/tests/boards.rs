//! Every board: what is found, what it reads, what it draws.

use crate::world::{BOARDS, Hand, board, folder};
use sensors::{
    Config, Finding, Interface, Listing, Missing, NO_POWER_SENSOR, Pace, Quality, Quantity, Reading, Recorder, Scope, Sensors,
    energy::Account,
};
use std::sync::Arc;

fn on(name: &str) -> Sensors {
    Sensors::on_listing(&board(name), Arc::new(Hand::new()), Config::default())
}

#[test]
fn every_board_has_its_golden_inventory() {
    let mut differing = Vec::new();
    for name in BOARDS {
        let shown = on(name).inventory().to_string();
        let path = folder("tests/golden").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &shown).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != shown {
            differing.push(format!("{}:\n{shown}", path.display()));
        }
    }
    assert!(differing.is_empty(), "differs (UPDATE_GOLDEN=1 rewrites):\n{}", differing.join("\n"));
}

#[test]
fn every_board_draws_what_its_sensors_say() {
    let expected = [
        ("nano-jp4", Some((2.086, Scope::Module, Quality::Derived))),
        ("xavier-nx-jp5", Some((4.944 * 2.472, Scope::Module, Quality::Derived))),
        ("orin-nano-jp6", Some((5.016 * 1.536, Scope::Module, Quality::Derived))),
        ("agx-orin-jp5", Some((19.096 * (0.472 + 0.128) + 5.016 * 0.976, Scope::Module, Quality::Derived))),
        ("agx-thor-jp7", Some((23.125, Scope::Board, Quality::Measured))),
        ("pi4", None),
        // 1.1451 * (sum of the twelve products) + 0.5879
        ("pi5", Some((1.1451 * 5.429_004 + 0.5879, Scope::Board, Quality::Modelled))),
        ("laptop", Some((14.28, Scope::Board, Quality::Measured))),
        ("vm", None),
    ];
    for (name, power) in expected {
        let reading = on(name).power();
        match power {
            Some((watts, scope, quality)) => {
                let read = reading.value().unwrap_or_else(|| panic!("{name}: {reading}"));
                assert!((read - watts).abs() < 1e-4, "{name}: {read} W, expected {watts} W");
                assert_eq!((reading.scope, reading.outcome.clone()), (scope, reading.outcome), "{name}");
                assert_eq!(on(name).power().quality(), Some(quality), "{name}");
            }
            None => assert_eq!(reading.missing().unwrap().to_string(), NO_POWER_SENSOR, "{name}"),
        }
    }
}

#[test]
fn without_a_sensor_energy_says_that_it_is_modelled() {
    for name in ["pi4", "vm"] {
        let clock = Arc::new(Hand::new());
        let mut sensors = Sensors::on_listing(&board(name), clock.clone(), Config::default());
        let mut account = Account::new(0.1);
        let mut at = None;
        for _ in 0..20 {
            let (stamp, readings) = sensors.read_power();
            account.observe(stamp, &readings);
            at = Some(stamp);
            clock.pass(0.1);
        }
        let window = account.lap(at.unwrap());
        let machine = window.machine();
        assert_eq!(machine.energy.known(), None);
        assert!(machine.energy.to_string().contains(NO_POWER_SENSOR), "{name}: {machine}");
        assert!((window.seconds - 1.9).abs() < 1e-9);
    }
}

#[test]
fn rapl_for_root_only_names_the_command_that_mends_it() {
    let laptop = board("laptop");
    for zone in ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl-mmio:0"] {
        laptop.set(&format!("/sys/class/powercap/{zone}/energy_uj"), "!EACCES");
    }
    let mut sensors = Sensors::on_listing(&laptop, Arc::new(Hand::new()), Config::default());
    let inventory = sensors.inventory();
    let rapl = inventory.entries.iter().find(|e| e.interface == Interface::Rapl).unwrap();
    assert!(matches!(&rapl.finding, Finding::Not { missing: Missing::Denied { .. } }));
    assert!(rapl.mend.as_ref().unwrap().contains("chmod g+r /sys/class/powercap/intel-rapl:*/energy_uj"));
}

#[test]
fn the_laptop_counts_packages_once_and_gives_power_from_its_counters() {
    let laptop = board("laptop");
    let clock = Arc::new(Hand::new());
    // A wrap between the two reads: 10 J to the end, 5 J after it, in 2 s.
    laptop.set("/sys/class/powercap/intel-rapl:0/energy_uj", "262133328850");
    let mut sensors = Sensors::on_listing(&laptop, clock.clone(), Config::default());
    let first = sensors.read(Pace::Fast);
    let packages = first.iter().filter(|r| r.scope == Scope::Package("package-0".into()));
    assert_eq!(packages.count(), 1, "the mmio twin is left out");
    clock.pass(2.0);
    laptop.set("/sys/class/powercap/intel-rapl:0/energy_uj", "5000000");
    let second = sensors.read(Pace::Fast);
    let watts = |r: &&Reading| r.quantity == Quantity::Power && r.name == "package-0";
    let power = second.iter().find(watts).unwrap();
    assert!(power.value().is_some_and(|w| (w - 7.5).abs() < 1e-6), "{power}");
}

#[test]
fn unknown_releases_and_boards_are_no_error() {
    let nano = board("orin-nano-jp6");
    nano.set("/etc/nv_tegra_release", "# R99 (release), REVISION: 1.0-beta, GCID: 1\n");
    nano.set("/proc/device-tree/model", "Some Carrier With An Orin\0");
    let mut sensors = Sensors::on_listing(&nano, Arc::new(Hand::new()), Config::default());
    assert_eq!(sensors.board().l4t.as_deref(), Some("99.1.0-beta"));
    assert_eq!(sensors.power().scope, Scope::Module);
    let nothing = sensors::Listing::default();
    let mut sensors = Sensors::on_listing(&nothing, Arc::new(Hand::new()), Config::default());
    assert_eq!(sensors.inventory().entries.len(), Interface::ALL.len());
}

#[test]
fn thor_without_its_carrier_meter_adds_the_module_rails() {
    let thor = board("agx-thor-jp7");
    thor.remove("/sys/class/hwmon/hwmon2/name");
    let power = Sensors::on_listing(&thor, Arc::new(Hand::new()), Config::default()).power();
    assert_eq!(power.scope, Scope::Module);
    let watts = 12.040 * (0.512 - 0.008) + 5.032 * 1.280;
    assert!((power.value().unwrap() - watts).abs() < 1e-9);
}

#[test]
fn what_a_device_answered_can_be_played_again() {
    for name in BOARDS {
        let device = Arc::new(board(name));
        let recorder = Recorder::new(device.clone(), device);
        let heard = Arc::new(recorder.clone());
        let first = Sensors::with(heard.clone(), heard, Arc::new(Hand::new()), Config::default()).inventory();
        let again = Listing::parse(&recorder.listing()).unwrap();
        let second = Sensors::on_listing(&again, Arc::new(Hand::new()), Config::default()).inventory();
        assert_eq!(first.power, second.power, "{name}");
        let reads = |i: &sensors::Inventory| -> Vec<String> {
            i.entries.iter().filter(|e| matches!(e.finding, Finding::Reads { .. })).map(|e| format!("{e:?}")).collect()
        };
        assert_eq!(reads(&first), reads(&second), "{name}");
    }
}

#[test]
fn the_inventory_as_json_is_stable() {
    let json = serde_json::to_string_pretty(&on("orin-nano-jp6").inventory()).unwrap() + "\n";
    let path = folder("tests/golden/orin-nano-jp6.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == json,
        "it differs from {}: UPDATE_GOLDEN=1 rewrites it",
        path.display()
    );
}

#[test]
fn conditions_name_the_mode_the_governor_and_the_supply() {
    let nano = on("orin-nano-jp6").conditions();
    let get = |name: &str| nano.get(name).map(String::as_str);
    assert_eq!((get("power mode"), get("governor policy0"), get("l4t")), (Some("MAXN_SUPER"), Some("schedutil"), Some("36.4.4")));
    assert_eq!(get("clock policy0 max Hz"), Some("1728000000"));
    assert_eq!(on("laptop").conditions().get("supply").map(String::as_str), Some("battery"));
    assert_eq!(on("vm").conditions().get("supply"), None);
}
