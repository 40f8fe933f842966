//! The linear relaxation in HiGHS, warm-started as columns come.

use highs::{ColProblem, HighsModelStatus, Model, Row, Sense};

use super::rows::Rows;
use crate::search::columns::Column;
use crate::table::Table;

/// A linear program that grows.
#[derive(Debug)]
pub struct Relaxation {
    model: Option<Model>,
    rows: Vec<Row>,
    /// Scale of the objective: HiGHS's tolerances are absolute.
    scale: f64,
}

/// What HiGHS said.
#[derive(Clone, Debug)]
pub enum Answer {
    Solved(Solved),
    /// No solution, whatever columns may come: artificial variables cover every row that columns serve.
    Infeasible,
    /// Neither; the relaxation is spent.
    Failed,
}

/// An optimal solution of the relaxation.
#[derive(Clone, Debug)]
pub struct Solved {
    /// Objective with the constant; not a bound on anything until priced out.
    pub value: f64,
    /// By row, as HiGHS gave them.
    pub duals: Vec<f64>,
    /// By fixed variable.
    pub fixed: Vec<f64>,
    /// By column in the order added.
    pub columns: Vec<f64>,
    /// Total use of artificial variables.
    pub artificial: f64,
}

impl Relaxation {
    /// The program without columns.
    #[must_use]
    pub fn new(rows: &Rows) -> Option<Relaxation> {
        // A row's number is its place in the list: handles are taken while the problem is built.
        let mut problem = ColProblem::new();
        let handles: Vec<Row> = rows.lower.iter().zip(&rows.upper).map(|(&l, &u)| problem.add_row(l..=u)).collect();
        let largest = rows.fixed.iter().filter(|f| !f.artificial).map(|f| f.cost.abs()).fold(0.0, f64::max).clamp(1e-3, 1e6);
        for f in &rows.fixed {
            let entries: Vec<(Row, f64)> = f.entries.iter().map(|&(r, a)| (handles[r as usize], a)).collect();
            problem.add_column(f.cost / largest, f.lower..=f.upper, entries);
        }
        let mut model = problem.try_optimise(Sense::Minimise).ok()?;
        quiet(&mut model).ok()?;
        Some(Relaxation { model: Some(model), rows: handles, scale: largest })
    }

    /// Adds a column; false when HiGHS refuses it.
    pub fn add(&mut self, rows: &Rows, table: &Table, column: &Column) -> bool {
        let entries = rows.entries(table, column).into_iter().map(|(r, a)| (self.rows[r as usize], a));
        let cost = rows.cost(table, column) / self.scale;
        // No upper bound: the service row implies it, and a bound would have a dual that pricing does not know.
        self.model.as_mut().is_some_and(|m| m.try_add_column(cost, 0.0.., entries).is_ok())
    }

    /// Solves.
    pub fn solve(&mut self, rows: &Rows) -> Answer {
        let Some(Ok(solved)) = self.model.take().map(Model::try_solve) else { return Answer::Failed };
        match solved.status() {
            HighsModelStatus::Optimal => {}
            HighsModelStatus::Infeasible => return Answer::Infeasible,
            _ => return Answer::Failed,
        }
        let solution = solved.get_solution();
        let value = solved.objective_value() * self.scale + rows.constant;
        let n = rows.fixed.len();
        let artificial = rows.fixed.iter().zip(solution.columns()).filter(|(f, _)| f.artificial).map(|(_, v)| v).sum();
        let result = Solved {
            value,
            duals: solution.dual_rows().iter().map(|u| u * self.scale).collect(),
            fixed: solution.columns()[..n].to_vec(),
            columns: solution.columns()[n..].to_vec(),
            artificial,
        };
        let mut model = Model::from(solved);
        // New columns leave the basis primal feasible.
        if model.try_set_option("simplex_strategy", 4).is_ok() {
            self.model = Some(model);
        }
        Answer::Solved(result)
    }
}

/// One thread, a fixed seed, silence: the same program gives the same answer.
pub(in crate::search) fn quiet(model: &mut Model) -> Result<(), highs::TrySetOptionError> {
    model.make_quiet();
    model.try_set_option("threads", 1)?;
    model.try_set_option("parallel", "off")?;
    model.try_set_option("random_seed", 1)?;
    model.try_set_option("primal_feasibility_tolerance", 1e-9)?;
    model.try_set_option("dual_feasibility_tolerance", 1e-9)
}
