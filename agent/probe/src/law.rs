//! What a probe says about a model: the roofline of the planner's physics, with each format's own rates.
//!
//! A pass is its products, its attention, and what neither is:
//!
//! ```text
//! one token:  Σ matrices bytes / resident + c (4 width layers / attention + kv bytes / memory) + layers t_layer + t_pass
//! a prompt:   Σ matrices roofline(2 weights n / matrix, bytes / memory) + 4 n (n/2) width layers / attention
//!             + n hidden layers t_element + t_pass a batch
//! ```
//!
//! `resident` is the rate of a format's products of one token with weights in memory, of large or of small matrices;
//! it, `matrix`, `memory`, `attention`, `t_layer`, `t_element` and `t_pass` are measured without the model.

use crate::measure::products::{HUGE, TOKENS};
use crate::record::Record;

/// Matrices of one format in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// As [`kernels::Format::name`] gives it.
    pub format: String,
    pub weights: f64,
    pub bytes: f64,
    /// The output matrix: one token of a prompt goes through it.
    pub head: bool,
    /// Matrices below [`HUGE`] bytes.
    pub small: bool,
}

/// A model as far as its time depends on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub parts: Vec<Part>,
    pub layers: f64,
    pub hidden: f64,
    /// Query heads times their width.
    pub width: f64,
    /// Bytes of keys and values of a token in all layers.
    pub kv_bytes: f64,
}

impl Model {
    /// Of a loaded whole model with a 16-bit cache.
    #[must_use]
    pub fn of(stage: &engine::Stage) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let own_head = stage.matrices().any(|(class, _)| class == "output");
        for (class, m) in stage.matrices() {
            let head = class == "output" || (class == "token_embd" && !own_head);
            if class == "token_embd" && own_head {
                continue;
            }
            let (format, weights, bytes) = (m.format().name(), (m.rows() * m.cols()) as f64, m.bytes() as f64);
            let small = m.bytes() < HUGE;
            match parts.iter_mut().find(|p| p.format == format && p.head == head && p.small == small) {
                Some(part) => {
                    part.weights += weights;
                    part.bytes += bytes;
                }
                None => parts.push(Part { format: format.into(), weights, bytes, head, small }),
            }
        }
        let c = stage.config();
        let kv_bytes = (2 * 2 * c.kv_heads * c.head_dim * c.layers) as f64;
        let width = (c.heads * c.head_dim) as f64;
        Self { parts, layers: c.layers as f64, hidden: c.hidden as f64, width, kv_bytes }
    }

    /// Bytes of all matrices.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.parts.iter().map(|p| p.bytes).sum()
    }
}

/// Where the time of a pass goes, s.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    pub products: f64,
    pub attention: f64,
    pub overhead: f64,
}

impl Time {
    #[must_use]
    pub fn total(self) -> f64 {
        self.products + self.attention + self.overhead
    }
}

fn roofline(alu_s: f64, memory_s: f64, p: f64) -> f64 {
    let longer = alu_s.max(memory_s);
    if longer <= 0.0 { 0.0 } else { longer * (1.0 + (alu_s.min(memory_s) / longer).powf(p)).powf(1.0 / p) }
}

impl Record {
    /// One token after `context` others. `None` where the probe lacks a format of the model, or what all models need.
    #[must_use]
    pub fn decode(&self, model: &Model, context: f64) -> Option<Time> {
        let (memory, overhead) = (self.reading.as_ref()?.memory()?.median, self.overhead?);
        let products = self.vector(model)?;
        let attention = context * (4.0 * model.width * model.layers / overhead.attention + model.kv_bytes / memory);
        let layer = overhead.layer_s + overhead.calls_per_layer as f64 * self.call_s();
        Some(Time { products, attention, overhead: model.layers * layer + overhead.pass_s + self.call_s() })
    }

    /// A prompt of `tokens` tokens, nothing before it.
    #[must_use]
    pub fn prefill(&self, model: &Model, tokens: f64) -> Option<Time> {
        let overhead = self.overhead?;
        let batches = (tokens / TOKENS as f64).ceil().max(1.0);
        // The head scores the last token alone.
        let head = Model { parts: model.parts.iter().filter(|p| p.head).cloned().collect(), ..model.clone() };
        let body = |part: &Part| {
            let alu_s = 2.0 * part.weights * tokens / self.product(&part.format)?.matrix.fast;
            self.roofline(part, alu_s, batches)
        };
        let bodies: Option<f64> = model.parts.iter().filter(|p| !p.head).map(body).sum();
        let products = bodies? + self.vector(&head)?;
        let attention = 2.0 * tokens * tokens * model.width * model.layers / overhead.attention;
        let elements = tokens * model.hidden * model.layers * overhead.element_s;
        Some(Time { products, attention, overhead: elements + batches * overhead.pass_s })
    }

    /// s of one token's products with matrices in memory: what such products took, of large and of small matrices, format by
    /// format; where a set was not made, the roofline.
    fn vector(&self, model: &Model) -> Option<f64> {
        let time = |part: &Part| {
            let p = self.product(&part.format)?;
            match if part.small { p.small.or(p.large) } else { p.large } {
                Some(set) => Some(part.bytes / set.rate.median),
                None => self.roofline(part, 2.0 * part.weights / p.vector.fast, 1.0),
            }
        };
        model.parts.iter().map(time).sum()
    }

    /// s of arithmetic and of so many readings of a part, overlapping as products with one token do.
    fn roofline(&self, part: &Part, alu_s: f64, times: f64) -> Option<f64> {
        let overlap = if part.small { self.overlap_small.or(self.overlap) } else { self.overlap }?;
        let rate = self.reading.as_ref()?.memory()?.median * overlap.share;
        Some(roofline(alu_s, times * part.bytes / rate, overlap.exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::overlap::Overlap;
    use crate::measure::overhead::Overhead;
    use crate::measure::products::{Product, Resident};
    use crate::measure::read::{BySet, Reading};
    use crate::runs::Rate;

    fn rate(v: f64) -> Rate {
        Rate::of(&[v]).expect("one run")
    }

    fn record() -> Record {
        let product = Product {
            format: "w4".into(),
            kernel: "any".into(),
            bits_per_weight: 4.5,
            vector: rate(2e11),
            call_s: 1e-6,
            large: None,
            small: None,
            matrix: rate(4e11),
        };
        Record {
            reading: Some(Reading { by_threads: Vec::new(), by_set: vec![BySet { bytes: 1 << 30, rate: rate(1e10) }] }),
            overhead: Some(Overhead { layer_s: 1e-5, pass_s: 1e-4, calls_per_layer: 4, element_s: 1e-9, attention: 1e11 }),
            overlap: Some(Overlap { exponent: 16.0, share: 1.0, residual: 0.0, points: 1 }),
            products: vec![product],
            ..Record::default()
        }
    }

    fn model() -> Model {
        let part = |weights: f64, head| Part { format: "w4".into(), weights, bytes: weights * 4.5 / 8.0, head, small: false };
        Model { parts: vec![part(1e8, false), part(1e7, true)], layers: 10.0, hidden: 500.0, width: 500.0, kv_bytes: 0.0 }
    }

    #[test]
    fn known_values() {
        let d = record().decode(&model(), 0.0).expect("all there");
        // 61.9 MB at 10 GB/s; arithmetic takes 1.1 ms and hides behind it at so large an exponent.
        assert!((d.products / 6.1875e-3 - 1.0).abs() < 1e-6 && d.attention.abs() < 1e-12, "{d:?}");
        assert!((d.overhead - (10.0 * 14e-6 + 1e-4 + 1e-6)).abs() < 1e-12);
        let p = record().prefill(&model(), 512.0).expect("all there");
        // 1e11 operations at 4e11; two batches of reading hide behind; the head is read once.
        assert!((p.products - (0.256 + 5.625e-4)).abs() < 1e-5, "{p:?}");
        assert!((p.attention - 2.0 * 512.0 * 512.0 * 5000.0 / 1e11).abs() < 1e-12);
        assert!((p.overhead - (512.0 * 5000.0 * 1e-9 + 2e-4)).abs() < 1e-12);
    }

    #[test]
    fn sets_in_memory_speak_for_themselves() {
        let mut r = record();
        r.products[0].large = Some(Resident { rate: rate(8e9), bytes: 1 << 26 });
        r.products[0].small = Some(Resident { rate: rate(5e9), bytes: 1 << 26 });
        let mut m = model();
        m.parts[1].small = true;
        let d = r.decode(&m, 0.0).expect("all there");
        assert!((d.products - (56.25e6 / 8e9 + 5.625e6 / 5e9)).abs() < 1e-9, "{d:?}");
    }

    #[test]
    fn a_format_that_was_not_probed_is_not_guessed() {
        let mut other = model();
        other.parts[1].format = "w5".into();
        assert_eq!(record().decode(&other, 0.0), None);
        assert_eq!(Record::default().decode(&model(), 0.0), None);
    }
}
