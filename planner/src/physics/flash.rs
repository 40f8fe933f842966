//! Matrix products inside NAND flash, beside a processor that reads the rest through the channels.
//!
//! After Cambricon-LLM (arXiv 2409.15654, sections IV and V, table II). Each die holds one small compute core; a
//! read-compute request gives every core of all channels one page and the input vector's part, and comes back with
//! partial sums. What the channels have left carries ordinary reads to the processor. Both finish together when the
//! weights are split in the ratio of their rates, so the rates add:
//!
//! ```text
//! H = sqrt(cores_per_channel * page)   W = channels * H        tile that moves least
//! t_rc = t_R + W / (channels * bw)                              one read-compute request
//! used = (H + W / channels) / (t_R * bw)                        share of a channel that it takes
//! rate = channels * cores_per_channel * page / t_rc  +  channels * bw * (1 - used)
//! ```
//!
//! One byte a weight. One page a core and request: the two planes of a die share its core. Caches and state lie in a
//! memory beside the processor; attention and the processor's part of the products wait for the weights' stage ([`run`]).

use super::pass::{self, Rates, Spent};
use super::work::Work;

/// NAND behind channels, with a compute core on every die.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Array {
    pub channels: f64,
    pub chips_per_channel: f64,
    pub dies_per_chip: f64,
    pub page_bytes: f64,
    /// Time from array to page register, `t_R`.
    pub read_s: f64,
    /// Bytes per second of one channel.
    pub channel_bandwidth: f64,
}

impl Array {
    fn cores_per_channel(&self) -> f64 {
        self.chips_per_channel * self.dies_per_chip
    }

    /// Height of the tile of one channel, rows; its width is as many columns for each channel.
    #[must_use]
    pub fn tile_height(&self) -> f64 {
        (self.cores_per_channel() * self.page_bytes).sqrt()
    }

    /// Seconds of one read-compute request.
    fn request_s(&self) -> f64 {
        self.read_s + self.tile_height() / self.channel_bandwidth
    }

    /// Share of a channel that read-compute requests take, at most 1.
    #[must_use]
    pub fn channel_used(&self) -> f64 {
        (2.0 * self.tile_height() / (self.read_s * self.channel_bandwidth)).min(1.0)
    }

    /// Weights per second that are multiplied where they lie, bytes.
    #[must_use]
    pub fn compute_rate(&self) -> f64 {
        self.channels * self.cores_per_channel() * self.page_bytes / self.request_s()
    }

    /// Weights per second that the channels carry out beside that, bytes.
    #[must_use]
    pub fn read_rate(&self) -> f64 {
        self.channels * self.channel_bandwidth * (1.0 - self.channel_used())
    }

    /// Weights per second together.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.compute_rate() + self.read_rate()
    }

    /// Share of the weights that is multiplied in flash.
    #[must_use]
    pub fn share_in_flash(&self) -> f64 {
        self.compute_rate() / self.rate()
    }
}

/// Runs a block whose weights lie in the array; `processor` are the rates of the processor beside it, on the memory of
/// caches and state. `products` are the operations of `work` that multiply weights. `None` where the processor cannot run.
#[must_use]
pub fn run(work: &Work, products: f64, array: &Array, processor: &Rates) -> Option<Spent> {
    let rest = Work { ops: work.ops - products * array.share_in_flash(), weight_bytes: 0.0, ..*work };
    let mut spent = pass::run(&rest, processor, 0.0)?.0;
    let weights_s = work.weight_bytes / array.rate();
    spent.time_s += weights_s;
    spent.memory_s += weights_s;
    spent.energy_j += work.weight_bytes * processor.joules_per_byte;
    Some(spent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::board;
    use proptest::prelude::*;

    #[test]
    fn weights_come_from_the_array_and_the_rest_from_the_processor() {
        let d = board();
        let rates = Rates::of(&d, &d.modes[0], &d.processors[0], profiles::WeightFormat::W8, 1.0).unwrap();
        let work = Work { ops: 3e9, weight_bytes: 1e9, state_bytes: 2e7, launches: 1.0, ..Work::default() };
        let spent = run(&work, 2e9, &SMALL, &rates).unwrap();
        let rest = Work { ops: 3e9 - 2e9 * SMALL.share_in_flash(), weight_bytes: 0.0, ..work };
        let alone = pass::run(&rest, &rates, 0.0).unwrap().0;
        assert!((spent.time_s - alone.time_s - 1e9 / SMALL.rate()).abs() < 1e-12);
        assert!((spent.energy_j - alone.energy_j - 1e9 * rates.joules_per_byte).abs() < 1e-9);
    }

    const SMALL: Array = Array {
        channels: 8.0,
        chips_per_channel: 2.0,
        dies_per_chip: 2.0,
        page_bytes: 16384.0,
        read_s: 30e-6,
        channel_bandwidth: 1e9,
    };

    #[test]
    fn known_values() {
        // The paper's tile-size study finds 256 x 2048 best for this size.
        assert!((SMALL.tile_height() - 256.0).abs() < 1e-9);
        assert!((SMALL.channel_used() - 512.0 / 30e3).abs() < 1e-12);
        // 32 pages of 16 KiB in 30.256 us.
        assert!((SMALL.compute_rate() - 32.0 * 16384.0 / 30.256e-6).abs() < 1.0);
        assert!((SMALL.read_rate() - 8e9 * (1.0 - 512.0 / 30e3)).abs() < 1.0);
        assert!((SMALL.share_in_flash() - SMALL.compute_rate() / SMALL.rate()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn more_of_anything_is_no_slower(channels in 1.0..64.0f64, chips in 1.0..16.0f64, read in 5.0..100.0f64) {
            let a = Array { channels, chips_per_channel: chips, read_s: read * 1e-6, ..SMALL };
            let (wider, faster) = (Array { channels: channels * 2.0, ..a }, Array { read_s: a.read_s * 0.5, ..a });
            prop_assert!(wider.rate() >= a.rate() && faster.compute_rate() >= a.compute_rate());
            prop_assert!((0.0..=1.0).contains(&a.share_in_flash()) && a.read_rate() >= 0.0);
        }
    }
}
