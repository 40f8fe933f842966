//! Greedy by layer affinity: block by block, the processor that spends the least energy on the block
//! and still has memory. The rule that the QEIL papers' first version describes.

use super::rule::{Board, Memory, assignment};
use crate::table::{Assignment, Choice, PlaceId, Stage};

pub(super) fn place(board: &Board<'_>) -> Result<Assignment, String> {
    let mut memory = Memory::new(board.table);
    let mut chains = Vec::new();
    for s in 0..board.table.services.len() {
        let (o, option) = board.option(s)?;
        chains.push((o, grow(board, s, option, &mut memory)?));
    }
    Ok(assignment(chains))
}

fn grow(board: &Board<'_>, s: usize, option: &Choice, memory: &mut Memory) -> Result<Vec<Stage>, String> {
    let mut stages: Vec<Stage> = Vec::new();
    for block in 0..option.blocks {
        let bytes = |p: PlaceId| board.cost(option, p, block, block + 1).map(|c| c.bytes);
        let fits =
            |p: PlaceId| bytes(p).is_some_and(|b| b <= memory.at(board.table, p)) && (block > 0 || board.allowed_first(s, p));
        let open = |p: PlaceId| {
            stages.last().is_some_and(|last| last.place == p)
                || (stages.len() < option.max_stages as usize
                    && stages.iter().all(|st| st.place != p && !two_modes(board, st.place, p)))
        };
        let energy = |p: PlaceId| board.cost(option, p, block, block + 1).map_or(f64::INFINITY, |c| c.dynamic_j);
        let best = board.places.iter().copied().filter(|&p| fits(p) && open(p)).min_by(|&a, &b| energy(a).total_cmp(&energy(b)));
        // Nothing has room: overbook where it stands, as the rule would.
        let place = best
            .or_else(|| stages.last().map(|st| st.place))
            .or_else(|| board.places.iter().copied().find(|&p| bytes(p).is_some()));
        let place = place.ok_or_else(|| format!("{} runs on no device at this precision", board.table.services[s].name))?;
        memory.take(board.table, place, bytes(place).unwrap_or(0.0));
        match stages.last_mut() {
            Some(last) if last.place == place => last.end = block + 1,
            _ => stages.push(Stage { place, start: block, end: block + 1 }),
        }
    }
    Ok(stages)
}

fn two_modes(board: &Board<'_>, a: PlaceId, b: PlaceId) -> bool {
    let (a, b) = (&board.table.places[a as usize], &board.table.places[b as usize]);
    a.device == b.device && a.mode != b.mode
}
