use super::*;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::Quality;

fn power(name: &str, scope: Scope, watts: f64) -> Reading {
    Sensor::new(Interface::Rapl, name, Quantity::Power, scope, "x").measured(Ok(watts))
}

fn package(n: u8) -> Scope {
    Scope::Package(format!("package-{n}"))
}

#[test]
fn every_scope_lies_inside_the_wider_ones() {
    let rail = Scope::rail("VDDQ", Scope::rail("VIN_SYS_5V0", Scope::Module));
    let chain = [rail.clone(), Scope::rail("VIN_SYS_5V0", Scope::Module), Scope::Module, Scope::Board, Scope::Wall];
    for (i, inner) in chain.iter().enumerate() {
        for (k, outer) in chain.iter().enumerate() {
            assert_eq!(inner.inside(outer), i <= k, "{inner} in {outer}");
            assert!(inner.overlaps(outer) && outer.overlaps(inner));
        }
    }
    assert_eq!(rail.to_string(), "rail:VDDQ in rail:VIN_SYS_5V0 in module");
}

#[test]
fn side_by_side_is_disjoint_and_unplaced_overlaps_everything() {
    let beside = [
        (package(0), package(1)),
        (package(0), Scope::Gpu("nvidia-0".into())),
        (package(0), Scope::rail("dram", Scope::Board)),
        (Scope::rail("a", Scope::Module), Scope::rail("b", Scope::Module)),
    ];
    for (a, b) in beside {
        assert!(!a.overlaps(&b) && !b.overlaps(&a), "{a} and {b}");
        assert!(Scope::loose_rail("ina219").overlaps(&a) && a.overlaps(&Scope::loose_rail("ina219")));
        let sum = Scope::Sum(vec![a.clone(), b.clone()]);
        assert!(sum.overlaps(&a) && b.overlaps(&sum) && sum.overlaps(&Scope::Board));
        assert!(!sum.overlaps(&Scope::Gpu("amdgpu-7".into())));
    }
}

#[test]
fn a_sum_has_its_parts_and_the_worst_quality() {
    let mut second = power("b", package(1), 5.0);
    second.outcome = Outcome::Value { value: 5.0, unit: "W", quality: Quality::Derived };
    let sum = add(&[power("a", package(0), 7.0), second]).unwrap();
    assert_eq!((sum.value(), sum.quality()), (Some(12.0), Some(Quality::Derived)));
    assert_eq!((sum.name.as_str(), sum.scope), ("a + b", Scope::Sum(vec![package(0), package(1)])));
}

#[test]
fn what_may_not_be_added_is_refused() {
    let wall = power("plug", Scope::Wall, 20.0);
    let overlap = add(&[wall.clone(), power("a", package(0), 7.0)]);
    assert_eq!(overlap, Err(AddError::Overlap("plug".into(), "a".into())));
    assert_eq!(add(&[]), Err(AddError::Nothing));
    let mut energy = power("e", package(1), 7.0);
    energy.quantity = Quantity::Energy;
    assert!(matches!(add(&[power("a", package(0), 7.0), energy]), Err(AddError::Units(..))));
    let missing = Sensor::new(Interface::Rapl, "m", Quantity::Power, package(1), "x").measured(Err(Missing::absent("x")));
    assert!(matches!(add(&[power("a", package(0), 7.0), missing]), Err(AddError::Missing(..))));
}
