//! Dominance between two options of one service.

use crate::table::{BlockCosts, Choice, Cost, Transfer};

/// True when every chain of `b` would cost no more of anything, and answer no worse, as a chain of `a`.
/// With `busy_equal`, booked time must be the same.
#[must_use]
pub fn dominates(a: &Choice, b: &Choice, busy_equal: bool) -> bool {
    a.blocks == b.blocks
        && a.replicas == b.replicas
        && a.accuracy >= b.accuracy
        && a.max_stages >= b.max_stages
        && a.passes <= b.passes
        // Whether tokens are passed on at all changes which messages there are.
        && (a.passes > 0.0) == (b.passes > 0.0)
        && a.loop_start == b.loop_start
        && a.return_bytes <= b.return_bytes
        && a.cuts.iter().zip(&b.cuts).skip(1).all(|(a, b)| {
            a.prefill_bytes <= b.prefill_bytes && a.decode_bytes <= b.decode_bytes && a.share <= b.share
        })
        && transfers(&a.enter, &b.enter)
        && transfers(&a.leave, &b.leave)
        && a.at.iter().zip(&b.at).all(|(a, b)| match (a, b) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(a), Some(b)) => blocks(a, b, busy_equal),
        })
}

/// Every stage of `a` costs no more than the same stage of `b`: block by block, and the stage itself.
fn blocks(a: &BlockCosts, b: &BlockCosts, busy_equal: bool) -> bool {
    let step = |sum: &[Cost], i: usize| {
        [
            sum[i + 1].ttft_s - sum[i].ttft_s,
            sum[i + 1].tpot_s - sum[i].tpot_s,
            sum[i + 1].total_s - sum[i].total_s,
            sum[i + 1].dynamic_j - sum[i].dynamic_j,
            sum[i + 1].bytes - sum[i].bytes,
            sum[i + 1].busy_s - sum[i].busy_s,
        ]
    };
    let no_more =
        |a: [f64; 6], b: [f64; 6]| a.iter().zip(&b).all(|(a, b)| a <= b) && (!busy_equal || a[5].total_cmp(&b[5]).is_eq());
    let fixed = |c: &Cost| [c.ttft_s, c.tpot_s, c.total_s, c.dynamic_j, c.bytes, c.busy_s];
    let begins = |i: usize| no_more(fixed(a.begin(i as u32)), fixed(b.begin(i as u32)));
    a.sum.len() == b.sum.len()
        && no_more(fixed(&a.per_stage), fixed(&b.per_stage))
        && (0..a.begins.len().max(b.begins.len())).all(begins)
        && (0..a.sum.len().saturating_sub(1)).all(|i| no_more(step(&a.sum, i), step(&b.sum, i)))
}

fn transfers(a: &[Transfer], b: &[Transfer]) -> bool {
    let free =
        |t: &Transfer| t.total_s <= 0.0 && t.ttft_s <= 0.0 && t.energy_j <= 0.0 && (t.bytes <= 0.0 || t.segments.is_empty());
    if a.is_empty() || b.is_empty() {
        return a.iter().all(free);
    }
    a.iter().zip(b).all(|(a, b)| {
        a.ttft_s <= b.ttft_s
            && a.total_s <= b.total_s
            && a.energy_j <= b.energy_j
            && a.bytes <= b.bytes
            && a.segments == b.segments
    })
}
