//! A setting made ready to run: catalogue profiles found, overrides applied, rates worked out.

use profiles::literature::Setting;
use profiles::precision::Role;
use profiles::units::Celsius;
use profiles::{Catalogue, DeviceProfile, ModelProfile, Precision, Processor, WeightFormat};

use super::Unpredictable;
use crate::physics::pass::Rates;
use crate::physics::request::Request;
use crate::physics::thermal::Body;
use crate::physics::whole::{self, Alone};

/// Where standing power is taken: an ordinary room.
const AMBIENT: Celsius = Celsius(25.0);

/// One model in a setting.
pub(super) struct Ready {
    pub model: ModelProfile,
    pub precision: Precision,
    pub request: Request,
    pub rates: Rates,
    pub device: DeviceProfile,
}

pub(super) fn device(id: &str) -> Result<&'static DeviceProfile, Unpredictable> {
    Catalogue::builtin().device(id).ok_or_else(|| Unpredictable::Device(id.into()))
}

pub(super) fn model(id: &str) -> Result<&'static ModelProfile, Unpredictable> {
    Catalogue::builtin().model(id).ok_or_else(|| Unpredictable::Model(id.into()))
}

fn no_processor(device: &DeviceProfile, processor: &str, format: WeightFormat) -> Unpredictable {
    Unpredictable::Processor { device: device.id.clone(), processor: processor.into(), format }
}

/// The processor that a setting names.
pub(super) fn processor<'d>(
    device: &'d mut DeviceProfile,
    id: &str,
    format: WeightFormat,
) -> Result<&'d mut Processor, Unpredictable> {
    let missing = no_processor(device, id, format);
    device.processors.iter_mut().find(|p| p.id == id).ok_or(missing)
}

/// Rates in the device's first mode at its full clock.
pub(super) fn rates(device: &DeviceProfile, processor: &str, format: WeightFormat) -> Result<Rates, Unpredictable> {
    let found = device.processors.iter().find(|p| p.id == processor).zip(device.modes.first());
    found.and_then(|(p, mode)| Rates::of(device, mode, p, format, 1.0)).ok_or_else(|| no_processor(device, processor, format))
}

/// Every model of a setting, ready to run.
pub(super) fn ready(setting: &Setting) -> Result<Vec<Ready>, Unpredictable> {
    let mut device = device(&setting.device)?.clone();
    let chosen = processor(&mut device, &setting.processor, setting.weights)?;
    if let Some(share) = setting.bandwidth_efficiency {
        chosen.bandwidth_efficiency.value = share;
    }
    if let (Some(share), Some(kernel)) = (setting.efficiency, chosen.kernels.get_mut(&setting.weights)) {
        kernel.efficiency.value = share;
    }
    let rates = rates(&device, &setting.processor, setting.weights)?;
    let one = |id: &String| -> Result<Ready, Unpredictable> {
        let model = stored(model(id)?, setting.bits, setting.head_bits);
        Ok(Ready {
            precision: Precision { weights: setting.weights, kv_bits: setting.kv_bits, activation_bits: 16 },
            request: Request::new(model.kind, setting.prompt, setting.answer, setting.samples),
            rates,
            device: device.clone(),
            model,
        })
    };
    setting.models.iter().map(one).collect()
}

/// A model whose layers, and embedding and head, are stored in other bits than those of a format.
pub(super) fn stored(model: &ModelProfile, bits: Option<f64>, head_bits: Option<f64>) -> ModelProfile {
    let mut model = model.clone();
    for group in &mut model.blocks {
        let said = if group.block.role == Role::Body { bits } else { head_bits };
        group.block.stored_bits = said.or(group.block.stored_bits);
    }
    model
}

/// Power of an awake device beside its work: idle, and leakage at the temperature that the work brings. Watts.
pub(super) fn standing_w(device: &DeviceProfile, dynamic_w: f64) -> Result<f64, Unpredictable> {
    let idle_w = device.modes.first().map_or(0.0, |m| m.idle.value.get());
    let body = Body::of(&device.thermal, AMBIENT);
    let celsius = body.steady_c(idle_w, dynamic_w).ok_or_else(|| Unpredictable::Power(device.id.clone()))?;
    Ok(idle_w + body.leakage.watts(celsius.min(body.throttle_c)))
}

impl Ready {
    /// The request on this processor with nobody else there.
    pub(super) fn alone(&self) -> Result<Alone, Unpredictable> {
        whole::run(&self.model, self.precision, &self.request, &self.rates)
            .ok_or_else(|| Unpredictable::Power(self.device.id.clone()))
    }

    pub(super) fn standing_w(&self, dynamic_w: f64) -> Result<f64, Unpredictable> {
        standing_w(&self.device, dynamic_w)
    }
}
