//! A slippery grid with walls, pits and a goal.
//!
//! Russell and Norvig's world (*Artificial Intelligence: A Modern Approach*, "sequential decision problems") on a
//! larger map: a move goes where it was meant to with 0.8 and to either side with 0.1, and against a wall it stays.

use super::{End, Environment, Step};
use crate::random::Random;

/// `#` wall, `o` pit, `G` goal, `S` start.
const MAP: [&[u8; 8]; 8] =
    [b"S..#....", b"...#....", b".o......", b"...#...o", b".#...#..", b"...#....", b".o..#.#.", b"....o..G"];
/// Up, right, down, left.
const MOVES: [(isize, isize); 4] = [(-1, 0), (0, 1), (1, 0), (0, -1)];
/// Chance that a move goes aside, to each of two sides.
const SLIP: f64 = 0.1;
const GOAL: f64 = 1.0;
const PIT: f64 = -1.0;
/// Reward of every move.
const MOVE: f64 = -0.01;
/// Moves of an episode.
const STEPS: u32 = 100;
/// Cells of a side.
const SIDE: usize = 8;

/// The grid world; four actions, up, right, down, left.
#[derive(Clone, Debug)]
pub struct Grid {
    cell: usize,
    moves: u32,
}

impl Default for Grid {
    fn default() -> Self {
        Self::new()
    }
}

fn at(cell: usize) -> u8 {
    MAP[cell / SIDE][cell % SIDE]
}

/// Where a move from a cell ends.
fn moved(cell: usize, action: usize) -> usize {
    let (dr, dc) = MOVES[action % 4];
    let row = (cell / SIDE).checked_add_signed(dr).filter(|r| *r < SIDE);
    let column = (cell % SIDE).checked_add_signed(dc).filter(|c| *c < SIDE);
    match (row, column) {
        (Some(r), Some(c)) if at(r * SIDE + c) != b'#' => r * SIDE + c,
        _ => cell,
    }
}

/// Reward of standing in a cell after a move, and whether that ends the episode.
fn outcome(cell: usize) -> (f64, bool) {
    match at(cell) {
        b'G' => (MOVE + GOAL, true),
        b'o' => (MOVE + PIT, true),
        _ => (MOVE, false),
    }
}

/// The three directions that an action may become, with their chances.
fn chances(action: usize) -> [(usize, f64); 3] {
    [(action, 1.0 - 2.0 * SLIP), ((action + 1) % 4, SLIP), ((action + 3) % 4, SLIP)]
}

impl Grid {
    #[must_use]
    pub fn new() -> Self {
        Self { cell: 0, moves: 0 }
    }

    /// Expected return of the best policy, by backward induction over the episode's moves: exact.
    #[must_use]
    pub fn optimum(&self) -> f64 {
        let mut value = [0.0; SIDE * SIDE];
        for _ in 0..STEPS {
            value = std::array::from_fn(|cell| best(cell, &value).1);
        }
        value[0]
    }

    /// What the best policy does here.
    #[cfg(test)]
    pub(super) fn advised(&self, advice: &[[usize; SIDE * SIDE]]) -> usize {
        advice[(STEPS - self.moves - 1) as usize][self.cell]
    }
}

/// The best action in a cell when what follows is worth `value`, and its worth.
fn best(cell: usize, value: &[f64; SIDE * SIDE]) -> (usize, f64) {
    let worth = |a| (a, backup(cell, a, value));
    (1..4).map(worth).fold(worth(0), |best, next| if next.1 > best.1 { next } else { best })
}

/// Best actions by cell, with so many moves to come after this one.
#[cfg(test)]
pub(super) fn advice() -> Vec<[usize; SIDE * SIDE]> {
    let mut value = [0.0; SIDE * SIDE];
    (0..STEPS)
        .map(|_| {
            let row: [(usize, f64); SIDE * SIDE] = std::array::from_fn(|cell| best(cell, &value));
            value = row.map(|b| b.1);
            row.map(|b| b.0)
        })
        .collect()
}

/// Value of an action in a cell when what follows is worth `value`.
fn backup(cell: usize, action: usize, value: &[f64; SIDE * SIDE]) -> f64 {
    chances(action).iter().fold(0.0, |sum, (direction, chance)| {
        let to = moved(cell, *direction);
        let (reward, over) = outcome(to);
        sum + chance * (reward + if over { 0.0 } else { value[to] })
    })
}

impl Environment for Grid {
    fn actions(&self) -> usize {
        4
    }

    fn reset(&mut self, _: &mut Random) {
        *self = Self::new();
    }

    fn step(&mut self, action: usize, random: &mut Random) -> Step {
        let [ahead, right, left] = chances(action.min(3));
        let u = random.unit();
        let direction = if u < ahead.1 {
            ahead.0
        } else if u < ahead.1 + right.1 {
            right.0
        } else {
            left.0
        };
        self.cell = moved(self.cell, direction);
        self.moves += 1;
        let (reward, over) = outcome(self.cell);
        let end = if over {
            End::Terminal
        } else if self.moves >= STEPS {
            End::Cut
        } else {
            End::Open
        };
        Step { reward, end }
    }

    fn text(&self) -> String {
        format!("row {} column {}", self.cell / SIDE + 1, self.cell % SIDE + 1)
    }

    fn numbers(&self) -> Vec<f32> {
        vec![(self.cell / SIDE) as f32, (self.cell % SIDE) as f32]
    }
}
