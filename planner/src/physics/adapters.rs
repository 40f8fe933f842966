//! Adapters of low rank beside a model's weights (LoRA, Hu et al. 2021): each request names one of many.
//!
//! An adapter of `S` bytes holds two thin matrices beside the matrices of each layer, in 16 bits, here in proportion to
//! the layers' own multiplied parameters. For a layer with the share `f` of them, in a pass of `rows` tokens:
//!
//! ```text
//! operations + f S rows         weights read + f S          memory + kept f S
//! not in memory: f S / storage seconds once a request, f S times the storage's joules a byte
//! ```
//!
//! All of them are kept, or some, and a share `m` of the requests finds its own missing: booked time and energy count the
//! loading `m` times, the latency of a request counts it whole, as one of those that a deadline is held against may miss.
//! Where the scenario does not say how many miss, requests are taken to be spread evenly: `m = 1 - kept / count`, which
//! is the most that any way of keeping the popular ones has (S-LoRA, Sheng et al. 2023, pages them from main memory to a GPU).

use profiles::{Block, Mixer, ModelProfile};
use scenarios::Service;

use super::work::{Pass, Work};

/// How a service's adapters are held under an option.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adapters {
    /// Of one adapter for the whole model.
    pub bytes: f64,
    pub count: u32,
    /// In memory at once.
    pub kept: u32,
    /// Share of the requests whose adapter is read from storage first.
    pub misses: f64,
    /// Multiplied parameters of all layers.
    layers: f64,
}

/// Multiplied parameters that adapters lie beside: those of layers, not of the model's ends.
fn adapted(block: &Block) -> f64 {
    if block.mixer == Mixer::None { 0.0 } else { block.multiplied as f64 }
}

impl Adapters {
    /// A service's adapters with so many kept in memory; `None` where it has none, or no way to keep so many.
    #[must_use]
    pub fn of(service: &Service, kept: u32, model: &ModelProfile) -> Option<Self> {
        let all = service.adapters.as_ref()?;
        let misses = match &all.kept {
            _ if kept == all.count => 0.0,
            Some(k) if kept == k.count => k.misses.get(),
            _ => return None,
        };
        let layers: f64 = model.blocks.iter().map(|g| f64::from(g.count) * adapted(&g.block)).sum();
        (layers > 0.0).then_some(Self { bytes: all.size.get(), count: all.count, kept, misses, layers })
    }

    /// Numbers that may be kept: all, then those that the scenario names.
    pub fn choices(service: &Service) -> impl Iterator<Item = u32> + '_ {
        service.adapters.iter().flat_map(|a| std::iter::once(a.count).chain(a.kept.as_ref().map(|k| k.count)))
    }

    /// Bytes of one adapter beside a block.
    #[must_use]
    pub fn beside(&self, block: &Block) -> f64 {
        self.bytes * adapted(block) / self.layers
    }

    /// Resident bytes beside a block.
    #[must_use]
    pub fn resident(&self, block: &Block) -> f64 {
        f64::from(self.kept) * self.beside(block)
    }

    /// True where some requests wait for theirs.
    #[must_use]
    pub fn pages(&self) -> bool {
        self.misses > 0.0
    }

    /// The work of a block's pass with one adapter beside it: two operations for each of its 16-bit numbers and token.
    #[must_use]
    pub fn with(&self, block: &Block, pass: Pass, work: Work) -> Work {
        let bytes = self.beside(block) * f64::from(block.loops.max(1));
        let ops = bytes * work.rows;
        let following = if pass.tokens > 1.0 { 0.0 } else { ops * (1.0 - 1.0 / pass.batch.max(1.0)) };
        Work {
            ops: work.ops + ops,
            following_ops: work.following_ops + following,
            weight_bytes: work.weight_bytes + bytes,
            ..work
        }
    }

    /// In words, beginning with a comma.
    #[must_use]
    pub fn words(&self) -> String {
        if self.pages() {
            format!(", {} of {} adapters in memory", self.kept, self.count)
        } else {
            format!(", {} adapters in memory", self.count)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics::work;
    use crate::testing::{one_board, precision, tiny_llm};
    use profiles::WeightFormat;
    use profiles::units::{Bytes, Ratio};

    fn service(count: u32, kept: Option<(u32, f64)>) -> Service {
        let mut v = one_board().services.remove(0);
        let kept = kept.map(|(count, misses)| scenarios::KeptAdapters { count, misses: Ratio(misses) });
        v.adapters = Some(scenarios::Adapters { count, size: Bytes(8e6), kept, at: scenarios::At::default() });
        v
    }

    #[test]
    fn they_lie_beside_the_layers() {
        let (v, model) = (service(10, Some((2, 0.3))), tiny_llm("t", 4, 512));
        assert_eq!(Adapters::choices(&v).collect::<Vec<_>>(), [10, 2]);
        let a = Adapters::of(&v, 2, &model).unwrap();
        let blocks: Vec<f64> = model.chain().map(|b| a.beside(b)).collect();
        assert_eq!(blocks, [0.0, 2e6, 2e6, 2e6, 2e6, 0.0]);
        assert!((a.resident(&model.blocks[1].block) - 4e6).abs() < 1e-6 && a.pages());
        assert_eq!(a.words(), ", 2 of 10 adapters in memory");
        let all = Adapters::of(&v, 10, &model).unwrap();
        assert!(!all.pages() && (all.resident(&model.blocks[1].block) - 20e6).abs() < 1e-6);
        assert_eq!(all.words(), ", 10 adapters in memory");
        assert_eq!(Adapters::of(&v, 5, &model), None);
        assert_eq!(Adapters::of(&one_board().services[0], 0, &model), None);
    }

    #[test]
    fn a_pass_reads_and_multiplies_one() {
        let (v, model) = (service(3, None), tiny_llm("t", 4, 512));
        let (a, block) = (Adapters::of(&v, 3, &model).unwrap(), &model.blocks[1].block);
        let pass = Pass { tokens: 1.0, context: 10.0, batch: 4.0 };
        let plain = work::of_block(block, precision(WeightFormat::W8), pass, 0.0);
        let with = a.with(block, pass, plain);
        // Two megabytes are a million numbers: two million operations a row, of four rows.
        assert!((with.ops - plain.ops - 8e6).abs() < 1e-3 && (with.weight_bytes - plain.weight_bytes - 2e6).abs() < 1e-3);
        assert!((with.following_ops - plain.following_ops - 6e6).abs() < 1e-3);
        let prompt = Pass { tokens: 64.0, context: 0.0, batch: 1.0 };
        let long = a.with(block, prompt, work::of_block(block, precision(WeightFormat::W8), prompt, 0.0));
        assert!(long.following_ops.abs() < 1e-12);
    }
}
