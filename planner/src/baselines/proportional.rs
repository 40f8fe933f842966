//! Memory-proportional split: the fewest devices whose free memory holds the model, most free memory
//! first, layers in proportion to it. The rule of today's zero-configuration clusters.

use super::rule::{Board, Memory, assignment};
use crate::table::{Assignment, Choice, PlaceId, Stage};

pub(super) fn place(board: &Board<'_>) -> Result<Assignment, String> {
    let mut memory = Memory::new(board.table);
    let mut chains = Vec::new();
    for s in 0..board.table.services.len() {
        let (o, option) = board.option(s)?;
        chains.push((o, spread(board, s, option, &mut memory)?));
    }
    Ok(assignment(chains))
}

fn spread(board: &Board<'_>, s: usize, option: &Choice, memory: &mut Memory) -> Result<Vec<Stage>, String> {
    // One place a device: its processor with the fastest memory.
    let mut order: Vec<PlaceId> = Vec::new();
    for &p in &board.places {
        let device = board.table.places[p as usize].device;
        if board.cost(option, p, 0, option.blocks).is_some()
            && order.iter().all(|&q| board.table.places[q as usize].device != device)
        {
            order.push(p);
        }
    }
    order.sort_by(|&a, &b| memory.at(board.table, b).total_cmp(&memory.at(board.table, a)).then(a.cmp(&b)));
    let need = |p: PlaceId| board.cost(option, p, 0, option.blocks).map_or(f64::INFINITY, |c| c.bytes);
    let mut taken: Vec<PlaceId> = Vec::new();
    let mut free = 0.0;
    for &p in order.iter().take((option.max_stages as usize).min(option.blocks as usize)) {
        taken.push(p);
        free += memory.at(board.table, p).max(0.0);
        if free >= need(p) {
            break;
        }
    }
    if taken.is_empty() {
        return Err(format!("{} runs on no device at this precision", board.table.services[s].name));
    }
    if let Some(at) = taken.iter().position(|&p| board.allowed_first(s, p)) {
        taken.swap(0, at);
    }
    let mut stages = Vec::new();
    let (mut start, mut weight_left) = (0, taken.iter().map(|&p| memory.at(board.table, p).max(1.0)).sum::<f64>());
    for (i, &p) in taken.iter().enumerate() {
        let (blocks_left, stages_left) = (option.blocks - start, (taken.len() - i) as u32);
        let weight = memory.at(board.table, p).max(1.0);
        let share = (f64::from(blocks_left) * weight / weight_left).round() as u32;
        let end = if stages_left == 1 { option.blocks } else { start + share.clamp(1, blocks_left - (stages_left - 1)) };
        weight_left -= weight;
        memory.take(board.table, p, board.cost(option, p, start, end).map_or(0.0, |c| c.bytes));
        stages.push(Stage { place: p, start, end });
        start = end;
    }
    Ok(stages)
}
