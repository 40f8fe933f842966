use super::*;
use crate::physics::Reason;
use crate::table::{Assignment, Chain, Deployment, Stage, evaluate};
use crate::testing::{device_of, one_board, scenario_of, small_scenario, two_boards_and_a_card, workstation};
use profiles::units::{Ratio, Watts};
use proptest::prelude::*;
use scenarios::Said;

/// The service's first option, whole on one place.
fn whole(table: &Table, place: u32) -> Assignment {
    let options = &table.services[0].options;
    let stages = vec![Stage { place, start: 0, end: options[0].blocks }];
    Assignment { services: vec![Some(Deployment { option: 0, chains: vec![Chain { stages }] })] }
}

#[test]
fn one_board_by_hand() {
    let s = one_board();
    let m = build(&s);
    assert_eq!(m.table.devices.len(), 1);
    // One mode at three levels, one processor.
    assert_eq!(m.table.modes.len(), 3);
    assert_eq!(m.table.places.len(), 3);
    let option = &m.table.services[0].options[0];
    assert_eq!(option.blocks, 6);
    assert!((option.passes - 31.0).abs() < 1e-12);
    // Decode of one layer: 12 * 512^2 weights at 4.5 bits, 80.. tokens of cache, activations, at 10 GB/s and 80 GOPS.
    let parameters = 12.0 * 512.0 * 512.0;
    let bytes = parameters * 4.5 / 8.0 + (80.0 + 1.0) * 512.0 + 2.0 * 512.0 * 2.0;
    let ops = 2.0 * parameters + 4.0 * 80.5 * 512.0;
    let time = ((bytes / 10e9f64).powi(2) + (ops / 80e9f64).powi(2)).sqrt() + 20e-6;
    let at = option.at[0].as_ref().unwrap();
    assert!((at.stage(1, 2).tpot_s - at.per_stage.tpot_s - time).abs() < 1e-12, "level 0.1 does not wait at 90 %");
    let slow = 1.0 + 7.0f64.ln() / 0.3;
    let busy = option.at[2].as_ref().unwrap();
    assert!((busy.stage(1, 2).tpot_s - busy.per_stage.tpot_s - slow * time).abs() < 1e-12);
    assert!((busy.stage(1, 2).busy_s - at.stage(1, 2).busy_s).abs() < 1e-15);
    assert!((at.per_stage.tpot_s - 200e-6).abs() < 1e-15);
    // Memory: weights, 2 requests (0.02 /s * 60 s = 1.2) of 96 tokens at 512 B.
    let resident = parameters * 4.5 / 8.0 + 2.0 * 96.0 * 512.0;
    assert!((at.sum[2].bytes - at.sum[1].bytes - resident).abs() < 1e-3);
    // 8 GiB, 80 % usable, the knee at 90 %.
    assert!((m.table.pools[0].capacity_bytes - 8.0 * 1_073_741_824.0 * 0.8 * 0.9).abs() < 1.0);
    let e = evaluate(&m.table, &whole(&m.table, 0));
    assert!(e.feasible(), "{:?}", e.violations);
}

#[test]
fn equal_devices_are_one_class() {
    let s = two_boards_and_a_card();
    let class: Vec<u32> = build(&s).table.devices.iter().map(|d| d.class).collect();
    assert_eq!(class, [0, 0, 1]);
    let mut origin = s.clone();
    origin.services[0].origin = Some(0);
    let class: Vec<u32> = build(&origin).table.devices.iter().map(|d| d.class).collect();
    assert_eq!(class, [0, 1, 2], "where requests arise is no other place");
}

#[test]
fn what_cannot_be_is_dropped_with_its_reason() {
    let mut s = one_board();
    let precision = |w| profiles::Precision { weights: w, kv_bits: 16, activation_bits: 16 };
    s.services[0].precisions =
        [profiles::WeightFormat::W16, profiles::WeightFormat::W2, profiles::WeightFormat::Ternary].map(precision).to_vec();
    s.services[0].accuracy.as_mut().unwrap().at_least.value = Ratio(0.7);
    let m = build(&s);
    let reasons: Vec<&Reason> = m.dropped.iter().map(|d| &d.reason).collect();
    assert!(
        matches!(reasons[..], [Reason::NoKernel { .. }, Reason::NotQuantisable { .. }, Reason::BelowFloor { .. }]),
        "{reasons:?}"
    );
    assert!(m.table.services[0].options.is_empty());
    assert!(m.dropped[2].to_string().contains("60.0 % is below the floor of 70.0 %"));
}

#[test]
fn a_hot_or_capped_device_offers_lower_clocks() {
    let mut s = one_board();
    s.devices[0] = device_of("ws", workstation(), 0);
    assert!(build(&s).table.modes.iter().all(|m| !m.throttled), "cool enough");
    // Idling takes about 53 W with leakage; what 55 W leave is less than full load.
    s.devices[0].power_cap = Some(Said { value: Watts(55.0), at: s.services[0].at });
    let hot = build(&s).table;
    assert!(hot.modes.iter().any(|m| m.throttled && m.name.starts_with("default@0.85")), "{:?}", hot.modes);
    s.devices[0].power_cap = Some(Said { value: Watts(30.0), at: s.services[0].at });
    let none = build(&s);
    assert_eq!(none.unusable.len(), 1, "idling at 40 W passes 30 W");
    assert!(none.table.services[0].options.is_empty());
}

#[test]
fn a_fleet_cap_is_kept_truly() {
    let mut s = one_board();
    s.limits.power = Some(Said { value: Watts(10.0), at: s.services[0].at });
    let cap = build(&s).table.power_cap_w;
    assert!((10.0 * (1.0 - 2e-3)..=10.0).contains(&cap));
}

#[test]
fn streaming_only_where_a_model_does_not_fit() {
    let mut s = one_board();
    s.devices[0].may_stream = true;
    assert!(build(&s).labels.iter().all(|l| l.resident_share >= 1.0));
    s.devices[0].profile.memories.get_mut("dram").unwrap().size.value.0 = 30e6;
    let m = build(&s);
    let shares: Vec<f64> = m.labels.iter().map(|l| l.resident_share).collect();
    assert!(shares.contains(&0.5), "{shares:?} {:?}", m.dropped);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn tables_are_well_formed(seed in 0u64..1_000_000) {
        let s = small_scenario(seed);
        let m = build(&s);
        let t = &m.table;
        prop_assert_eq!(t.hops.len(), t.devices.len() * t.devices.len());
        prop_assert_eq!(m.modes.len(), t.modes.len());
        for d in &t.devices {
            prop_assert!(!d.modes.is_empty());
        }
        for mode in &t.modes {
            prop_assert!((2..=12).contains(&mode.curve.len()));
            prop_assert!(mode.power_w(0.0) > 0.0);
            prop_assert!(mode.dynamic_cap_w >= 0.0);
        }
        for service in &t.services {
            prop_assert!(service.total_ref_s > 0.0 && service.total_ref_s.is_finite());
            for o in &service.options {
                prop_assert!((o.label as usize) < m.labels.len());
                prop_assert_eq!(o.at.len(), t.places.len());
                prop_assert_eq!(o.cuts.len(), o.blocks as usize);
                prop_assert!(o.at.iter().any(Option::is_some));
                for at in o.at.iter().flatten() {
                    prop_assert_eq!(at.sum.len(), o.blocks as usize + 1);
                    for w in at.sum.windows(2) {
                        prop_assert!(w[1].ttft_s >= w[0].ttft_s && w[1].total_s >= w[0].total_s && w[1].bytes >= w[0].bytes);
                        prop_assert!(w[1].busy_s >= w[0].busy_s && w[1].dynamic_j >= w[0].dynamic_j && w[1].total_s.is_finite());
                        prop_assert!(w[1].total_s >= w[1].busy_s * (1.0 - 1e-9));
                    }
                }
            }
        }
        prop_assert_eq!(build(&s), m, "same scenario, same table");
    }

    /// A smaller store of options never helps: every limit that is loosened keeps the old options.
    #[test]
    fn more_watts_never_take_options_away(seed in 0u64..1_000_000) {
        let mut s = small_scenario(seed);
        let before = build(&s).table;
        for d in &mut s.devices {
            d.power_cap = None;
        }
        let after = build(&s).table;
        for (a, b) in before.services.iter().zip(&after.services) {
            prop_assert!(b.options.len() >= a.options.len());
        }
    }
}

#[test]
fn a_fleet_of_ten_is_quick() {
    let s = scenario_of(3, 10, 6);
    let m = build(&s);
    let entries: usize = m.table.services.iter().flat_map(|s| &s.options).map(|o| o.at.len()).sum();
    assert!(entries > 0 && entries < 200_000, "{entries} rows");
}

/// Real profiles: every device of the catalogue idles below its limits in every mode in a room of 25 °C, and
/// every model that it has kernels and memory for runs on it.
#[test]
fn the_catalogue_is_plannable() {
    let catalogue = profiles::Catalogue::builtin();
    let mut s = one_board();
    s.services[0].accuracy = None;
    s.services[0].precisions = profiles::WeightFormat::ALL.map(crate::testing::precision).to_vec();
    let at = s.services[0].at;
    s.services[0].models = catalogue.model_ids().map(|m| Said { value: catalogue.model(m).unwrap().clone(), at }).collect();
    for id in catalogue.device_ids() {
        s.devices[0] = device_of("it", catalogue.device(id).unwrap().clone(), 0);
        let m = build(&s);
        assert!(m.unusable.is_empty(), "{id}: {:?}", m.unusable);
        assert!(!m.dropped.iter().any(|d| d.reason == Reason::NoPlace), "{id}: {:?}", m.dropped);
        for mode in &m.table.modes {
            assert!(mode.dynamic_cap_w > 0.0 && mode.power_w(0.0) > 0.0, "{id} {mode:?}");
        }
        for o in &m.table.services[0].options {
            let whole = o.at.iter().flatten().map(|at| at.stage(0, o.blocks));
            assert!(whole.clone().all(|c| c.busy_s > 0.0 && c.busy_s.is_finite() && c.dynamic_j > 0.0), "{id}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn a_hotter_room_costs_watts_and_leaves_less(seed in 0u64..1_000_000, hotter in 1.0..15.0f64) {
        let cold = small_scenario(seed);
        let mut hot = cold.clone();
        for d in &mut hot.devices {
            d.ambient.0 += hotter;
        }
        let (a, b) = (build(&cold), build(&hot));
        for (x, mx) in a.modes.iter().zip(&a.table.modes) {
            let Some(y) = b.modes.iter().position(|y| y == x) else { continue };
            let my = &b.table.modes[y];
            prop_assert!(my.dynamic_cap_w <= mx.dynamic_cap_w + 1e-9);
            let d = 0.5 * my.dynamic_cap_w;
            // Within the lines' error.
            prop_assert!(my.power_w(d) >= mx.power_w(d) * (1.0 - 2e-3), "{} {}", my.power_w(d), mx.power_w(d));
        }
    }
}
