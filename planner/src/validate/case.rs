//! A row with the facts that predict it: datasheet numbers of the catalogue and the work of the physics.
//!
//! Only what a datasheet says is taken from a profile: bandwidth, arithmetic peak, the mode's clock and cap.
//! What the catalogue has fitted to measurements is left where it is, so that nothing measured on a device can
//! reach its zero-shot prediction.

use super::cores;
use super::load::{self, Kernels, Load};
use super::shape;
use super::table::Row;
use super::words;
use crate::physics::work::Pass;
use profiles::{BlockGroup, Catalogue, DeviceClass, DeviceProfile, ProcessorKind, Quality, WeightFormat};

/// Tokens that a row is given where it does not say: a prompt, and an answer.
const PROMPT: f64 = 256.0;
const ANSWER: f64 = 64.0;
/// Share of the installed memory that weights may take: above it they are streamed, at a rate no row says.
const MEMORY: f64 = 0.95;

/// A row that can be predicted.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Index of the row in its table.
    pub row: usize,
    /// Catalogue id of the device: what is left out when a device is scored.
    pub device: String,
    /// The same with the power mode: what a profile of ten rows is about.
    pub profile: String,
    /// Index of the power mode, and id of the processor, in the device's profile.
    pub mode: usize,
    pub processor: String,
    /// The planner's format that comes nearest to the row's.
    pub format: WeightFormat,
    pub blocks: Vec<BlockGroup>,
    pub class: DeviceClass,
    pub kind: ProcessorKind,
    /// The processor multiplies 8-bit numbers faster than 16-bit ones by its datasheet: matrix units.
    pub matrix_units: bool,
    /// Bytes per second, operations per second at 16 bits and at the row's format: datasheet.
    pub bandwidth: f64,
    pub peak_16: f64,
    pub peak: f64,
    /// At 8 bits.
    pub peak_8: f64,
    /// Arithmetic clock of the mode, (0, 1].
    pub clock: f64,
    /// Cap of the mode, watts: the scale of its power.
    pub cap_w: Option<f64>,
    pub engine: String,
    /// The engine's whole name, with its version.
    pub build: String,
    /// Where the row was published, and the state that its device was in.
    pub source: String,
    pub state: String,
    pub backend: &'static str,
    pub quant: &'static str,
    pub bits: f64,
    pub model: String,
    pub parameters: f64,
    pub active: f64,
    pub layers: f64,
    pub devices: f64,
    pub threads: Option<f64>,
    pub batch: f64,
    pub prompt: f64,
    pub answer: f64,
    /// Tokens in the cache: before the prompt, and at the mean step of decoding.
    pub depth: f64,
    pub context: f64,
    pub end_to_end: bool,
    pub scope: &'static str,
    /// One step of decoding for the whole batch.
    pub decode: Load,
    /// One prompt a sequence.
    pub prefill: Load,
}

/// Device and power mode of an id: the catalogue's own, or with the id of a mode behind it.
fn device_of(id: &str) -> Option<(&'static DeviceProfile, usize)> {
    let catalogue = Catalogue::builtin();
    if let Some(device) = catalogue.device(id) {
        return Some((device, 0));
    }
    let (device, mode) = id.rsplit_once('-')?;
    let device = catalogue.device(device)?;
    device.modes.iter().position(|m| m.id == mode).map(|m| (device, m))
}

/// Clock of a mode by its datasheet; that of another processor of the device where this one's was fitted.
fn clock_of(device: &DeviceProfile, mode: usize, processor: &str) -> f64 {
    let clocks = &device.modes[mode].clocks;
    let told = |c: &profiles::device::ModeClock| c.compute.quality != Quality::Fitted && c.compute.quality != Quality::Measured;
    let own = clocks.get(processor).filter(|c| told(c));
    let any = || clocks.values().find(|c| told(c));
    own.or_else(any).map_or(1.0, |c| c.compute.value.get()).clamp(0.05, 1.0)
}

/// Whether a table names no device anywhere: then it is about the one at hand.
pub(crate) fn nameless(rows: &[Row]) -> bool {
    rows.iter().all(|r| r.device_id.is_empty())
}

/// Index of the power mode that a row's device id means on a device; `None`: it is another device's row, or an unknown
/// one's. In a `nameless` table every row is its own.
pub(crate) fn mode_of(device: &DeviceProfile, id: &str, nameless: bool) -> Option<usize> {
    if nameless || id == device.id {
        return Some(0);
    }
    let mode = id.strip_prefix(device.id.as_str())?.strip_prefix('-')?;
    device.modes.iter().position(|m| m.id == mode)
}

/// A row as a case on its device in the catalogue, or why it cannot be predicted.
pub(super) fn of(index: usize, row: &Row) -> Result<Case, String> {
    predictable(row)?;
    let (device, mode) =
        device_of(&row.device_id).ok_or_else(|| format!("device `{}` is not in the catalogue", row.device_id))?;
    on(index, row, device, mode)
}

/// Whether a row holds anything that the physics speaks of.
fn predictable(row: &Row) -> Result<(), String> {
    let rates = row.decode_tok_s.is_some() || row.prefill_tok_s.is_some();
    if row.phase == "other" || !(rates || row.power_w.is_some() || row.j_per_token.is_some()) {
        return Err("no rate of tokens, power or energy per token: not a language model's run".into());
    }
    Ok(())
}

/// A row as a case on a device in one of its modes, or why it cannot be predicted.
///
/// # Errors
/// The reason in words, for the list of skipped rows.
pub(crate) fn on(index: usize, row: &Row, device: &DeviceProfile, mode: usize) -> Result<Case, String> {
    predictable(row)?;
    let kind = match row.processor.split('/').next().unwrap_or_default().trim().to_uppercase().as_str() {
        "CPU" => ProcessorKind::Cpu,
        "GPU" | "IGPU" => ProcessorKind::Gpu,
        "NPU" | "TPU" => ProcessorKind::Npu,
        "FPGA" => ProcessorKind::Fpga,
        "ASIC" => ProcessorKind::Asic,
        other => return Err(format!("processor `{other}` is none of CPU, GPU, NPU, FPGA, ASIC")),
    };
    let processor = device
        .processors
        .iter()
        .find(|p| p.kind == kind)
        .ok_or_else(|| format!("the catalogue's `{}` has no {}", device.id, row.processor))?;
    let shape = shape::of(&row.model, row.params_b.map(|p| p * 1e9), row.active_params_b.map(|p| p * 1e9))
        .ok_or_else(|| format!("model `{}` is not in the catalogue and its parameters are not given", row.model))?;
    let bits = row
        .bits_per_weight
        .or_else(|| row.model_gb.map(|gb| gb * 8e9 / shape.parameters))
        .or_else(|| words::bits_of_name(&row.quant))
        .filter(|b| (0.5..=64.0).contains(b))
        .ok_or_else(|| format!("bits per weight of `{}` are not given", row.quant))?;
    let peak_at = |f: WeightFormat| processor.kernels.get(&f).map(|k| k.peak.value.get());
    let highest = processor.kernels.values().map(|k| k.peak.value.get()).fold(0.0, f64::max);
    let integer = peak_at(WeightFormat::W8).or_else(|| peak_at(WeightFormat::W4)).unwrap_or(highest);
    let peak_16 = peak_at(WeightFormat::W16).unwrap_or(integer / 2.0);
    if integer <= 0.0 || processor.bandwidth.value.get() <= 0.0 {
        return Err(format!("the catalogue gives no arithmetic peak or bandwidth of `{}` {}", device.id, row.processor));
    }
    let devices = row.devices.unwrap_or(1.0).max(1.0);
    let installed = device.memories.get(&processor.memory).map_or(f64::INFINITY, |m| m.size.value.get());
    if shape.parameters * bits / 8.0 / devices > MEMORY * installed && kind != ProcessorKind::Npu {
        return Err(format!("the weights do not fit the memory of `{}`: storage decides, and no row says its rate", device.id));
    }
    if words::streamed(&row.power_mode, &row.notes, shape.parameters * bits / 8.0) {
        return Err("memory was capped or overcommitted, weights came from storage: no row says its rate".into());
    }
    let batch = row.batch.unwrap_or(1.0).max(1.0);
    let depth = words::depth(&row.notes);
    let answer = row.gen_tokens.filter(|g| *g > 0.0).unwrap_or(ANSWER);
    let before = if row.phase == "prefill" { 0.0 } else { row.prompt_tokens.unwrap_or(0.0) };
    let prompt = row.prompt_tokens.filter(|p| *p > 0.0).unwrap_or(PROMPT);
    let step = Pass { tokens: 1.0, context: before + depth + answer / 2.0, batch };
    let engine = words::engine(&row.engine);
    let kernels = match kind {
        ProcessorKind::Gpu if words::metal(&device.id, &engine) => Kernels::Metal,
        _ => Kernels::Once,
    };
    let read_bits = shape.read_bits(bits, words::fallback_bits(&row.quant));
    let decode = load::of_step(&shape, read_bits, step, kernels);
    let prefill = load::of_prompt(&shape, read_bits, Pass { tokens: prompt, context: depth, batch });
    let caps = || {
        device
            .modes
            .iter()
            .filter_map(|m| m.cap.as_ref())
            .map(|c| c.value.get())
            .fold(None, |a: Option<f64>, c| Some(a.map_or(c, |a| a.max(c))))
    };
    Ok(Case {
        row: index,
        device: device.id.clone(),
        profile: if row.device_id.is_empty() { device.id.clone() } else { row.device_id.clone() },
        mode,
        processor: processor.id.clone(),
        format: words::format(&row.quant, bits),
        blocks: shape.blocks,
        class: device.class,
        kind,
        matrix_units: kind == ProcessorKind::Gpu && integer > 1.5 * peak_16,
        bandwidth: processor.bandwidth.value.get(),
        peak_16,
        peak: if bits > 10.0 { peak_16 } else { integer },
        peak_8: integer,
        clock: clock_of(device, mode, &processor.id),
        cap_w: device.modes[mode].cap.as_ref().map(|c| c.value.get()).or_else(caps),
        engine,
        build: row.engine.to_lowercase(),
        source: row.source.clone(),
        state: row.power_mode.to_lowercase(),
        backend: words::backend(&row.engine),
        quant: words::quantisation(&row.quant, bits),
        bits,
        model: shape::slug(&row.model),
        parameters: shape.parameters,
        active: shape.active,
        layers: shape.layers,
        devices,
        threads: (kind == ProcessorKind::Cpu)
            .then(|| row.threads.filter(|t| *t > 0.0).unwrap_or_else(|| cores::taken(&device.id))),
        batch,
        prompt,
        answer,
        depth,
        context: step.context,
        end_to_end: words::end_to_end(&row.notes),
        scope: words::scope(&row.power_scope),
        decode,
        prefill,
    })
}
