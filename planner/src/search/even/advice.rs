//! What the relaxation advises a walk: how many devices of each class to wake, and what capacities are worth.

use super::decompose::Decomposition;
use super::fleet::Goal;
use super::program::{Detail, Program};
use super::tree::{Leaf, Tree, Until};
use super::view::{Even, LIMITS};
use crate::search::Watch;

/// Advice to a walk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advice {
    /// Most devices awake, by class; empty: all.
    pub most: Vec<u32>,
    /// What the whole of a device's capacities is worth, by class; `None`: nobody knows.
    pub prices: Option<Vec<[f64; LIMITS]>>,
    /// What the relaxed plan with these devices costs.
    pub cost: f64,
}

impl Advice {
    /// How many more of a class may be woken.
    pub(super) fn more(&self, class: usize, awake: usize) -> usize {
        self.most.get(class).map_or(usize::MAX, |&most| (most as usize).saturating_sub(awake))
    }
}

/// Sets of awake devices to try beside the best one.
const NEIGHBOURS: usize = 3;

/// What a first look at the relaxations gave: the tree and the decomposition to go on with, and advice, the best first.
pub(super) struct Guide<'p> {
    pub tree: Tree<'p>,
    pub decomposition: Option<Decomposition<'p>>,
    pub advice: Vec<Advice>,
}

/// Services up to which whole sets of stages are columns.
const DECOMPOSED: usize = 200;

impl<'p> Guide<'p> {
    /// Branches on the devices awake until their best set is known or so much work is done, first in the
    /// plain program, then in the sharper one; then looks at the sets with one device more, as real layers
    /// seldom fill devices to the brim.
    pub(super) fn new(program: &'p Program, even: &'p Even, goal: Goal, work: u64, watch: &dyn Watch) -> Guide<'p> {
        let mut tree = Tree::new(program);
        tree.grow(work, Until::Awake, watch);
        let Some(leaf) = tree.leaf().cloned() else { return Guide { tree, decomposition: None, advice: Vec::new() } };
        if even.streams.len() <= DECOMPOSED && tree.settled() == f64::INFINITY {
            let mut decomposition = Decomposition::new(even, goal, tree.parts(), &leaf.prices);
            decomposition.grow(work, Until::Awake, watch);
            if let Some(leaf) = decomposition.leaf().cloned() {
                let advice = around(even, &leaf, |awake| decomposition.with_awake(awake));
                return Guide { tree, decomposition: Some(decomposition), advice };
            }
            let advice = plain(program, even, &leaf);
            return Guide { tree, decomposition: Some(decomposition), advice };
        }
        let advice = plain(program, even, &leaf);
        Guide { tree, decomposition: None, advice }
    }
}

fn plain(program: &Program, even: &Even, leaf: &Leaf) -> Vec<Advice> {
    let Some(mut relaxation) = program.relaxation() else { return vec![advise(leaf)] };
    around(even, leaf, |awake| program.with_awake(&mut relaxation, awake.iter().copied()).map(|(_, leaf)| leaf))
}

/// The best set, and the best of those with one device more.
fn around(even: &Even, leaf: &Leaf, mut with: impl FnMut(&[f64]) -> Option<Leaf>) -> Vec<Advice> {
    let mut next: Vec<Leaf> = Vec::new();
    for (c, class) in even.classes.iter().enumerate() {
        let mut awake = leaf.awake.clone();
        awake[c] += 1.0;
        if awake[c] - 0.5 < class.members.len() as f64 {
            next.extend(with(&awake));
        }
    }
    next.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    std::iter::once(leaf).chain(next.iter().take(NEIGHBOURS)).map(advise).collect()
}

fn advise(leaf: &Leaf) -> Advice {
    Advice { most: leaf.awake.iter().map(|z| z.round() as u32).collect(), prices: Some(leaf.prices.clone()), cost: leaf.bound }
}

/// Cells of ways and classes up to which stages are variables of their own.
const SMALL: usize = 1500;

/// The program for the proof: with stages where it is small enough to be branched to the end.
pub(super) fn programs(even: &Even, goal: &Goal) -> (Program, Option<Program>) {
    let small = even.ways.len() * even.classes.len() <= SMALL;
    (Program::new(even, goal, Detail::Layers), small.then(|| Program::new(even, goal, Detail::Stages)))
}
