//! Time and energy of one block in one pass on one processor in one power mode.
//!
//! Roofline per block: a processor runs its blocks one after another, so saturations of different blocks
//! do not overlap, and the cost of a stage is the sum over its blocks. The mode's cap holds at every
//! instant: a block that would draw more runs at a lower arithmetic clock, and if the lowest is not
//! enough, at a lower memory rate too. That is a property of (block, mode), not of the plan.

use profiles::{DeviceProfile, PowerMode, Processor, WeightFormat};

use super::power::{Leakage, byte_factor, energy_factor};
use super::roofline;
use super::work::Work;

/// Lowest arithmetic clock that a cap may force, as a share of the mode's. Assumed.
pub const BLOCK_CLOCK_MIN: f64 = 0.1;

/// What a processor does per second and per joule in a mode, for one weight format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Operations per second at the full clock, as the kernel reaches them.
    pub peak: f64,
    /// Bytes per second in this mode, as kernels reach them.
    pub bandwidth: f64,
    /// At the full clock.
    pub joules_per_op: f64,
    pub joules_per_byte: f64,
    /// Share of it that follows the arithmetic clock.
    pub clocked_share: f64,
    /// Factor of that law which `joules_per_byte` already holds: 1 at full clocks, the mode's where it was measured there.
    pub byte_factor_held: f64,
    pub launch_s: f64,
    /// Fixed overhead of a pass over a stage.
    pub pass_overhead_s: f64,
    /// Exponent of the roofline.
    pub overlap: f64,
    /// Operations per second with one token, and of attention, at the full clock; `None`: as `peak`, whatever it is fitted to.
    pub vector: Option<f64>,
    pub attention: Option<f64>,
    /// Operations per second of further sequences of a decoding pass, where they hide behind no reading.
    pub sample: Option<f64>,
    /// Time of an element of a block's output for a token beyond the first.
    pub element_s: f64,
    /// Arithmetic clock of the mode, times the factor set to stay cool, (0, 1].
    pub clock: f64,
    /// Last-level cache, bytes; 0 where none is known.
    pub cache_bytes: f64,
    /// Dynamic power that the mode's cap leaves when the die is at its throttle temperature; infinite without a cap.
    pub headroom_w: f64,
    /// Storage rate in bytes per second and energy per byte, where weights may be streamed.
    pub storage: Option<(f64, f64)>,
}

impl Rates {
    /// `clock` is the factor on top of the mode's own clocks. `None` where the processor has no kernel for the format.
    #[must_use]
    pub fn of(device: &DeviceProfile, mode: &PowerMode, processor: &Processor, format: WeightFormat, clock: f64) -> Option<Self> {
        let kernel = processor.kernels.get(&format)?;
        let (compute, memory) =
            mode.clocks.get(&processor.id).map_or((1.0, 1.0), |c| (c.compute.value.get(), c.memory.value.get()));
        let clocked_share = processor.clocked_share.as_ref().map_or(0.0, |s| s.value.get());
        let measured = mode.clocks.get(&processor.id).and_then(|c| c.byte_energy.as_ref()).map(|r| r.value.get());
        let peak = kernel.peak.value.get() * kernel.efficiency.value.get();
        let rates = Self {
            peak,
            vector: kernel.vector.as_ref().map(|r| r.value.get()),
            attention: processor.attention.as_ref().map(|r| r.value.get()),
            sample: kernel.sample.as_ref().map(|r| r.value.get()),
            element_s: processor.element.as_ref().map_or(0.0, |t| t.value.get()),
            bandwidth: processor.bandwidth.value.get() * processor.bandwidth_efficiency.value.get() * memory,
            joules_per_op: kernel.joules_per_op.value.get(),
            joules_per_byte: processor.joules_per_byte.value.get() * measured.unwrap_or(1.0),
            clocked_share,
            byte_factor_held: measured.map_or(1.0, |_| byte_factor(compute, clocked_share)),
            launch_s: processor.launch.value.get(),
            pass_overhead_s: processor.pass_overhead.value.get(),
            overlap: processor.overlap.value,
            clock: compute * clock,
            cache_bytes: processor.cache.as_ref().map_or(0.0, |c| c.value.get()),
            headroom_w: headroom_w(device, mode),
            storage: device.storage.as_ref().map(|s| (s.bandwidth.value.get(), s.joules_per_byte.value.get())),
        };
        (rates.peak > 0.0 && rates.bandwidth > 0.0 && rates.clock > 0.0).then_some(rates)
    }

    /// The same where a pass reads a working set of so many bytes round and round, with nothing between the passes:
    /// caches may give more than memory. Plans are made without: what else a device does empties its caches.
    #[must_use]
    pub fn reading(self, processor: &Processor, set_bytes: f64) -> Self {
        let share = processor.read_rate(set_bytes) / processor.bandwidth.value.get();
        Self { bandwidth: self.bandwidth * share, ..self }
    }

    /// Seconds at the full clock of the products that follow a pass's first sequence; 0 where they are part of the roofline.
    #[must_use]
    pub fn following_s(&self, work: &Work) -> f64 {
        self.sample.map_or(0.0, |rate| work.following_ops / rate)
    }

    /// Seconds of a block's arithmetic at a clock, what follows the first sequence not counted. Its first row finds the
    /// weights packed, which the rate with one token holds; the others find them unpacked.
    #[must_use]
    pub fn arithmetic_s(&self, work: &Work, clock: f64) -> f64 {
        let products = work.ops - work.attention_ops;
        let first = if work.rows > 0.0 { products / work.rows.max(1.0) } else { 0.0 };
        let slower = |rate: Option<f64>| rate.map_or(0.0, |r| 1.0 / r - 1.0 / self.peak);
        let beside = first * slower(self.vector) + work.attention_ops * slower(self.attention);
        let ops = if self.sample.is_some() { work.ops - work.following_ops } else { work.ops };
        // A profile without these rates rounds as `ops / (peak clock)` does.
        (ops / (self.peak * clock) + beside / clock).max(0.0) + work.elements * self.element_s / clock
    }
}

/// Dynamic power under a mode's cap: what idling and the leakage of a die about to throttle leave. Infinite without a cap.
#[must_use]
pub fn headroom_w(device: &DeviceProfile, mode: &PowerMode) -> f64 {
    mode.cap.as_ref().map_or(f64::INFINITY, |cap| {
        cap.value.get() - mode.idle.value.get() - Leakage::of(&device.thermal).watts(device.thermal.throttle.value.get())
    })
}

/// What one block in one pass takes, or a sum of such.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Launches included.
    pub time_s: f64,
    /// What arithmetic alone would take, at the clock that it ran at.
    pub alu_s: f64,
    /// What memory (and storage) alone would take.
    pub memory_s: f64,
    /// Dynamic energy.
    pub energy_j: f64,
}

impl std::ops::Add for Spent {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self {
            time_s: self.time_s + o.time_s,
            alu_s: self.alu_s + o.alu_s,
            memory_s: self.memory_s + o.memory_s,
            energy_j: self.energy_j + o.energy_j,
        }
    }
}

impl Spent {
    /// `k` times as much.
    #[must_use]
    pub fn times(self, k: f64) -> Self {
        Self { time_s: self.time_s * k, alu_s: self.alu_s * k, memory_s: self.memory_s * k, energy_j: self.energy_j * k }
    }
}

/// Runs a block: time and energy, and the arithmetic clock (a share of the mode's) that the cap left it.
///
/// `miss` is the share of its weights that each pass reads again from storage. `None` where it cannot run:
/// no storage to stream from, or a cap that idling alone uses up.
#[must_use]
pub fn run(work: &Work, rates: &Rates, miss: f64) -> Option<(Spent, f64)> {
    run_missing(work, rates, miss * work.weight_bytes)
}

/// The same with so many bytes of its weights read from storage.
#[must_use]
pub fn run_missing(work: &Work, rates: &Rates, missing: f64) -> Option<(Spent, f64)> {
    let mut memory_s = work.bytes() / rates.bandwidth;
    let memory_j = work.bytes() * rates.joules_per_byte;
    let mut storage_j = 0.0;
    if missing > 0.0 {
        let (bandwidth, joules_per_byte) = rates.storage.filter(|s| s.0 > 0.0)?;
        memory_s += missing / bandwidth;
        storage_j += missing * joules_per_byte;
    }
    let at = |share: f64| {
        let clock = rates.clock * share;
        let alu_s = rates.arithmetic_s(work, clock);
        let following_s = rates.following_s(work) / clock;
        let time_s = roofline::time_s(alu_s, memory_s, rates.overlap) + following_s + work.launches * rates.launch_s;
        let alu_s = alu_s + following_s;
        let bytes_j = storage_j + memory_j * byte_factor(clock, rates.clocked_share) / rates.byte_factor_held;
        Spent { time_s, alu_s, memory_s, energy_j: bytes_j + work.ops * rates.joules_per_op * energy_factor(clock) }
    };
    let holds = |s: &Spent| s.energy_j <= rates.headroom_w * s.time_s;
    let full = at(1.0);
    if full.energy_j <= 0.0 || holds(&full) {
        return Some((full, 1.0));
    }
    if rates.headroom_w <= 0.0 {
        return None;
    }
    let slowest = at(BLOCK_CLOCK_MIN);
    if !holds(&slowest) {
        // The same energy spread over the time that the cap allows: memory waits.
        let time_s = slowest.energy_j / rates.headroom_w;
        return Some((
            Spent { time_s, memory_s: slowest.memory_s.max(time_s - work.launches * rates.launch_s), ..slowest },
            BLOCK_CLOCK_MIN,
        ));
    }
    // Power grows with the clock: energy does, and time falls.
    let (mut low, mut high) = (BLOCK_CLOCK_MIN, 1.0);
    while high - low > 1e-9 {
        let middle = 0.5 * (low + high);
        if holds(&at(middle)) { low = middle } else { high = middle }
    }
    Some((at(low), low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{board, card};
    use proptest::prelude::*;

    fn work(ops: f64, bytes: f64) -> Work {
        Work { ops, weight_bytes: bytes, launches: 1.0, ..Work::default() }
    }

    fn rates(share_of_cap: f64) -> Rates {
        let d = board();
        Rates { headroom_w: share_of_cap, ..Rates::of(&d, &d.modes[0], &d.processors[0], WeightFormat::W8, 1.0).unwrap() }
    }

    #[test]
    fn known_values() {
        // 1e9 operations at 100 GOPS: 10 ms; 0.1 GB at 10 GB/s: 10 ms; p = 2: sqrt 2 * 10 ms; 20 us launch.
        let (s, clock) = run(&work(1e9, 1e8), &rates(f64::INFINITY), 0.0).unwrap();
        assert!((s.time_s - (0.01 * 2.0f64.sqrt() + 20e-6)).abs() < 1e-12);
        assert!((s.alu_s - 0.01).abs() < 1e-12 && (s.memory_s - 0.01).abs() < 1e-12);
        // 1e9 * 20 pJ + 1e8 * 100 pJ = 30 mJ.
        assert!((s.energy_j - 0.03).abs() < 1e-12);
        assert!((clock - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_first_token_attention_and_elements_have_their_own_rates() {
        let r = Rates { vector: Some(25e9), attention: Some(50e9), element_s: 1e-9, ..rates(f64::INFINITY) };
        // 1e9 operations a row at 100 GOPS: the first takes 40 ms; attention's 1e9 20 ms; 1e6 elements 1 ms.
        let w = Work { ops: 4e9, attention_ops: 1e9, rows: 3.0, elements: 1e6, ..Work::default() };
        assert!((r.arithmetic_s(&w, 1.0) - (0.04 + 0.02 + 0.02 + 0.001)).abs() < 1e-12);
        assert!((r.arithmetic_s(&Work { rows: 1.0, ..w }, 1.0) - (3e9 / 25e9 + 0.021)).abs() < 1e-12);
    }

    #[test]
    fn further_sequences_follow() {
        let r = Rates { sample: Some(20e9), ..rates(f64::INFINITY) };
        let w = Work { ops: 4e9, rows: 4.0, following_ops: 3e9, ..Work::default() };
        let (spent, _) = run(&w, &r, 0.0).unwrap();
        // 1e9 at 100 GOPS and 3e9 at 20 GOPS.
        assert!((spent.time_s - 0.16).abs() < 1e-12 && (spent.alu_s - 0.16).abs() < 1e-12);
        assert!((run(&w, &rates(f64::INFINITY), 0.0).unwrap().0.time_s - 0.04).abs() < 1e-12);
    }

    #[test]
    fn small_working_sets_are_read_from_a_cache() {
        let mut d = board();
        let cpu = &mut d.processors[0];
        cpu.reading = [(1e6, 80e9), (1e8, 20e9)]
            .map(|(set, rate)| profiles::SetRate {
                set: profiles::units::Bytes(set),
                rate: crate::testing::sourced(profiles::units::BytesPerSecond(rate), profiles::Quality::Measured),
            })
            .into();
        let at = |set: f64| rates(f64::INFINITY).reading(cpu, set).bandwidth / rates(f64::INFINITY).bandwidth;
        for (set, share) in [(1e3, 4.0), (1e6, 4.0), (1e7, 2.5), (1e8, 1.0), (1e9, 1.0)] {
            assert!((at(set) - share).abs() < 1e-9, "{set}: {}", at(set));
        }
    }

    #[test]
    fn modes_lower_rates_and_energy() {
        let d = card();
        let of = |m: usize| Rates::of(&d, &d.modes[m], &d.processors[0], WeightFormat::W8, 1.0).unwrap();
        assert!((of(1).clock - 0.5).abs() < 1e-12 && (of(1).bandwidth - 0.8 * of(0).bandwidth).abs() < 1e-3);
        assert!((of(0).headroom_w - (30.0 - 6.0 - (60.0f64 / 30.0).exp())).abs() < 1e-9);
        let lone = |r| run(&work(1e12, 0.0), &Rates { headroom_w: f64::INFINITY, ..r }, 0.0).unwrap().0;
        assert!((lone(of(1)).energy_j - 0.25 * lone(of(0)).energy_j).abs() < 1e-12);
        assert!(Rates::of(&d, &d.modes[0], &d.processors[0], WeightFormat::Sherry, 1.0).is_none());
    }

    #[test]
    fn energy_per_byte_follows_the_clock_or_what_was_measured() {
        let mut d = card();
        let of = |d: &DeviceProfile| {
            let gpu = d.processors.iter().find(|p| p.clocked_share.is_some()).unwrap();
            let r = Rates::of(d, &d.modes[1], gpu, WeightFormat::W8, 1.0).unwrap();
            let bytes = |r: Rates| run(&work(0.0, 1e6), &Rates { headroom_w: f64::INFINITY, ..r }, 0.0).unwrap().0.energy_j;
            (bytes(r), bytes(Rates { clock: 0.8 * r.clock, ..r }), 1e6 * gpu.joules_per_byte.value.get())
        };
        // Half of it clocked, at half the clock (the floor holds 0.75): 0.5 + 0.5 * 0.5625.
        let (lawful, lower, full) = of(&d);
        assert!((lawful - 0.78125 * full).abs() < 1e-12 * full.max(1.0) && (lower - lawful).abs() < 1e-15);
        let id = d.processors.iter().find(|p| p.clocked_share.is_some()).unwrap().id.clone();
        let clock = d.modes[1].clocks.get_mut(&id).unwrap();
        clock.byte_energy = Some(crate::testing::sourced(profiles::units::Ratio(0.6), profiles::Quality::Measured));
        assert!((of(&d).0 - 0.6 * full).abs() < 1e-12 * full.max(1.0));
    }

    #[test]
    fn streaming_reads_what_is_missing() {
        let w = work(0.0, 1e9);
        let (whole, half) = (run(&w, &rates(f64::INFINITY), 0.0).unwrap().0, run(&w, &rates(f64::INFINITY), 0.5).unwrap().0);
        // Half a gigabyte at 500 MB/s is one second, at 1 nJ a byte half a joule.
        assert!((half.time_s - whole.time_s - 1.0).abs() < 1e-9);
        assert!((half.energy_j - whole.energy_j - 0.5).abs() < 1e-9);
        assert!(run(&w, &Rates { storage: None, ..rates(1.0) }, 0.5).is_none());
    }

    #[test]
    fn a_cap_that_idling_uses_up_runs_nothing() {
        assert!(run(&work(1e9, 1e8), &rates(0.0), 0.0).is_none());
        assert!(run(&Work::default(), &rates(-1.0), 0.0).is_some());
    }

    proptest! {
        #[test]
        fn the_cap_holds_and_is_used(ops in 1e6..1e12f64, bytes in 1e3..1e10f64, headroom in 0.05..10.0f64) {
            let w = work(ops, bytes);
            let (free, _) = run(&w, &rates(f64::INFINITY), 0.0).unwrap();
            let (s, clock) = run(&w, &rates(headroom), 0.0).unwrap();
            prop_assert!(s.energy_j / s.time_s <= headroom * (1.0 + 1e-9));
            prop_assert!(s.time_s >= free.time_s * (1.0 - 1e-9) && s.energy_j <= free.energy_j * (1.0 + 1e-9));
            if clock < 1.0 {
                prop_assert!(s.energy_j / s.time_s >= headroom * (1.0 - 1e-5), "lowered no further than needed");
            }
        }

        #[test]
        fn more_work_costs_more(ops in 0.0..1e12f64, bytes in 1.0..1e10f64, more in 1.0..3.0f64, miss in 0.0..0.9f64) {
            let r = rates(f64::INFINITY);
            let (a, b) = (run(&work(ops, bytes), &r, miss).unwrap().0, run(&work(ops * more, bytes * more), &r, miss).unwrap().0);
            prop_assert!(b.time_s >= a.time_s && b.energy_j >= a.energy_j);
        }
    }
}
