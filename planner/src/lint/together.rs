//! The linter's own cost of a stage that two processors of one device share.
//!
//! Written from the plan file's words: the second processor has the last KV heads of every layer and as large a part of the
//! MLP's width, norms are on both, the model's ends on the first alone. Twice a layer the two meet, and each has written
//! its partial sums to the memory and read the other's; once they meet before the first layer. Together they read no
//! faster from their memory than the scenario says, or than the faster of them alone; under a mode's cap the room for
//! power is divided as their energies are.

use profiles::{Mixer, ModelProfile};
use scenarios::{Device, Scenario};

use super::account::{self, Account};
use super::cost::{self, Request, Spent, Spot, StageCost};
use super::note::Notes;
use super::numbers::Load;
use super::shared::{divided, halves, heads, part, states};
use super::structure::{Mate, Placed, Resolved, Served};

/// Whether the plan may divide this stage so.
pub(super) fn check(scenario: &Scenario, s: &Served<'_>, placed: &Placed<'_>, mate: Mate, subject: &str, notes: &mut Notes) {
    let device = &scenario.devices[placed.device];
    let name = |p: usize| device.profile.processors[p].id.as_str();
    let asked = device.together.is_some_and(|t| t.processors == (placed.processor, mate.processor));
    notes.check(asked, "together", subject, || {
        format!("the scenario lets no {} and {} of {} share layers", name(placed.processor), name(mate.processor), device.name)
    });
    divided(s, placed, mate, subject, notes);
    let format = placed.precision.weights;
    let has = device.profile.processors[mate.processor].kernels.contains_key(&format);
    notes.check(has, "kernel", subject, || format!("{} of {} has no {format} kernel", name(mate.processor), device.name));
    notes.check(s.experts.is_none(), "together-experts", subject, || "experts kept in part are not divided".into());
}

/// What the first and the second processor pay for a stage; the times are of both together. `None` where one of the two
/// cannot run its part.
pub(super) fn stage(
    model: &ModelProfile,
    placed: &Placed<'_>,
    mate: Mate,
    request: &Request,
    spots: [Spot<'_>; 2],
    owner: &Device,
) -> Option<[StageCost; 2]> {
    let said = owner.together?;
    let (meet_s, all) = (said.handshake.get(), heads(model)?);
    let shares = [all.checked_sub(mate.kv_heads).filter(|h| *h > 0)?, mate.kv_heads];
    let alone = spots.map(cost::reads);
    let memory = |spot: Spot<'_>| spot.mode.clocks.get(&spot.processor.id).map_or(1.0, |c| c.memory.value.get());
    let most = match said.memory_rate {
        Some(rate) => rate.get() * memory(spots[0]).max(memory(spots[1])),
        None => alone[0].max(alone[1]),
    };
    let room = cost::room(spots[0]).min(cost::room(spots[1]));
    let precision = placed.precision;
    // By pass: how long it takes, and each processor's own.
    let mut whole = [0.0f64; 2];
    let mut own = [[Spent::default(); 2]; 2];
    let passes = [(request.first_pass(), request.items), (request.decode_pass(), request.passes)];
    for (i, (pass, _)) in passes.into_iter().enumerate().filter(|(_, (_, times))| *times > 0.0) {
        let mut at = 0u32;
        for group in &model.blocks {
            let begin = at.max(placed.stage.start);
            at = at.saturating_add(group.count);
            let count = f64::from(at.min(placed.stage.end).saturating_sub(begin));
            if count <= 0.0 {
                continue;
            }
            let account = |d: usize| -> Option<Account> {
                let cache = spots[d].processor.cache.as_ref().map_or(0.0, |c| c.value.get());
                Some(account::block(&part(&group.block, shares[d], all, d == 0)?, precision, pass, cache))
            };
            if group.block.mixer == Mixer::None {
                let spent = cost::run(&account(0)?, precision, spots[0], 0.0)?;
                whole[i] += count * spent.time;
                own[i][0].add(spent.by(count));
                continue;
            }
            let sums = 4.0 * states(&group.block, pass);
            let mut works = [account(0)?, account(1)?];
            works.iter_mut().for_each(|w| w.rest += sums);
            let bytes = works.map(|w| w.weights + w.rest);
            let rate = |d: usize| alone[d].min(most * bytes[d] / (bytes[0] + bytes[1]));
            let run = |d: usize, room: f64| cost::run_within(&works[d], precision, spots[d], 0.0, rate(d), room);
            let mut both = [run(0, f64::INFINITY)?, run(1, f64::INFINITY)?];
            let energy = both[0].energy + both[1].energy;
            if energy > room * both[0].time.max(both[1].time) {
                let of = [both[0].energy / energy, both[1].energy / energy];
                both = [run(0, room * of[0])?, run(1, room * of[1])?];
            }
            whole[i] += count * (both[0].time.max(both[1].time) + 2.0 * meet_s);
            (0..2).for_each(|d| own[i][d].add(both[d].by(count)));
        }
        let overhead = spots.iter().map(|s| s.processor.pass_overhead.value.get()).fold(0.0, f64::max);
        whole[i] += overhead + meet_s;
    }
    Some(halves(request, whole, own))
}

/// Where two processors share a stage they keep one queue: both are booked for whatever stands on either.
pub(super) fn one_queue(scenario: &Scenario, r: &Resolved<'_>, load: &mut Load) {
    for (d, booked) in load.booked.iter_mut().enumerate() {
        let shares = |c: &Placed<'_>| c.device == d && c.mate.is_some_and(|m| m.device == d);
        let Some(team) = scenario.devices[d].together else { continue };
        if r.services.iter().flat_map(|s| &s.replicas).flatten().any(shares) {
            let (a, b) = team.processors;
            let queue = booked[a] + booked[b];
            (booked[a], booked[b]) = (queue, queue);
        }
    }
}
