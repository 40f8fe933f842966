use super::*;
use crate::testing::{device_of, link_rates, one_board, site_of, small_scenario, two_boards_and_a_card};
use profiles::units::Seconds;
use proptest::prelude::*;
use scenarios::{At, Link};

fn link(a: End, b: End, latency_s: f64, bandwidth: f64) -> Link {
    let mut rates = link_rates("wan", bandwidth, true);
    rates.latency = Seconds(latency_s);
    Link { between: (a, b), rates, at: At::default() }
}

/// One board on each of `n` sites.
fn sites(n: usize, links: Vec<Link>) -> Scenario {
    let mut s = one_board();
    let board = s.devices[0].profile.clone();
    s.sites = (0..n).map(|i| site_of(&format!("site-{i}"))).collect();
    s.devices = (0..n).map(|i| device_of(&format!("d{i}"), board.clone(), i)).collect();
    s.links = links;
    s
}

#[test]
fn inside_a_site_it_is_one_link() {
    let net = of(&two_boards_and_a_card());
    assert!(net.segments.is_empty(), "switched");
    let hop = &net.hops[1];
    assert!(
        (hop.latency_s - 1e-3).abs() < 1e-12 && (hop.s_per_byte - 8e-9).abs() < 1e-18 && (hop.j_per_byte - 10e-9).abs() < 1e-18
    );
    // Copy on the card: its CPU's 40 GB/s read and written.
    let copy = &net.hops[8];
    assert!((copy.latency_s - 20e-6).abs() < 1e-12 && (copy.s_per_byte - 2.0 / 40e9).abs() < 1e-18);
    assert!((copy.j_per_byte - 200e-12).abs() < 1e-18);
}

#[test]
fn a_shared_medium_is_a_budget() {
    let mut s = two_boards_and_a_card();
    s.sites[0].link = link_rates("wifi", 10e6, true);
    let net = of(&s);
    assert_eq!(net.segments.len(), 1);
    assert_eq!(net.segments[0].name, "lab wifi");
    assert!((net.segments[0].capacity_bytes_s - 7e6).abs() < 1e-6);
    assert_eq!(net.hops[1].segments, [0]);
}

#[test]
fn between_sites_everything_adds_up() {
    let net = of(&sites(2, vec![link(End::Site(0), End::Site(1), 0.02, 1e6)]));
    let hop = &net.hops[1];
    assert!((hop.latency_s - 0.022).abs() < 1e-12);
    assert!((hop.s_per_byte - (2.0 * 8e-9 + 1e-6)).abs() < 1e-15);
    assert!((hop.j_per_byte - 30e-9).abs() < 1e-18);
    assert_eq!(hop.segments, [0]);
    assert_eq!(net.segments[0].name, "site-0–site-1 wan");
}

#[test]
fn the_route_of_least_latency() {
    let direct = link(End::Site(0), End::Site(2), 0.1, 1e9);
    let detour = [link(End::Site(0), End::Site(1), 0.03, 1e6), link(End::Site(1), End::Site(2), 0.03, 1e6)];
    let net = of(&sites(3, [vec![direct], detour.to_vec()].concat()));
    assert!((net.hops[2].latency_s - 0.062).abs() < 1e-12);
    assert_eq!(net.hops[2].segments, [1, 2]);
}

#[test]
fn no_route_is_infinitely_far() {
    let net = of(&sites(3, vec![link(End::Site(0), End::Site(1), 0.03, 1e6)]));
    let far = &net.hops[2];
    assert!(far.latency_s.is_infinite());
    assert!((1e9 * far.s_per_byte).is_finite() && far.j_per_byte.abs() < 1e-30 && far.segments.is_empty());
    let dead = of(&sites(2, vec![link(End::Site(0), End::Site(1), 0.03, 0.0)]));
    assert!(dead.hops[1].latency_s.is_infinite(), "a link that carries nothing is none");
}

#[test]
fn a_link_of_their_own_wins() {
    let mut s = two_boards_and_a_card();
    s.links = vec![link(End::Device(2), End::Device(0), 0.5, 2e9)];
    s.links[0].rates.shared = false;
    let net = of(&s);
    assert!((net.hops[2].latency_s - 0.5).abs() < 1e-12 && (net.hops[6].latency_s - 0.5).abs() < 1e-12);
    assert!(net.segments.is_empty());
    assert!((net.hops[5].latency_s - 1e-3).abs() < 1e-12, "others keep the switch");
}

#[test]
fn a_device_may_have_its_own_way_out() {
    let net = of(&sites(2, vec![link(End::Device(0), End::Site(1), 0.01, 1e6)]));
    // Its own link, then the other site's switch.
    assert!((net.hops[1].latency_s - 0.011).abs() < 1e-12);
    assert!((net.hops[2].latency_s - 0.011).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn links_work_both_ways(seed in 0u64..1_000_000) {
        let s = small_scenario(seed);
        let net = of(&s);
        let n = s.devices.len();
        for a in 0..n {
            for b in 0..n {
                let (there, back) = (&net.hops[a * n + b], &net.hops[b * n + a]);
                prop_assert!((there.latency_s - back.latency_s).abs() < 1e-12);
                prop_assert!(there.s_per_byte >= 0.0 && there.j_per_byte >= 0.0);
                prop_assert!(there.segments.iter().all(|&g| (g as usize) < net.segments.len()));
            }
        }
    }
}
