use super::*;

fn properties_of(text: &str) -> Properties {
    text.split(' ').filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

#[test]
fn power_in_either_form_and_sign() {
    let read = |text: &str| power(&properties_of(text), "x");
    let (w, q) = read("STATUS=Discharging POWER_NOW=-14280000").unwrap();
    assert!((w - 14.28).abs() < 1e-9 && q == Quality::Measured);
    let (w, q) = read("STATUS=Discharging VOLTAGE_NOW=12000000 CURRENT_NOW=1500000").unwrap();
    assert!((w - 18.0).abs() < 1e-9 && q == Quality::Derived);
}

#[test]
fn a_charging_battery_does_not_tell_what_the_board_draws() {
    let read = |text: &str| power(&properties_of(text), "x");
    assert!(matches!(read("STATUS=Charging POWER_NOW=30000000"), Err(Missing::NotHere { .. })));
    assert!(matches!(read("STATUS=Full POWER_NOW=0"), Err(Missing::NotHere { .. })));
    assert!(matches!(read("STATUS=Discharging VOLTAGE_NOW=1"), Err(Missing::Absent { .. })));
    assert!(matches!(read("STATUS=Discharging POWER_NOW=lots"), Err(Missing::Malformed { .. })));
}
