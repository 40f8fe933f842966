//! A record becomes a file that the planner's reader takes, and comes back from it.

use probe::fit::leakage::Leakage;
use probe::fit::thermal::Thermal;
use probe::fit::{Unfit, overlap::Overlap};
use probe::heat::Heat;
use probe::link::Link;
use probe::measure::arithmetic::Peak;
use probe::measure::overhead::Overhead;
use probe::measure::products::{Product, Resident};
use probe::measure::read::{BySet, ByThreads, Reading};
use probe::measure::storage::{Storage, Way};
use probe::profile::{Naming, of, slug};
use probe::runs::Rate;
use probe::{Record, text};
use profiles::{DeviceClass, Quality, WeightFormat};

fn rate(v: f64) -> Rate {
    Rate::of(&[v, 0.99 * v, 0.98 * v]).unwrap()
}

pub(crate) fn example() -> Record {
    let product = |format: &str, bits: f64, vector: f64, matrix: f64| {
        let bytes = 512 << 20;
        let reading_s = bytes as f64 / 20e9;
        let alu_s = 2.0 * bytes as f64 * 8.0 / bits / vector;
        Product {
            format: format.into(),
            kernel: "avx512-vnni".into(),
            bits_per_weight: bits,
            vector: rate(vector),
            call_s: 2e-6,
            far: vec![Resident { rate: rate(bytes as f64 / (reading_s.powi(3) + alu_s.powi(3)).cbrt()), bytes }],
            near: None,
            matrix: rate(matrix),
            edge_s: 1e-12,
        }
    };
    let mut record = Record {
        quick: true,
        threads: 2,
        last_cache_bytes: Some(32 << 20),
        memory_total_bytes: 8 << 30,
        memory_available_bytes: 7 << 30,
        reading: Some(Reading {
            by_threads: vec![ByThreads { threads: 1, rate: rate(12e9) }, ByThreads { threads: 2, rate: rate(20e9) }],
            by_set: vec![BySet { bytes: 1 << 20, rate: rate(150e9) }, BySet { bytes: 512 << 20, rate: rate(20e9) }],
        }),
        peaks: vec![Peak { kernel: "avx512-vnni".into(), rate: rate(1e12) }],
        products: vec![
            product("f16", 16.0, 80e9, 200e9),
            product("w8", 8.5, 200e9, 700e9),
            product("w8a8", 8.1, 220e9, 800e9),
            product("w4", 4.5, 180e9, 600e9),
            product("sherry", 1.3, 300e9, 650e9),
        ],
        overhead: Some(Overhead {
            layer_s: 8e-6,
            pass_s: 40e-6,
            calls_per_layer: 4,
            element_s: 2e-9,
            gate_s: 5e-10,
            attention: 60e9,
            position_s: 1e-9,
            query_s: 5e-9,
        }),
        storage: Some(Storage { rate: rate(1.2e9), way: Way::Direct, folder: "/data".into(), bytes: 1 << 28 }),
        left_out: vec!["power: no power sensor: energy is modelled".into()],
        ..Record::default()
    };
    record.surroundings.machine = "a \"machine\": with marks, # and 'quotes'".into();
    record.surroundings.date = "2026-11-26".into();
    record.surroundings.command = "agent probe --quick -o this.yaml".into();
    record.surroundings.warnings = vec!["busy neighbours: the host kept 5 % of the processors' time for others".into()];
    record.fit_overlap();
    record
}

fn hot() -> Record {
    let heat = Heat {
        scope: "board".into(),
        sensor: "VDD_IN".into(),
        quality: "derived".into(),
        thermometer: Some("tj-thermal".into()),
        idle_w: 4.0,
        reading_w: 9.0,
        multiplying_w: 13.0,
        read_rate: 20e9,
        multiply_rate: 600e9,
        joules_per_byte: 250e-12,
        joules_per_op: 15e-12,
        thermal: Ok(Thermal { resistance: 2.0, capacitance: 20.0, ambient_c: 24.0, residual_k: 0.2, rise_k: 18.0, moments: 600 }),
        leakage: Ok(Leakage {
            base_w: vec![4.0, 9.0, 13.0],
            reference_w: 0.8,
            slope_k: 28.0,
            slope_fitted: true,
            residual_w: 0.02,
            rise_k: 30.0,
        }),
        throttle_c: Some(99.0),
        throttled: Vec::new(),
        trace: Vec::new(),
    };
    let link = Link {
        peer: "10.0.0.2:7447".into(),
        round_trip_p50_s: 0.4e-3,
        round_trip_p99_s: 0.9e-3,
        round_trips: 300,
        up: 110e6,
        down: 112e6,
        loss: 0.01,
        datagrams: 300,
    };
    Record { heat: Some(heat), links: vec![link], left_out: Vec::new(), ..example() }
}

fn naming() -> Naming {
    Naming { id: "this-machine".into(), name: "This machine".into(), class: DeviceClass::Laptop, like: "core-ultra-155h".into() }
}

#[test]
fn a_profile_is_read_by_the_planners_reader() {
    for record in [example(), hot()] {
        let profile = of(&record, &naming()).unwrap();
        let written = text(&profile, &record).unwrap();
        let read = profiles::read_probed("this.yaml", &written).unwrap_or_else(|e| panic!("{e}\n{written}"));
        let d = &read.device;
        assert_eq!((d.id.as_str(), d.processors.len()), ("this-machine", 1));
        let cpu = &d.processors[0];
        assert_eq!(cpu.kernels.len(), 4, "w8a8 has no name in the catalogue");
        assert!((cpu.bandwidth.value.get() - 20e9).abs() < 1.0);
        assert_eq!(cpu.bandwidth.quality, Quality::Measured);
        assert!(cpu.bandwidth.source.starts_with("measured: ") && cpu.bandwidth.source.contains("2026-11-26"));
        let w4 = &cpu.kernels[&WeightFormat::W4];
        assert!((w4.peak.value.get() * w4.efficiency.value.get() / 600e9 - 1.0).abs() < 1e-9);
        assert!((cpu.launch.value.get() - 16e-6).abs() < 1e-12, "a layer and four calls");
        assert!((cpu.cache.as_ref().unwrap().value.get() - 1_048_576.0).abs() < 1.0);
        assert_eq!(cpu.overlap.quality, Quality::Fitted);
        assert!(profiles::check::device(d).is_empty());
        // The record comes back whole, residuals and all.
        assert_eq!(probe::record("this.yaml", &written).unwrap(), record);
    }
}

#[test]
fn without_a_power_sensor_every_energy_says_so() {
    let record = example();
    let profile = of(&record, &naming()).unwrap();
    let read = profiles::read_device("this.yaml", &text(&profile, &record).unwrap()).unwrap();
    let says = |source: &str| source.contains("no power sensor: energy is modelled");
    let cpu = &read.processors[0];
    assert!(says(&cpu.joules_per_byte.source) && says(&read.modes[0].idle.source) && says(&read.thermal.resistance.source));
    assert!(says(&read.thermal.leakage.source));
    assert!(cpu.kernels.values().all(|k| says(&k.joules_per_op.source) && k.joules_per_op.quality == Quality::Assumed));
    assert!(says(&read.notes));
}

#[test]
fn measured_heat_and_links_stand_in_the_profile() {
    let record = hot();
    let profile = of(&record, &naming()).unwrap();
    let read = profiles::read_probed("this.yaml", &text(&profile, &record).unwrap()).unwrap();
    let t = &read.device.thermal;
    assert_eq!(
        (t.resistance.quality, t.leakage.quality, t.throttle.quality),
        (Quality::Fitted, Quality::Fitted, Quality::Measured)
    );
    assert!(t.resistance.source.contains("left over 0.20 K"), "{}", t.resistance.source);
    assert!((read.device.modes[0].idle.value.get() - 4.0).abs() < 1e-9);
    let link = &read.links[0];
    assert_eq!(link.id, "to-10-0-0-2-7447");
    assert!((link.latency.value.get() - 0.2e-3).abs() < 1e-12 && link.latency.source.contains("0.900 ms"));
    assert!((link.bandwidth.value.get() - 110e6).abs() < 1.0);
    // Heat that was not seen is taken over, and leakage inside the idle power does not count twice.
    let mut cold = hot();
    let heat = cold.heat.as_mut().unwrap();
    heat.thermal = Err(Unfit::Flat { rise_tenths: 12, needed_tenths: 40 });
    heat.leakage = Err(Unfit::Few { moments: 3, needed: 20 });
    let d = of(&cold, &naming()).unwrap().device;
    assert_eq!((d.thermal.resistance.quality, d.thermal.leakage.quality), (Quality::Assumed, Quality::Assumed));
    assert!(d.thermal.leakage.value.get().abs() < 1e-12);
}

#[test]
fn what_is_missing_is_named() {
    let lacking = Record { overhead: None, ..example() };
    assert!(of(&lacking, &naming()).unwrap_err().to_string().contains("overhead was not measured"));
    let lacking = Record { products: Vec::new(), ..example() };
    assert!(of(&lacking, &naming()).unwrap_err().to_string().contains("product"));
    let odd = Naming { like: "rtx4090".into(), ..naming() };
    assert!(of(&example(), &odd).unwrap_err().to_string().contains("rtx4090"), "a card has no CPU");
    let device = "device: 3\n";
    assert!(probe::record("x.yaml", device).is_err());
    assert_eq!(slug("Bob's PC, 2nd"), "bob-s-pc-2nd");
}

#[test]
fn the_overlap_of_the_example_is_found() {
    let Some(Overlap { exponent, share, residual, points }) = example().overlap else { panic!("five points") };
    assert_eq!(points, 5);
    assert!((exponent - 3.0).abs() < 0.7 && share > 0.9 && residual < 0.1, "{exponent} {share} {residual}");
}
