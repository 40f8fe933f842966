use super::*;
use crate::physics::whole;
use crate::testing::{card, device_of, precision, tiny_llm};
use profiles::ModelKind;
use profiles::units::{BytesPerSecond, OpsPerSecond, Seconds, Watts};
use scenarios::{At, Together as Said};

/// A card whose GPU and CPU may share stages.
fn device(handshake_s: f64, memory_rate: Option<f64>) -> Device {
    let mut d = device_of("card", card(), 0);
    d.profile.modes[0].cap = None;
    let (handshake, memory_rate) = (Seconds(handshake_s), memory_rate.map(BytesPerSecond));
    d.together = Some(Said { processors: (0, 1), handshake, memory_rate, at: At::default() });
    d
}

fn request() -> Request {
    Request::new(ModelKind::Llm, 64, 16, 1)
}

#[test]
fn a_layer_by_hand() {
    // 1024 wide: 16 heads, 4 of them for keys and values. GPU 50 GB/s, CPU 20 GB/s; together no more than 50.
    let (model, d) = (tiny_llm("t", 1, 1024), device(1e-4, None));
    let team = Team::of(&d, 0, 1.0).unwrap();
    let groups = team.groups(&model, precision(WeightFormat::W4), &request(), 3).unwrap();
    let layer = &groups[1].decode;
    // Decode: the four sums of 1024 halves are written and read on top of the part's own bytes.
    let part = |heads| model.blocks[1].block.part(heads).unwrap();
    let works: Vec<Work> = [3, 1]
        .map(|heads| {
            let mut w = work::of_block(&part(heads), precision(WeightFormat::W4), request().decode, 2e6);
            w.activation_bytes += 4.0 * 1024.0 * 2.0;
            w
        })
        .into();
    let all: f64 = works.iter().map(Work::bytes).sum();
    let memory_s = |i: usize, own: f64| works[i].bytes() / own.min(50e9 * works[i].bytes() / all);
    assert!(
        (layer.halves[0].memory_s - memory_s(0, 50e9)).abs() < 1e-15 && (layer.halves[0].memory_s - all / 50e9).abs() < 1e-15
    );
    assert!((layer.halves[1].memory_s - memory_s(1, 20e9)).abs() < 1e-15);
    let slower = layer.halves[0].time_s.max(layer.halves[1].time_s);
    assert!((layer.time_s - slower - 2e-4).abs() < 1e-15, "two meetings");
    // The ends are with the first alone, as fast as there.
    let alone = whole::run(&model, precision(WeightFormat::W4), &request(), &team.rates(WeightFormat::W4).unwrap()[0]).unwrap();
    assert!(groups[0].decode.halves[1] == Spent::default() && groups[2].decode.time_s < alone.decode.time_s);
    assert!((team.overhead_s().unwrap() - 3e-4).abs() < 1e-15);
}

#[test]
fn both_together_read_no_faster_than_the_memory_gives() {
    let model = tiny_llm("t", 2, 1024);
    let layer = |rate: Option<f64>| {
        let d = device(0.0, rate);
        let team = Team::of(&d, 0, 1.0).unwrap();
        let rates = team.rates(WeightFormat::W4).unwrap();
        let (first, groups) = team.split(&model, precision(WeightFormat::W4), &request()).unwrap();
        let g = &groups[1].decode;
        let work = |heads| {
            work::of_block(&model.blocks[1].block.part(heads).unwrap(), precision(WeightFormat::W4), request().decode, 2e6)
        };
        let bytes = work(first).bytes() + work(4 - first).bytes();
        let longest = g.halves[0].memory_s.max(g.halves[1].memory_s);
        let most = rate.unwrap_or(50e9).min(rates[0].bandwidth + rates[1].bandwidth);
        assert!(bytes / longest <= most * (1.0 + 1e-9), "{} of {most}", bytes / longest);
        longest
    };
    // Without a word of the memory nobody reads faster than the GPU alone; with one both do.
    assert!(layer(Some(65e9)) < layer(None) && layer(None) < layer(Some(30e9)));
}

#[test]
fn prompts_gain_where_arithmetic_binds_and_meetings_cost() {
    let (model, mut d) = (tiny_llm("t", 2, 1024), device(0.0, None));
    // As fast as each other, and slow.
    for p in &mut d.profile.processors {
        p.kernels.values_mut().for_each(|k| k.peak.value = OpsPerSecond(100e9));
    }
    let request = Request::new(ModelKind::Llm, 512, 1, 1);
    let of = |d: &Device| {
        let team = Team::of(d, 0, 1.0).unwrap();
        let (first, groups) = team.split(&model, precision(WeightFormat::W4), &request).unwrap();
        let rates = team.rates(WeightFormat::W4).unwrap();
        let alone =
            pass::run(&work::of_block(&model.blocks[1].block, precision(WeightFormat::W4), request.prefill, 2e6), &rates[0], 0.0);
        (first, groups[1].prefill.time_s / alone.unwrap().0.time_s)
    };
    let (first, ratio) = of(&d);
    assert!(first == 2 && ratio > 0.5 && ratio < 0.55, "{first} {ratio}");
    d.together.as_mut().unwrap().handshake = Seconds(1.0);
    assert!(of(&d).1 > 1.0);
}

#[test]
fn a_cap_is_on_both_together() {
    let (model, mut d) = (tiny_llm("t", 2, 1024), device(1e-5, Some(65e9)));
    let free = Team::of(&d, 0, 1.0).unwrap().groups(&model, precision(WeightFormat::W4), &request(), 2).unwrap();
    d.profile.modes[0].cap = Some(crate::testing::sourced(Watts(14.5), profiles::Quality::Datasheet));
    let team = Team::of(&d, 0, 1.0).unwrap();
    let held = team.groups(&model, precision(WeightFormat::W4), &request(), 2).unwrap();
    let room_w = team.rates(WeightFormat::W4).unwrap()[0].headroom_w;
    assert!(room_w > 0.0 && room_w < 5.0, "{room_w}");
    let power_w = |t: &Together| (t.halves[0].energy_j + t.halves[1].energy_j) / t.halves[0].time_s.max(t.halves[1].time_s);
    for (free, held) in free.iter().zip(&held) {
        assert!(power_w(&held.prefill) <= room_w * (1.0 + 1e-9) && power_w(&held.decode) <= room_w * (1.0 + 1e-9));
        assert!(held.prefill.time_s >= free.prefill.time_s);
    }
    assert!(power_w(&free[1].prefill) > room_w, "the cap binds");
    d.profile.modes[0].cap = Some(crate::testing::sourced(Watts(13.0), profiles::Quality::Datasheet));
    assert!(Team::of(&d, 0, 1.0).unwrap().split(&model, precision(WeightFormat::W4), &request()).is_none());
}

#[test]
fn what_cannot_be_cut_is_not_shared() {
    let d = device(1e-5, None);
    let team = Team::of(&d, 0, 1.0).unwrap();
    let (odd, experts) = (tiny_llm("odd", 2, 256), crate::testing::experts("experts", 2, 1024));
    for model in [&odd, &experts] {
        assert!(team.split(model, precision(WeightFormat::W4), &request()).is_none());
    }
    let mut alone = d.clone();
    alone.together = None;
    assert!(Team::of(&alone, 0, 1.0).is_none());
}
