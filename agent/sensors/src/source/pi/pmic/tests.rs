use super::*;

#[test]
fn rails_pair_by_name_and_the_supply_is_not_a_rail() {
    let adc = parse("  A_RAIL_A current(0)=2.0A\n  B5V_A current(1)=0.5A\n  B5V_V volt(9)=4.0V\n  A_RAIL_V volt(3)=1.5V\n EXT5V_V volt(24)=5.0V\n").unwrap();
    let r = readings(&adc, (2.0, 1.0));
    let value = |name: &str| r.iter().find(|r| r.name == name).unwrap().value().unwrap();
    assert!((value("A_RAIL") - 3.0).abs() < 1e-12 && (value("B5V") - 2.0).abs() < 1e-12);
    assert!((value("board") - 11.0).abs() < 1e-12, "2 * (3 + 2) + 1");
    assert!((value("EXT5V") - 5.0).abs() < 1e-12);
    let board = r.iter().find(|r| r.name == "board").unwrap();
    assert_eq!((board.quality(), &board.scope), (Some(Quality::Modelled), &Scope::Board));
}

#[test]
fn a_rail_without_volts_makes_the_board_unknown_not_smaller() {
    let adc = parse("X_A current(0)=2.0A\nY_A current(1)=2.0A\nY_V volt(2)=1.0V\n").unwrap();
    let r = readings(&adc, (1.0, 0.0));
    assert!(r.iter().find(|r| r.name == "board").unwrap().missing().is_some());
}

#[test]
fn nonsense_is_named() {
    assert!(matches!(parse("VCHI initialization failed"), Err(Missing::Malformed { .. })));
    assert!(matches!(parse(""), Err(Missing::Malformed { .. })));
    assert!(matches!(parse("X_A current(0)=oneA"), Err(Missing::Malformed { .. })));
}
