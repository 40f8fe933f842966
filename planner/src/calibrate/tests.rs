//! Rows simulated from a known profile by the cost table's own physics, with noise and an outlier.

use super::*;
use crate::validate::profile;
use profiles::units::{Ratio, Seconds};
use profiles::{Catalogue, WeightFormat};
use proptest::prelude::*;

/// Models and billions of parameters.
const MODELS: [(&str, f64); 5] =
    [("Qwen2.5-0.5B", 0.494), ("Llama-3.2-1B", 1.236), ("Qwen2.5-1.5B", 1.544), ("Llama-3.2-3B", 3.213), ("Llama-2-7B", 6.74)];

/// A board whose coefficients are known.
fn board(share: f64, launch_s: f64, arithmetic: f64) -> DeviceProfile {
    let mut device = Catalogue::builtin().device("rpi5-8gb").unwrap().clone();
    let cpu = &mut device.processors[0];
    cpu.bandwidth_efficiency.value = Ratio(share);
    cpu.launch.value = Seconds(launch_s);
    for kernel in cpu.kernels.values_mut() {
        kernel.efficiency.value = Ratio(arithmetic);
    }
    device
}

/// Ten rows of a board: five models at 4 and 8 bits, both phases, each rate off by `noise` (a logarithm).
fn measured(device: &DeviceProfile, noise: &[f64]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (i, (name, billions)) in MODELS.into_iter().enumerate() {
        for (j, bits) in [4.5, 8.5].into_iter().enumerate() {
            let mut row = Row {
                line: rows.len() as u64 + 2,
                row_id: format!("r{i}{j}"),
                device_id: device.id.clone(),
                calibratable: true,
                phase: "prefill+decode".into(),
                processor: "CPU".into(),
                engine: "simulated".into(),
                model: name.into(),
                params_b: Some(billions),
                quant: format!("{bits} bits"),
                bits_per_weight: Some(bits),
                prompt_tokens: Some(256.0),
                gen_tokens: Some(64.0),
                decode_tok_s: Some(1.0),
                ..Row::default()
            };
            let case = case::on(0, &row, device, 0).unwrap();
            let said = profile::predict(device, &case).unwrap();
            let off = |k: usize| noise.get(k).copied().unwrap_or(0.0).exp();
            let at = rows.len();
            row.decode_tok_s = said.decode_tok_s.map(|r| r * off(2 * at));
            row.prefill_tok_s = said.prefill_tok_s.map(|r| r * off(2 * at + 1));
            rows.push(row);
        }
    }
    rows
}

fn fitted_share(done: &Calibration) -> f64 {
    done.profile.processors[0].bandwidth_efficiency.value.get()
}

/// Twenty nearly normal numbers of spread `sd`: sums of uniform ones.
fn noise(sd: f64) -> impl Strategy<Value = Vec<f64>> {
    let one = prop::collection::vec(-0.5..0.5f64, 12).prop_map(move |u| sd * u.iter().sum::<f64>());
    prop::collection::vec(one, 20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ten_noisy_rows_with_an_outlier_bring_the_coefficients_back(
        share in 0.25..0.85f64,
        launch_us in 20.0..120.0f64,
        arithmetic in 0.05..0.5f64,
        noise in noise(0.1),
        outlier in 0..10usize,
    ) {
        let truth = board(share, launch_us * 1e-6, arithmetic);
        let mut rows = measured(&truth, &noise);
        rows[outlier].decode_tok_s = rows[outlier].decode_tok_s.map(|r| r / 3.0);
        let done = calibrate(Catalogue::builtin().device("rpi5-8gb").unwrap(), &rows, "simulated.csv").unwrap();
        prop_assert!((fitted_share(&done) / share).ln().abs() < 0.25, "share {share} came back as {}", fitted_share(&done));
        for format in [WeightFormat::W4, WeightFormat::W8] {
            let back = done.profile.processors[0].kernels[&format].efficiency.value.get();
            // Prompts wait for memory too, most at a high share of the peak: a tenth of noise weighs more on what is left.
            prop_assert!((back / arithmetic).ln().abs() < 0.4, "arithmetic {arithmetic} came back as {back}");
        }
        // What plans use: the rates without noise, the outlier's too.
        for row in measured(&truth, &[]) {
            let case = case::on(0, &row, &done.profile, 0).unwrap();
            let rate = profile::predict(&done.profile, &case).unwrap().decode_tok_s.unwrap();
            prop_assert!((rate / row.decode_tok_s.unwrap()).ln().abs() < 0.2, "{}: {rate} of {:?}", row.row_id, row.decode_tok_s);
        }
    }

    #[test]
    fn rates_times_a_factor_are_a_bandwidth_times_it(factor in 0.5..1.2f64, noise in noise(0.05)) {
        let device = Catalogue::builtin().device("rpi5-8gb").unwrap();
        let rows = measured(&board(0.5, 50e-6, 0.15), &noise);
        let mut scaled = rows.clone();
        for row in &mut scaled {
            row.decode_tok_s = row.decode_tok_s.map(|r| r * factor);
            row.prefill_tok_s = row.prefill_tok_s.map(|r| r * factor);
        }
        let (one, other) = (calibrate(device, &rows, "a").unwrap(), calibrate(device, &scaled, "a").unwrap());
        let ratio = fitted_share(&other) / fitted_share(&one);
        prop_assert!((ratio / factor - 1.0).abs() < 0.03, "{ratio} for {factor}");
    }

    #[test]
    fn the_order_of_rows_does_not_matter(noise in noise(0.1), turn in 1..10usize) {
        let device = Catalogue::builtin().device("rpi5-8gb").unwrap();
        let rows = measured(&board(0.5, 50e-6, 0.15), &noise);
        let mut turned = rows.clone();
        turned.rotate_left(turn);
        turned.swap(0, 7);
        let (one, other) = (calibrate(device, &rows, "a").unwrap(), calibrate(device, &turned, "a").unwrap());
        prop_assert_eq!(one.profile, other.profile);
        prop_assert_eq!(one.residuals, other.residuals);
    }
}

#[test]
fn a_fitted_profile_names_its_rows_and_marks_what_lies_beyond() {
    let device = Catalogue::builtin().device("rpi5-8gb").unwrap();
    let rows = measured(&board(0.4, 60e-6, 0.1), &[]);
    let done = calibrate(device, &rows, "simulated.csv").unwrap();
    let share = &done.profile.processors[0].bandwidth_efficiency;
    assert_eq!(share.quality, profiles::Quality::Fitted);
    assert!(share.source.contains("simulated.csv") && share.source.contains("r00"), "{}", share.source);
    assert!(profiles::check::device(&done.profile).is_empty());
    // Three bits were not seen, nor a batch of eight.
    let mut beyond = rows[..2].to_vec();
    (beyond[0].bits_per_weight, beyond[0].prefill_tok_s) = (Some(3.4), None);
    beyond[1].batch = Some(8.0);
    beyond[1].prefill_tok_s = None;
    let against = crate::validate::against(&done.profile, &beyond);
    let marks: Vec<_> = against.compared.iter().map(|c| c.beyond.clone()).collect();
    assert_eq!(marks, [vec!["bits"], vec!["batch"]]);
    let inside = crate::validate::against(&done.profile, &rows);
    assert!(inside.compared.iter().all(|c| c.beyond.is_empty() && c.error.abs() < 0.05), "{inside}");
}

#[test]
fn meters_bring_energies_back() {
    let device = Catalogue::builtin().device("rpi5-8gb").unwrap();
    let mut truth = board(0.5, 50e-6, 0.15);
    truth.modes[0].idle.value = truth.modes[0].idle.value * 1.3;
    truth.processors[0].joules_per_byte.value = truth.processors[0].joules_per_byte.value * 0.6;
    let mut rows = measured(&truth, &[]);
    for row in &mut rows {
        let case = case::on(0, row, &truth, 0).unwrap();
        (row.power_w, row.power_ok) = (profile::predict(&truth, &case).unwrap().decode_w, true);
    }
    let done = calibrate(device, &rows, "a").unwrap();
    let power: Vec<_> = done.residuals.iter().filter(|r| r.quantity == "power").collect();
    assert_eq!(power.len(), 10);
    assert!(power.iter().all(|r| (r.fitted / r.measured - 1.0).abs() < 0.03 && (r.left_out / r.measured - 1.0).abs() < 0.05));
}

#[test]
fn what_cannot_be_fitted_says_why() {
    let device = Catalogue::builtin().device("rpi5-8gb").unwrap();
    let rows = measured(device, &[]);
    let other = Catalogue::builtin().device("rtx4090").unwrap();
    assert!(calibrate(other, &rows, "a").unwrap_err().to_string().contains("it has rows of rpi5-8gb"));
    let mut few = rows[..3].to_vec();
    few[0].calibratable = false;
    let error = calibrate(device, &few, "a").unwrap_err().to_string();
    assert!(error.starts_with("2 usable rows") && error.contains("calib_ok"), "{error}");
}
