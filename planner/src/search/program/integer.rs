//! The integer program over a list of columns, stated with good_lp, solved by HiGHS.

use good_lp::solvers::highs::highs as with_highs;
use good_lp::{Expression, ProblemVariables, SolverModel, Variable, variable};
use highs::HighsModelStatus;

use super::relaxation::quiet;
use super::rows::Rows;
use crate::search::columns::Column;
use crate::table::Table;

/// What an integer program gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Chosen columns, ascending; `None` when no solution was found.
    pub chosen: Option<Vec<usize>>,
    /// No choice among these columns is better than this; infinite when there is none.
    pub bound: f64,
    /// Branch-and-bound nodes.
    pub nodes: u64,
}

/// Chooses columns at least cost. `start` lists the columns of a known solution; `cuts` lists choices
/// that must not come again; HiGHS stops at relative `gap`.
#[must_use]
pub fn integer(
    rows: &Rows,
    table: &Table,
    columns: &[Column],
    start: Option<&[usize]>,
    cuts: &[Vec<usize>],
    nodes: u32,
    gap: f64,
) -> Option<Outcome> {
    let scale = rows.fixed.iter().filter(|f| !f.artificial).map(|f| f.cost.abs()).fold(0.0, f64::max).clamp(1e-3, 1e6);
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::default();
    let mut terms: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); rows.lower.len()];
    for f in &rows.fixed {
        let upper = if f.artificial { 0.0 } else { f.upper };
        let v = if f.integer { variable().integer().min(f.lower).max(upper) } else { variable().min(f.lower).max(upper) };
        let v = variables.add(v);
        objective.add_mul(f.cost / scale, v);
        f.entries.iter().for_each(|&(r, a)| terms[r as usize].push((v, a)));
    }
    let mut picks: Vec<Variable> = Vec::with_capacity(columns.len());
    for c in columns {
        let v = variables.add(variable().binary());
        objective.add_mul(rows.cost(table, c) / scale, v);
        rows.entries(table, c).into_iter().for_each(|(r, a)| terms[r as usize].push((v, a)));
        picks.push(v);
    }
    // An option of several replicas is taken whole or not at all.
    let mut whole: Vec<(u32, u32, Variable)> = Vec::new();
    for c in columns.iter().filter(|c| c.replicas > 1) {
        if !whole.iter().any(|w| (w.0, w.1) == (c.service, c.option)) {
            whole.push((c.service, c.option, variables.add(variable().binary())));
        }
    }
    let count = rows.fixed.len() + columns.len() + whole.len();
    let mut problem = variables.minimise(objective).using(with_highs);
    for (r, terms) in terms.iter().enumerate() {
        let e: Expression = terms.iter().map(|&(v, a)| v * a).sum();
        let (lower, upper) = (rows.lower[r], rows.upper[r]);
        if lower.total_cmp(&upper).is_eq() {
            problem.add_constraint(e.eq(lower));
        } else if terms.is_empty() && lower <= 0.0 && upper >= 0.0 {
            continue;
        } else {
            if lower.is_finite() {
                problem.add_constraint(e.clone().geq(lower));
            }
            if upper.is_finite() {
                problem.add_constraint(e.leq(upper));
            }
        }
    }
    for &(s, o, z) in &whole {
        let mine = |c: &Column| (c.service, c.option) == (s, o);
        let mut e: Expression = picks.iter().zip(columns).filter(|(_, c)| mine(c)).map(|(&v, _)| Expression::from(v)).sum();
        e.add_mul(-f64::from(table.services[s as usize].options[o as usize].replicas), z);
        problem.add_constraint(e.eq(0.0));
    }
    for cut in cuts {
        let e: Expression = cut.iter().map(|&i| Expression::from(picks[i])).sum();
        problem.add_constraint(e.leq(cut.len() as f64 - 1.0));
    }
    let mut model = problem.try_into_inner().ok()?;
    quiet(&mut model).ok()?;
    model.try_set_option("mip_rel_gap", gap).ok()?;
    model.try_set_option("mip_abs_gap", 1e-9).ok()?;
    model.try_set_option("mip_feasibility_tolerance", 1e-9).ok()?;
    model.try_set_option("mip_max_nodes", i32::try_from(nodes).unwrap_or(i32::MAX)).ok()?;
    if let Some(start) = start {
        let values = warm(rows, table, columns, start, &whole, count);
        // A refused start costs time only.
        let _ = model.try_set_solution(Some(&values), None, None, None);
    }
    let solved = model.try_solve().ok()?;
    let nodes = solved.int_info_value(c"mip_node_count").ok().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    if matches!(solved.status(), HighsModelStatus::Infeasible | HighsModelStatus::UnboundedOrInfeasible) {
        return Some(Outcome { chosen: None, bound: f64::INFINITY, nodes });
    }
    let bound = solved.double_info_value(c"mip_dual_bound").unwrap_or(f64::NEG_INFINITY);
    let found = solved.primal_solution_status() == highs::HighsSolutionStatus::Feasible;
    let chosen = found.then(|| {
        let values = solved.get_solution();
        let n = rows.fixed.len();
        (0..columns.len()).filter(|&i| values.columns()[n + i] > 0.5).collect()
    });
    let bound = if bound.is_finite() { bound * scale + rows.constant } else { bound };
    Some(Outcome { chosen, bound: bound - 1e-9 * bound.abs(), nodes })
}

/// Values of all variables for a known choice of columns.
fn warm(
    rows: &Rows,
    table: &Table,
    columns: &[Column],
    start: &[usize],
    whole: &[(u32, u32, Variable)],
    count: usize,
) -> Vec<f64> {
    let chosen = crate::search::columns::assignment(table, columns, start);
    let e = crate::table::evaluate(table, &chosen);
    let mut values = vec![0.0; count];
    for (d, mode) in e.modes.iter().enumerate() {
        if let Some(m) = mode {
            values[*m as usize] = 1.0;
            if let Some(v) = values.get_mut(rows.power_of[*m as usize]) {
                *v = table.modes[*m as usize].power_w(e.dynamic_w[d]);
            }
        }
    }
    for (s, deployment) in chosen.services.iter().enumerate() {
        values[rows.skip_of[s]] = f64::from(u8::from(deployment.is_none()));
        if let Some(i) = deployment.as_ref().and_then(|d| whole.iter().position(|w| (w.0, w.1) == (s as u32, d.option))) {
            values[rows.fixed.len() + columns.len() + i] = 1.0;
        }
    }
    start.iter().for_each(|&i| values[rows.fixed.len() + i] = 1.0);
    values
}
