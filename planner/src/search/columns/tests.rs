use super::Column;
use crate::search::brute;
use crate::table::{Assignment, Deployment, evaluate};
use crate::testing::{Size, random_table};

#[test]
fn a_column_agrees_with_the_definition() {
    let (mut kept, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut table = random_table(seed, Size { processors: (1, 2), ..Size::TINY });
        (table.power_cap_w, table.latency_cap) = (f64::INFINITY, f64::INFINITY);
        (table.inaccuracy_cap, table.underuse_cap) = (f64::INFINITY, f64::INFINITY);
        for s in 0..table.services.len() {
            for o in 0..table.services[s].options.len() {
                table.services[s].options[o].replicas = 1;
                for chain in brute::chains(&table, s, o) {
                    let mut a = Assignment { services: vec![None; table.services.len()] };
                    a.services[s] = Some(Deployment { option: o as u32, chains: vec![chain.clone()] });
                    let e = evaluate(&table, &a);
                    let Some(c) = Column::new(&table, s as u32, o as u32, &chain) else {
                        assert!(!e.feasible(), "seed {seed}: a feasible chain was refused");
                        refused += 1;
                        continue;
                    };
                    assert!(e.feasible(), "seed {seed}: {:?}", e.violations);
                    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
                    assert!(close(c.network_w, e.network_w) && close(c.latency, e.latency));
                    assert!(close(c.inaccuracy, e.inaccuracy) && close(c.ttft_s, e.chains[s][0].ttft_s));
                    assert!(c.loads.iter().all(|l| close(l.booked, e.booked[l.place as usize])));
                    assert!(c.segments.iter().all(|&(g, b)| close(b, e.segment_bytes_s[g as usize])));
                    kept += 1;
                }
            }
        }
    }
    assert!(kept > 500 && refused > 100, "{kept} {refused}");
}
