//! What the relaxation advises a walk: how many devices of each class to wake, and what capacities are worth.

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
}

impl Advice {
    /// How many more of a class may be woken.
    pub(super) fn more(&self, class: usize, awake: usize) -> usize {
        self.most.get(class).map_or(usize::MAX, |&most| (most as usize).saturating_sub(awake))
    }
}

/// Sets of awake devices to try beside the best one.
const NEIGHBOURS: usize = 3;

/// What a first look at the relaxation gave: the tree to go on with, and advice, the best first.
pub(super) struct Guide<'p> {
    pub tree: Tree<'p>,
    pub advice: Vec<Advice>,
}

impl<'p> Guide<'p> {
    /// Branches on the devices awake until their best set is known or so much work is done; then looks at
    /// the sets with one device more, as real layers seldom fill devices to the brim.
    pub(super) fn new(program: &'p Program, even: &Even, work: u64, watch: &dyn Watch) -> Guide<'p> {
        let mut tree = Tree::new(program);
        tree.grow(work, Until::Awake, watch);
        let Some(leaf) = tree.leaf().cloned() else { return Guide { tree, advice: Vec::new() } };
        let mut advice = vec![advise(&leaf)];
        let mut next: Vec<(f64, Leaf)> = Vec::new();
        if let Some(mut relaxation) = program.relaxation() {
            for (c, class) in even.classes.iter().enumerate() {
                let fixed = leaf.awake.iter().enumerate().map(|(i, &n)| if i == c { n + 1.0 } else { n });
                if leaf.awake[c] + 0.5 < class.members.len() as f64
                    && let Some(found) = program.with_awake(&mut relaxation, fixed)
                {
                    next.push(found);
                }
            }
        }
        next.sort_by(|a, b| a.0.total_cmp(&b.0));
        advice.extend(next.iter().take(NEIGHBOURS).map(|(_, leaf)| advise(leaf)));
        Guide { tree, advice }
    }
}

fn advise(leaf: &Leaf) -> Advice {
    Advice { most: leaf.awake.iter().map(|z| z.round() as u32).collect(), prices: Some(leaf.prices.clone()) }
}

/// Cells of ways and classes up to which stages are variables of their own.
const SMALL: usize = 1500;

/// The program for the proof: with stages where it is small enough to be branched to the end.
pub(super) fn programs(even: &Even, goal: &Goal) -> (Program, Option<Program>) {
    let small = even.ways.len() * even.classes.len() <= SMALL;
    (Program::new(even, goal, Detail::Layers), small.then(|| Program::new(even, goal, Detail::Stages)))
}
