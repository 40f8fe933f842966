//! The layered graph in petgraph: the fastest chain of an option, as a check on the flat pass.

use petgraph::algo::astar;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Lattice, Tariff};
use crate::table::{Chain, Stage, Table};

/// The chain of least total time, when places may repeat and deadlines are not seen; `None` when none exists.
///
/// Shortest path from the origin to past the last block. Nodes are (stages used, block, place) at the
/// start of a stage; the way back to the first device is not priced, as a path does not remember where it began.
#[must_use]
pub fn fastest(table: &Table, l: &Lattice) -> Option<(f64, Chain)> {
    let tariff = Tariff::time(table, l, 2);
    let (np, nb) = (l.places.len(), l.blocks);
    let mut graph: DiGraph<(), f64> = DiGraph::with_capacity(l.stages * nb * np + 2, l.stages * nb * np * 4);
    for _ in 0..l.stages * nb * np + 2 {
        graph.add_node(());
    }
    let (origin, done) = (NodeIndex::new(l.stages * nb * np), NodeIndex::new(l.stages * nb * np + 1));
    let node = |used: usize, block: usize, place: usize| NodeIndex::new(used * nb * np + l.node(block, place));
    for p in 0..np {
        let d = l.device_of[p];
        if l.may_start[d] && tariff.enter[d].is_finite() {
            graph.add_edge(origin, node(0, 0, p), tariff.enter[d]);
        }
        for used in 0..l.stages {
            for b in 0..nb {
                for e in b + 1..=l.reach(b, p) {
                    let stage = tariff.stage(l, p, b, e);
                    if e == nb {
                        graph.add_edge(node(used, b, p), done, stage + tariff.leave[d]);
                    } else if used + 1 < l.stages {
                        for q in (0..np).filter(|&q| l.slot_of[q] != l.slot_of[p]) {
                            let hop = tariff.hop(l, d, l.device_of[q], e);
                            if hop.is_finite() {
                                graph.add_edge(node(used, b, p), node(used + 1, e, q), stage + hop);
                            }
                        }
                    }
                }
            }
        }
    }
    let (cost, path) = astar(&graph, origin, |n| n == done, |e| *e.weight(), |_| 0.0)?;
    let starts: Vec<(usize, usize)> =
        path[1..path.len() - 1].iter().map(|n| (n.index() % (nb * np) / np, n.index() % np)).collect();
    let stages = (0..starts.len())
        .map(|i| Stage {
            place: l.places[starts[i].1],
            start: starts[i].0 as u32,
            end: starts.get(i + 1).map_or(nb, |n| n.0) as u32,
        })
        .collect();
    Some((cost, Chain { stages }))
}
