use super::*;

#[test]
fn two_loads_tell_two_energies() {
    // 10 GB/s at 200 pJ/B and 5 Gop/s of it at 10 pJ; 1 GB/s and 400 Gop/s.
    let watts = [10e9 * 200e-12 + 5e9 * 10e-12, 1e9 * 200e-12 + 400e9 * 10e-12];
    let (b, o) = energies(watts, [10e9, 1e9], [5e9, 400e9]);
    assert!((b - 200e-12).abs() < 1e-20 && (o - 10e-12).abs() < 1e-20);
    // A load that draws less than idle has no negative energy.
    let (b, o) = energies([-1.0, 2.0], [1e9, 0.0], [0.0, 1e9]);
    assert!(b.abs() < 1e-20 && (o - 2e-9).abs() < 1e-18);
    assert_eq!(energies([1.0, 1.0], [0.0; 2], [0.0; 2]), (0.0, 0.0));
}
