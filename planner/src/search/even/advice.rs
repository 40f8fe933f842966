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
    /// By service, what it takes there; empty: nobody knows.
    pub takes: Vec<Vec<Take>>,
}

/// An option and the classes that its stages stand on, a bit each; and what share of a service a relaxed plan serves so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Take {
    pub way: u32,
    pub classes: u64,
    pub share: f64,
}

impl Advice {
    /// How many more of a class may be woken.
    pub(super) fn more(&self, class: usize, awake: usize) -> usize {
        self.most.get(class).map_or(usize::MAX, |&most| (most as usize).saturating_sub(awake))
    }
}

/// Sets of awake devices to try beside the best one.
const NEIGHBOURS: usize = 4;
/// Share of what devices hold that is left empty for one of them, and the part of the work that it gets.
const SLACK: f64 = 0.015;
const TIGHT: u64 = 4;

/// What a first look at the relaxations gave: the tree and the decomposition to go on with, and advice, the best first.
pub(super) struct Guide<'p> {
    pub tree: Tree<'p>,
    pub decomposition: Option<Decomposition<'p>>,
    pub advice: Vec<Advice>,
}

/// Services up to which whole sets of stages are columns.
const DECOMPOSED: usize = 1000;

impl<'p> Guide<'p> {
    /// Branches on the devices awake until their best set is known or so much work is done, first in the
    /// plain program, then in the sharper one; then looks at other sets near it.
    pub(super) fn new(program: &'p Program, even: &'p Even, goal: Goal, deep: bool, work: u64, watch: &dyn Watch) -> Guide<'p> {
        let mut tree = Tree::new(program);
        tree.grow(work, Until::Awake, watch);
        let Some(leaf) = tree.leaf().cloned() else { return Guide { tree, decomposition: None, advice: Vec::new() } };
        if even.streams.len() <= DECOMPOSED && tree.settled() == f64::INFINITY {
            let mut decomposition = Decomposition::new(even, goal, tree.parts(), &leaf.prices);
            decomposition.grow(work, Until::Awake, watch);
            if deep {
                decomposition.deepen();
                decomposition.grow(work, Until::Closed, watch);
            }
            let ideas = ideas(even, &mut decomposition, work / TIGHT, watch);
            if !ideas.is_empty() {
                return Guide { tree, decomposition: Some(decomposition), advice: ideas.iter().map(advise).collect() };
            }
            let advice = plain(program, even, &leaf);
            return Guide { tree, decomposition: Some(decomposition), advice };
        }
        let advice = plain(program, even, &leaf);
        Guide { tree, decomposition: None, advice }
    }
}

/// Sets of devices from the decomposition: its least one; the least one where devices hold a little less than they do, as
/// real layers seldom fill them to the brim; those that branching met; and those with one device more than the first.
fn ideas<'e>(even: &'e Even, decomposition: &mut Decomposition<'e>, work: u64, watch: &dyn Watch) -> Vec<Leaf> {
    let mut leaves = decomposition.leaves().into_iter();
    let Some(first) = leaves.next() else { return Vec::new() };
    let mut ideas = vec![first.clone()];
    let mut add = |leaf: Leaf| {
        if ideas.len() <= NEIGHBOURS && ideas.iter().all(|l| l.awake != leaf.awake) {
            ideas.push(leaf);
        }
        ideas.len() <= NEIGHBOURS
    };
    let tight = even.tightened(SLACK);
    let mut tighter = decomposition.again(&tight, &first.prices);
    tighter.grow(work, Until::Awake, watch);
    tighter.leaves().into_iter().next().map(&mut add);
    if leaves.all(&mut add) {
        let mut stated = None;
        around(even, &first, |awake| decomposition.with_awake(&mut stated, awake)).into_iter().all(add);
    }
    ideas
}

fn plain(program: &Program, even: &Even, leaf: &Leaf) -> Vec<Advice> {
    let Some(mut relaxation) = program.relaxation() else { return vec![advise(leaf)] };
    let next = around(even, leaf, |awake| program.with_awake(&mut relaxation, awake.iter().copied()).map(|(_, leaf)| leaf));
    std::iter::once(leaf).chain(next.iter().take(NEIGHBOURS)).map(advise).collect()
}

/// The sets with one device more, the best first.
fn around(even: &Even, leaf: &Leaf, mut with: impl FnMut(&[f64]) -> Option<Leaf>) -> Vec<Leaf> {
    let mut next: Vec<Leaf> = Vec::new();
    for (c, class) in even.classes.iter().enumerate() {
        let mut awake = leaf.awake.clone();
        awake[c] += 1.0;
        if awake[c] - 0.5 < class.members.len() as f64 {
            next.extend(with(&awake));
        }
    }
    next.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    next
}

fn advise(leaf: &Leaf) -> Advice {
    let most = leaf.awake.iter().map(|z| z.round() as u32).collect();
    Advice { most, prices: Some(leaf.prices.clone()), cost: leaf.bound, takes: leaf.takes.clone() }
}

/// Cells of ways and classes up to which stages are variables of their own.
const SMALL: usize = 1500;

/// The program for the proof: with stages where it is small enough to be branched to the end.
pub(super) fn programs(even: &Even, goal: &Goal) -> (Program, Option<Program>) {
    let small = even.ways.len() * even.classes.len() <= SMALL;
    (Program::new(even, goal, Detail::Layers), small.then(|| Program::new(even, goal, Detail::Stages)))
}
