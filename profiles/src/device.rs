//! A device: processors that share memories, a power budget and one thermal mass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::provenance::Sourced;
use crate::units::{
    Bytes, BytesPerSecond, Celsius, Joules, JoulesPerByte, JoulesPerKelvin, JoulesPerOp, Kelvin, KelvinPerWatt, OpsPerSecond,
    Ratio, Seconds, Watts,
};

/// What kind of board or machine; priors of a fit are taken from the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    Jetson,
    Sbc,
    Laptop,
    Desktop,
    Phone,
    Gpu,
    Npu,
    Fpga,
    Asic,
    Server,
}

/// A device as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// Stable name in kebab case, unique in the catalogue.
    pub id: String,
    /// Name that a person reads.
    pub name: String,
    pub class: DeviceClass,
    /// Memory pools by name; processors name the pool that they compute from.
    pub memories: BTreeMap<String, Memory>,
    /// At least one.
    pub processors: Vec<Processor>,
    /// Where weights may be streamed from; none means no streaming.
    pub storage: Option<Storage>,
    /// At least one; the first is the default.
    pub modes: Vec<PowerMode>,
    pub thermal: Thermal,
    pub sleep: Sleep,
    /// Caveats that a reader of the numbers must know.
    #[serde(default)]
    pub notes: String,
}

/// One memory pool (DRAM, VRAM, HBM, on-module SRAM).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Installed size.
    pub size: Sourced<Bytes>,
    /// Share of it that models may use (the rest is the system's).
    pub usable: Sourced<Ratio>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProcessorKind {
    Cpu,
    Gpu,
    Npu,
    Fpga,
    Asic,
}

/// One processor of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Unique in its device: `cpu`, `gpu`, `npu`.
    pub id: String,
    pub kind: ProcessorKind,
    /// Name of the memory pool that holds its weights.
    pub memory: String,
    /// Peak read rate of that memory as this processor sees it.
    pub bandwidth: Sourced<BytesPerSecond>,
    /// Share of that rate which decode kernels reach.
    pub bandwidth_efficiency: Sourced<Ratio>,
    /// Last-level cache; a looped block whose weights fit is read once.
    pub cache: Option<Sourced<Bytes>>,
    /// Energy per byte moved from memory (`eps_byte`).
    pub joules_per_byte: Sourced<JoulesPerByte>,
    /// Share of `joules_per_byte` that is spent in this processor's own clock domain (caches, network,
    /// cores) and so follows its voltage; the memory chips' part does not. Absent: none of it, as far as is known.
    #[serde(default)]
    pub clocked_share: Option<Sourced<Ratio>>,
    /// What each weight format runs at here; a format that is absent does not run on this processor.
    pub kernels: BTreeMap<crate::precision::WeightFormat, Kernel>,
    /// Launch overhead of one block in one pass.
    pub launch: Sourced<Seconds>,
    /// Fixed overhead of one pass over a stage.
    pub pass_overhead: Sourced<Seconds>,
    /// Exponent `p` of the smooth roofline: 1 no overlap, large the classic maximum.
    pub overlap: Sourced<f64>,
    /// Operations per second of attention's own products; absent: as those with weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Sourced<OpsPerSecond>>,
    /// Time of an element of a block's output for each token of a pass beyond the first, for what is neither product nor
    /// attention; the first token's is in `launch`. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<Sourced<Seconds>>,
    /// Rates at which working sets are read round and round, by ascending size, where caches give more than
    /// memory does; empty: `bandwidth` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reading: Vec<SetRate>,
}

/// A working set, and how fast it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRate {
    pub set: Bytes,
    pub rate: Sourced<BytesPerSecond>,
}

impl Processor {
    /// Bytes per second at which a working set of so many bytes is read: straight lines over the logarithm of the size
    /// between the measured sets, and `bandwidth` beyond the largest; never below it.
    #[must_use]
    pub fn read_rate(&self, set_bytes: f64) -> f64 {
        let memory = self.bandwidth.value.get();
        let Some(above) = self.reading.iter().position(|s| s.set.get() >= set_bytes) else { return memory };
        let at = |i: usize| (self.reading[i].set.get().ln(), self.reading[i].rate.value.get());
        let (high, low) = (at(above), at(above.saturating_sub(1)));
        let part = if high.0 > low.0 { (set_bytes.ln() - low.0) / (high.0 - low.0) } else { 1.0 };
        (low.1 + part * (high.1 - low.1)).max(memory)
    }
}

/// A kernel's rate for one weight format on one processor, unpacking included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Peak rate of the arithmetic unit that this kernel uses.
    pub peak: Sourced<OpsPerSecond>,
    /// Share of that peak which the kernel reaches in prefill.
    pub efficiency: Sourced<Ratio>,
    /// Rate with one token, weights in the processor's own caches: weights are unpacked for it alone. Absent: as in
    /// prefill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Sourced<OpsPerSecond>>,
    /// Rate of the products of each further sequence of a decoding pass, where they follow the first one's and hide behind
    /// no reading. Absent: as in prefill, hidden behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sourced<OpsPerSecond>>,
    /// Energy per operation (`eps_op`).
    pub joules_per_op: Sourced<JoulesPerOp>,
}

/// Storage that weights can be streamed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub bandwidth: Sourced<BytesPerSecond>,
    pub joules_per_byte: Sourced<JoulesPerByte>,
}

/// A power mode (nvpmodel, cpufreq cap, TGP setting).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerMode {
    pub id: String,
    /// Power of the awake device with nothing to do, leakage at the reference temperature excluded.
    pub idle: Sourced<Watts>,
    /// Cap on the device's power; `None` is uncapped.
    pub cap: Option<Sourced<Watts>>,
    /// Clock and bandwidth factors by processor id; absent means 1.
    #[serde(default)]
    pub clocks: BTreeMap<String, ModeClock>,
}

/// Factors of one processor in one mode, against the profile's peak numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeClock {
    /// Arithmetic clock, (0, 1].
    pub compute: Sourced<Ratio>,
    /// Memory rate, (0, 1].
    pub memory: Sourced<Ratio>,
    /// Energy per byte in this mode against that at full clocks, where it was measured; else the law of
    /// [`Processor::clocked_share`] says.
    #[serde(default)]
    pub byte_energy: Option<Sourced<Ratio>>,
}

/// One thermal resistance and one capacitance per device, and leakage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    /// Die to ambient.
    pub resistance: Sourced<KelvinPerWatt>,
    pub capacitance: Sourced<JoulesPerKelvin>,
    /// Where the firmware begins to lower clocks.
    pub throttle: Sourced<Celsius>,
    /// Leakage at the reference temperature.
    pub leakage: Sourced<Watts>,
    /// Reference temperature of the leakage.
    pub reference: Sourced<Celsius>,
    /// Temperature rise that multiplies leakage by e.
    pub leakage_slope: Sourced<Kelvin>,
}

/// What a device that holds no stage draws, and what waking it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sleep {
    pub power: Sourced<Watts>,
    pub wake_time: Sourced<Seconds>,
    pub wake_energy: Sourced<Joules>,
}
