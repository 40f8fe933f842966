//! Everything on the biggest device: the processor with the fastest memory that can run the model, memory or not.

use super::rule::{Board, assignment};
use crate::table::{Assignment, Stage};

pub(super) fn place(board: &Board<'_>) -> Result<Assignment, String> {
    let mut chains = Vec::new();
    for s in 0..board.table.services.len() {
        let (o, option) = board.option(s)?;
        let place = board.places.iter().copied().find(|&p| board.cost(option, p, 0, option.blocks).is_some());
        let place = place.ok_or_else(|| format!("{} runs on no device at this precision", board.table.services[s].name))?;
        chains.push((o, vec![Stage { place, start: 0, end: option.blocks }]));
    }
    Ok(assignment(chains))
}
