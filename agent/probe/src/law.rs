//! What a probe says about a model: the roofline of the planner's physics, with each format's own rates.
//!
//! A pass is its products, its attention, and what neither is:
//!
//! ```text
//! one token:  Σ parts roofline(2 weights / vector, bytes / (share read(W))) own + layers (c (4 width / attention + heads t_position) + heads t_query)
//!             + c kv bytes / read(W) + layers (t_layer + 4 t_call) + t_pass
//! a prompt:   Σ parts (roofline(2 weights n / matrix, batches bytes / memory) + n edges t_edge)
//!             + n layers ((n/2) attention + hidden t_element + wide t_gate / threads) + t_pass a batch
//! ```
//!
//! `read(W)` is the measured rate of reading a working set round and round: a token's is all weights that it multiplies,
//! and the cache of its keys and values. `own` is what a format's products of one token took at the measured working sets over the
//! same roofline. Everything is measured without the model.

use crate::measure::products::{Product, Resident, TOKENS};
use crate::record::Record;
use crate::runs::along;

/// Matrices of one format in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// As [`kernels::Format::name`] gives it.
    pub format: String,
    pub weights: f64,
    pub bytes: f64,
    /// Rows and columns of all matrices, added up; columns once for matrices that multiply the same.
    pub edges: f64,
    /// The output matrix: one token of a prompt goes through it.
    pub head: bool,
}

/// A model as far as its time depends on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub parts: Vec<Part>,
    pub layers: f64,
    pub hidden: f64,
    /// Of the hidden layer: rows of a gate.
    pub wide: f64,
    /// Query heads, and their number times their width.
    pub heads: f64,
    pub width: f64,
    /// Bytes of keys and values of a token in all layers.
    pub kv_bytes: f64,
}

impl Model {
    /// Of a loaded whole model with a 16-bit cache.
    #[must_use]
    pub fn of(stage: &engine::Stage) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let own_head = stage.weights().any(|(class, _)| class == "output");
        for (class, m) in stage.weights() {
            let head = class == "output" || (class == "token_embd" && !own_head);
            if class == "token_embd" && own_head {
                continue;
            }
            // What several matrices multiply is quantised once.
            let shared = matches!(class, "attn_k" | "attn_v" | "ffn_up");
            let edges = (m.rows + if shared { 0 } else { m.cols }) as f64;
            let (format, weights, bytes) = (m.format.name(), m.multiplications as f64, m.bytes as f64);
            match parts.iter_mut().find(|p| p.format == format && p.head == head) {
                Some(part) => {
                    part.weights += weights;
                    part.bytes += bytes;
                    part.edges += edges;
                }
                None => parts.push(Part { format: format.into(), weights, bytes, edges, head }),
            }
        }
        let c = stage.config();
        let kv_bytes = (2 * 2 * c.kv_heads * c.head_dim * c.layers) as f64;
        let wide = stage.weights().find(|(class, _)| *class == "ffn_gate").map_or(0, |(_, m)| m.rows);
        Self {
            parts,
            layers: c.layers as f64,
            hidden: c.hidden as f64,
            wide: wide as f64,
            heads: c.heads as f64,
            width: (c.heads * c.head_dim) as f64,
            kv_bytes,
        }
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
        let overhead = self.overhead?;
        let set = model.bytes() + context * model.kv_bytes;
        let products: Option<f64> = model.parts.iter().map(|p| self.token(p, set)).sum();
        let kv_s = context * model.kv_bytes / self.reading.as_ref()?.at(set)?;
        let attention = model.layers * overhead.attention_s(context, model.heads, model.width) + kv_s;
        let layer = overhead.token_s(model.hidden, model.wide) + overhead.calls_per_layer as f64 * self.call_s();
        Some(Time { products: products?, attention, overhead: model.layers * layer + overhead.pass_s + self.call_s() })
    }

    /// A prompt of `tokens` tokens, nothing before it.
    #[must_use]
    pub fn prefill(&self, model: &Model, tokens: f64) -> Option<Time> {
        let overhead = self.overhead?;
        let (memory, overlap) = (self.reading.as_ref()?.memory()?.median, self.overlap?);
        let batches = (tokens / TOKENS as f64).ceil().max(1.0);
        let set = model.bytes();
        let part = |part: &Part| {
            // The head scores the last token alone.
            if part.head {
                return self.token(part, set);
            }
            let product = self.product(&part.format)?;
            let alu_s = 2.0 * part.weights * tokens / product.matrix.median;
            let memory_s = batches * part.bytes / (memory * overlap.share);
            Some(roofline(alu_s, memory_s, overlap.exponent) + tokens * part.edges * product.edge_s)
        };
        let products: Option<f64> = model.parts.iter().map(part).sum();
        let attention = model.layers * tokens * overhead.attention_s((tokens + 1.0) / 2.0, model.heads, model.width);
        // The nonlinearity of several tokens runs on all threads, the rest on one.
        let elements = model.hidden * overhead.element_s + model.wide * overhead.gate_s / self.threads.max(1) as f64;
        let overhead = tokens * model.layers * elements + batches * overhead.pass_s;
        Some(Time { products: products?, attention, overhead })
    }

    /// s of one token's products with a part of a working set of `set` bytes.
    fn token(&self, part: &Part, set: f64) -> Option<f64> {
        let product = self.product(&part.format)?;
        let curve = self.own_curve(product);
        let own = match curve.as_slice() {
            [(_, near)] if product.far.is_empty() => match self.beyond(set) {
                // In cache a format has its own factor; in memory all wait for the same bytes.
                Some((memory, factor)) => near + memory * (factor - near),
                None => *near,
            },
            _ => along(&curve, set).unwrap_or(1.0),
        };
        Some(self.one_token(product, part.weights, part.bytes, set)? * own)
    }

    /// s of products of one token by the roofline of all formats.
    fn one_token(&self, product: &Product, weights: f64, bytes: f64, set: f64) -> Option<f64> {
        let overlap = self.overlap?;
        let memory_s = bytes / (overlap.share * self.reading.as_ref()?.at(set)?);
        Some(roofline(2.0 * weights / product.vector.fast, memory_s, overlap.exponent))
    }

    /// What products of one token with a working set took over that roofline.
    fn own(&self, product: &Product, set: Resident) -> Option<f64> {
        let bytes = set.bytes as f64;
        Some(bytes / set.rate.median / self.one_token(product, bytes * 8.0 / product.bits_per_weight, bytes, bytes)?)
    }

    /// The factors of a format's measured working sets, by their bytes, ascending.
    fn own_curve(&self, product: &Product) -> Vec<(f64, f64)> {
        let sets = product.near.iter().chain(&product.far);
        sets.filter_map(|set| Some((set.bytes as f64, self.own(product, *set)?))).collect()
    }

    /// How far a working set is from the near one to the farthest, 0..1, and its factor: medians of the formats that were
    /// measured with both.
    fn beyond(&self, set: f64) -> Option<(f64, f64)> {
        let curves: Vec<Vec<(f64, f64)>> = self
            .products
            .iter()
            .filter(|p| p.near.is_some() && !p.far.is_empty())
            .map(|p| self.own_curve(p))
            .filter(|c| c.len() > 1)
            .collect();
        let median = |factors: Vec<f64>| crate::runs::median(&factors);
        let near = median(curves.iter().map(|c| c[0].1).collect())?;
        let far = median(curves.iter().map(|c| c[c.len() - 1].1).collect())?;
        let here = median(curves.iter().filter_map(|c| along(c, set)).collect())?;
        let memory = if (far / near - 1.0).abs() > SAME { ((here - near) / (far - near)).clamp(0.0, 1.0) } else { 1.0 };
        Some((memory, here))
    }
}

/// Factors that differ by less are of the same memory.
const SAME: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::overlap::Overlap;
    use crate::measure::overhead::{Overhead, WIDE, WIDTH};
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
            far: Vec::new(),
            near: None,
            matrix: rate(4e11),
            edge_s: 1e-11,
        };
        let overhead = Overhead {
            layer_s: 1e-5,
            pass_s: 1e-4,
            calls_per_layer: 4,
            element_s: 1e-9,
            gate_s: 1e-10,
            attention: 1e11,
            position_s: 1e-9,
            query_s: 0.0,
        };
        Record {
            threads: 1,
            reading: Some(Reading { by_threads: Vec::new(), by_set: vec![BySet { bytes: 1 << 30, rate: rate(1e10) }] }),
            overhead: Some(overhead),
            overlap: Some(Overlap { exponent: 16.0, share: 1.0, residual: 0.0, points: 1 }),
            products: vec![product],
            ..Record::default()
        }
    }

    fn model() -> Model {
        let part = |weights: f64, head| Part { format: "w4".into(), weights, bytes: weights * 4.5 / 8.0, edges: 1e5, head };
        let (hidden, wide) = (WIDTH as f64, WIDE as f64);
        let parts = vec![part(1e8, false), part(1e7, true)];
        Model { parts, layers: 10.0, hidden, wide, heads: 8.0, width: 500.0, kv_bytes: 0.0 }
    }

    #[test]
    fn known_values() {
        let d = record().decode(&model(), 0.0).expect("all there");
        // 61.9 MB at 10 GB/s; arithmetic takes 1.1 ms and hides behind it at so large an exponent.
        assert!((d.products / 6.1875e-3 - 1.0).abs() < 1e-6 && d.attention.abs() < 1e-12, "{d:?}");
        assert!((d.overhead - (10.0 * 14e-6 + 1e-4 + 1e-6)).abs() < 1e-12);
        let p = record().prefill(&model(), 512.0).expect("all there");
        // 1e11 operations at 4e11; two batches of reading hide behind; the head is read once; edges of the layers.
        assert!((p.products - (0.256 + 5.625e-4 + 512.0 * 1e-6)).abs() < 1e-5, "{p:?}");
        let attention = 512.0 * 10.0 * 256.5 * (4.0 * 500.0 / 1e11 + 8e-9);
        assert!((p.attention - attention).abs() < 1e-12);
        let elements = 512.0 * 10.0 * (WIDTH as f64 * 1e-9 + WIDE as f64 * 1e-10);
        assert!((p.overhead - (elements + 2e-4)).abs() < 1e-12);
    }

    #[test]
    fn what_fits_a_cache_is_read_as_fast() {
        let mut r = record();
        let sets = [(1 << 20, 4e10), (1 << 30, 1e10)].map(|(bytes, v)| BySet { bytes, rate: rate(v) });
        r.reading = Some(Reading { by_threads: Vec::new(), by_set: sets.into() });
        let small = Part { format: "w4".into(), weights: 1e6 * 8.0 / 4.5, bytes: 1e6, edges: 0.0, head: false };
        let both = [1e6, 1e12].map(|set| r.token(&small, set).expect("all there"));
        // Arithmetic, 18 us, hides behind either.
        assert!((both[0] / 25e-6 - 1.0).abs() < 1e-3 && (both[1] / 1e-4 - 1.0).abs() < 1e-3, "{both:?}");
    }

    #[test]
    fn working_sets_speak_for_their_format() {
        let mut r = record();
        r.products[0].near = Some(Resident { rate: rate(5e9), bytes: 1 << 24 });
        r.products[0].far = [(26, 6e9), (28, 8e9)].map(|(log2, v)| Resident { rate: rate(v), bytes: 1 << log2 }).into();
        let part = Part { format: "w4".into(), weights: 1e6 * 8.0 / 4.5, bytes: 1e6, edges: 0.0, head: false };
        let at = |set: f64| 1e6 / r.token(&part, set).expect("all there");
        for (set, expected) in [(1e6, 5e9), (16777216.0, 5e9), (67108864.0, 6e9), (268435456.0, 8e9), (1e9, 8e9)] {
            assert!((at(set) / expected - 1.0).abs() < 1e-6, "{set}");
        }
        let middle = at(33554432.0);
        assert!(middle > 5e9 && middle < 6e9, "{middle}");
        // A format that has the near set alone has its own rate there, and waits for as many bytes as the others beyond.
        let mut other = r.products[0].clone();
        (other.format, other.near, other.far) = ("w5".into(), Some(Resident { rate: rate(4e9), bytes: 1 << 24 }), Vec::new());
        r.products.push(other);
        let part = Part { format: "w5".into(), ..part };
        let at = |set: f64| 1e6 / r.token(&part, set).expect("all there");
        assert!((at(1e6) / 4e9 - 1.0).abs() < 1e-6 && (at(268435456.0) / 8e9 - 1.0).abs() < 1e-6);
        assert!(at(67108864.0) > 4e9 && at(67108864.0) < 6e9);
    }

    #[test]
    fn a_format_that_was_not_probed_is_not_guessed() {
        let mut other = model();
        other.parts[1].format = "w5".into();
        assert_eq!(record().decode(&other, 0.0), None);
        assert_eq!(Record::default().decode(&model(), 0.0), None);
    }
}
