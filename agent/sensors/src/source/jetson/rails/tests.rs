use super::*;

fn rails(labels: &[(&str, f64)]) -> Vec<Rail> {
    let rail = |&(label, w): &(&str, f64)| Rail {
        label: label.into(),
        power: Ok(w),
        quality: Quality::Derived,
        source: label.into(),
        grain: Grain::FINE,
    };
    labels.iter().map(rail).collect()
}

fn modules(readings: &[Reading]) -> Vec<f64> {
    readings.iter().filter(|r| r.scope == Scope::Module).filter_map(Reading::value).collect()
}

#[test]
fn an_input_rail_is_the_total_and_its_children_are_inside_it() {
    let r = readings(Interface::Ina3221, rails(&[("VDD_IN", 7.0), ("VDD_CPU_GPU_CV", 2.0), ("VDD_SOC", 1.0)]));
    assert_eq!(modules(&r), [7.0]);
    assert!(r[1].scope.inside(&r[0].scope) && r[2].scope.inside(&r[0].scope));
    assert!(add(&r).is_err(), "a rail must not be added to what feeds it");
    assert!(add(&r[1..]).is_ok(), "siblings may be added");
}

#[test]
fn without_an_input_rail_the_side_by_side_rails_are_the_total_and_nested_ones_are_not_counted_twice() {
    let orin = [("VDD_GPU_SOC", 4.0), ("VDD_CPU_CV", 2.0), ("VIN_SYS_5V0", 5.0), ("VDDQ_VDD2_1V8AO", 1.0)];
    assert_eq!(modules(&readings(Interface::Ina3221, rails(&orin))), [11.0]);
    let xavier = [("GPU", 1.0), ("CPU", 2.0), ("SOC", 3.0), ("CV", 0.5), ("VDDRQ", 0.5), ("SYS5V", 4.0)];
    assert_eq!(modules(&readings(Interface::Ina3221x, rails(&xavier))), [11.0]);
}

#[test]
fn a_missing_or_unknown_rail_makes_no_total() {
    let mut two = rails(&[("VDD_GPU_SOC", 4.0), ("VDD_CPU_CV", 2.0)]);
    assert!(modules(&readings(Interface::Ina3221, two.clone())).is_empty());
    two.extend(rails(&[("VIN_SYS_5V0", 5.0)]));
    two[0].power = Err(Missing::absent("x"));
    let r = readings(Interface::Ina3221, two);
    assert!(modules(&r).is_empty());
    assert!(r.last().unwrap().missing().is_some(), "the total says why it is missing");
    let unknown = readings(Interface::Ina3221, rails(&[("VDD_NEW", 1.0)]));
    assert!(unknown[0].scope.overlaps(&Scope::Board));
}

#[test]
fn small_negative_power_stays_and_nonsense_goes() {
    let r = readings(Interface::Ina3221, rails(&[("VDD_IN", -0.02), ("VDD_SOC", -4.0), ("VDD_CV", 9000.0)]));
    assert_eq!(r[0].value(), Some(-0.02));
    assert!(matches!(r[1].missing(), Some(Missing::Implausible { .. })));
    assert!(matches!(r[2].missing(), Some(Missing::Implausible { .. })));
}
