//! Sources that no board of the set has: graphics cards, meters, limits, odd answers.

use crate::world::Hand;
use proptest::prelude::*;
use sensors::{Config, Interface, Listing, Missing, NO_POWER_SENSOR, Pace, Quantity, Reading, Scope, Sensors};
use std::sync::Arc;

fn on(text: &str, config: Config) -> Sensors {
    Sensors::on_listing(&Listing::parse(text).unwrap(), Arc::new(Hand::new()), config)
}

fn read(text: &str) -> Vec<Reading> {
    on(text, Config::default()).read(Pace::Rare)
}

fn one(readings: &[Reading], interface: Interface, name: &str, quantity: Quantity) -> Reading {
    let is = |r: &&Reading| r.interface == interface && r.name == name && r.quantity == quantity;
    readings.iter().find(is).unwrap_or_else(|| panic!("no {interface} {name} {quantity:?} in {readings:#?}")).clone()
}

const CARD: &str = "[/sys/class/hwmon/hwmon2]\nname = amdgpu\npower1_average = 85000000\npower1_cap = 200000000\ntemp1_input = 55000\n[/sys/class/hwmon/hwmon2/device]\ngpu_busy_percent = 42\nmem_info_vram_used = 1073741824\n";
const PACKAGE: &str = "[/sys/class/powercap/intel-rapl:0]\nname = package-0\nenergy_uj = 1000000\nmax_energy_range_uj = 65532610987\n[/sys/class/powercap/intel-rapl:0:0]\nname = dram\nenergy_uj = 500000\n";

#[test]
fn an_amd_card_is_beside_the_package_and_an_integrated_one_is_the_package() {
    let readings = read(CARD);
    let power = one(&readings, Interface::AmdGpu, "amdgpu-0", Quantity::Power);
    assert_eq!((power.value(), power.scope), (Some(85.0), Scope::Gpu("amdgpu-0".into())));
    assert_eq!(one(&readings, Interface::AmdGpu, "amdgpu-0", Quantity::Load).value(), Some(0.42));
    let newer = "[/sys/class/hwmon/hwmon2]\nname = amdgpu\npower1_input = 15000000\nin1_label = vddnb\n";
    let power = one(&read(newer), Interface::AmdGpu, "amdgpu-0", Quantity::Power);
    assert_eq!((power.value(), power.scope), (Some(15.0), Scope::Package("package-0".into())));
}

#[test]
fn package_memory_and_card_are_added_for_a_machine_with_nothing_wider() {
    let listing = Listing::parse(&format!("{PACKAGE}{CARD}")).unwrap();
    let clock = Arc::new(Hand::new());
    let mut sensors = Sensors::on_listing(&listing, clock.clone(), Config::default());
    // Counters need two reads; before the second, the card alone is known.
    assert_eq!(sensors.power().value(), Some(85.0));
    clock.pass(1.0);
    listing.set("/sys/class/powercap/intel-rapl:0/energy_uj", "31000000");
    listing.set("/sys/class/powercap/intel-rapl:0:0/energy_uj", "3500000");
    let power = sensors.power();
    assert_eq!(power.scope.to_string(), "package:package-0 + gpu:amdgpu-0 + rail:package-0 dram in board");
    assert!((power.value().unwrap() - (30.0 + 85.0 + 3.0)).abs() < 1e-9, "{power}");
}

#[test]
fn an_intel_card_counts_energy() {
    let readings = read("[/sys/class/hwmon/hwmon0]\nname = xe\nenergy1_input = 4500000\n");
    let energy = one(&readings, Interface::IntelGpu, "intel-0", Quantity::Energy);
    assert_eq!((energy.value(), energy.scope), (Some(4.5), Scope::Gpu("intel-0".into())));
}

#[test]
fn an_added_meter_stands_for_the_board_only_when_the_user_says_so() {
    let text = "[/proc/device-tree]\ncompatible = raspberrypi,4-model-b\\0brcm,bcm2711\n[/sys/class/hwmon/hwmon1]\nname = ina219\npower1_input = 4600000\n";
    let mut unsaid = on(text, Config::default());
    assert_eq!(one(&unsaid.read(Pace::Fast), Interface::Meter, "ina219", Quantity::Power).value(), Some(4.6));
    assert_eq!(unsaid.power().missing().unwrap().to_string(), NO_POWER_SENSOR);
    let mut said = on(text, Config { meter_scope: Some(Scope::Board), ..Config::default() });
    assert_eq!((said.power().value(), said.power().scope), (Some(4.6), Scope::Board));
}

#[test]
fn the_smallest_limit_on_the_way_up_counts() {
    let text = "[/proc]\nmeminfo = MemTotal: 8000000 kB\n[/proc/self]\ncgroup = 0::/a/b\n[/sys/fs/cgroup/a/b]\nmemory.max = max\nmemory.current = 1000\ncpu.max = 400000 100000\n[/sys/fs/cgroup/a]\nmemory.max = 2000000000\ncpu.max = 150000 100000\n";
    let readings = read(text);
    let value = |name: &str, q| one(&readings, Interface::Cgroup, name, q).value();
    assert_eq!(value("memory limit", Quantity::Memory), Some(2e9));
    assert_eq!(value("processors", Quantity::Processors), Some(1.5));
    // Version 1's "no limit" is the machine's memory.
    let text = "[/proc]\nmeminfo = MemTotal: 8000000 kB\n[/proc/self]\ncgroup = 9:memory:/x\\n0::/\n[/sys/fs/cgroup/memory/x]\nmemory.limit_in_bytes = 9223372036854771712\nmemory.usage_in_bytes = 5\n";
    assert_eq!(one(&read(text), Interface::Cgroup, "memory limit", Quantity::Memory).value(), Some(8e6 * 1024.0));
}

#[test]
fn threadripper_and_servers_number_their_dies() {
    let text = "[/sys/class/powercap/intel-rapl:0]\nname = package-0-die-0\nenergy_uj = 1\n[/sys/class/powercap/intel-rapl:1]\nname = package-0-die-1\nenergy_uj = 2\n[/sys/class/powercap/intel-rapl:2]\nname = psys\nenergy_uj = 0\n";
    let readings = read(text);
    assert_eq!(readings.iter().filter(|r| matches!(r.scope, Scope::Package(_))).count(), 2);
    let psys = one(&readings, Interface::Rapl, "psys", Quantity::Energy);
    assert!(matches!(psys.missing(), Some(Missing::NotSupported { .. })), "a platform meter at zero is none");
}

/// Every file of every board, and every command.
fn with_files(text: &str, value: &str) -> String {
    let line = |l: &str| match l.split_once(" =") {
        Some((name, old)) if !l.starts_with(' ') && old.trim() != "|" => format!("{name} = {value}"),
        _ => l.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever files say, sensors answer with values or reasons, and never panic.
    #[test]
    fn nonsense_in_any_file_is_a_reason(nonsense in "[ -\\[\\]-~µ]{0,12}|-?[0-9]{1,40}|!E[A-Z]{2,6}|NaN|inf|1e999", keep_identity in any::<bool>()) {
        for name in crate::world::BOARDS {
            let path = crate::world::folder("boards").join(format!("{name}.txt"));
            let text = std::fs::read_to_string(path).unwrap();
            // The board still says what it is, so that its own sources are tried; or not even that.
            let cut = if keep_identity { text.find("[/sys").unwrap_or(0) } else { 0 };
            let spoiled = format!("{}{}", &text[..cut], with_files(&text[cut..], &nonsense));
            let Ok(listing) = Listing::parse(&spoiled) else { continue };
            let mut sensors = Sensors::on_listing(&listing, Arc::new(Hand::new()), Config::default());
            for reading in sensors.read(Pace::Rare) {
                prop_assert!(reading.value().is_none_or(f64::is_finite), "{}", reading);
            }
            prop_assert!(!sensors.inventory().to_string().is_empty());
        }
    }

    /// A value that goes bad after the sensors were found is missing from then on, and comes back.
    #[test]
    fn a_file_that_goes_bad_is_missing(nonsense in "[a-z ]{0,8}|!EIO|!EACCES|!HANG") {
        let board = crate::world::board("orin-nano-jp6");
        let mut sensors = Sensors::on_listing(&board, Arc::new(Hand::new()), Config::default());
        let path = "/sys/class/hwmon/hwmon1/curr1_input";
        board.set(path, &nonsense);
        prop_assert!(sensors.power().value().is_none());
        board.set(path, "1000");
        prop_assert!(sensors.power().value().is_some_and(|w| (w - 5.016).abs() < 1e-9));
    }
}
