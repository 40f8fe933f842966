//! The master program of [`super::decompose`] in HiGHS: it grows by columns and rows, and starts each solve from the last
//! one's basis.

use highs::{Col, HighsModelStatus, Model, Row, RowProblem, Sense};

use super::fleet::Goal;
use super::part::Part;
use super::priced::{Column, Prices};
use super::view::{Even, LIMITS};
use crate::search::program::quiet;
use crate::table::TOLERANCE;

/// The columns so far, and the program over them.
pub(super) struct Master<'e> {
    even: &'e Even,
    goal: Goal,
    pub columns: Vec<Column>,
    /// Rows that keep a service off classes that are asleep, where they were broken: stream and class.
    touch: Vec<(usize, usize)>,
    /// Pivots, each as costly as there are rows.
    pub work: u64,
}

/// The program in HiGHS, and what of it has been said so far; kept by who solves again and again, on one thread.
pub(super) struct Stated {
    model: Model,
    awake: Vec<Col>,
    range: Vec<(f64, f64)>,
    absent: Vec<Col>,
    x: Vec<Col>,
    /// Whether a column may be used in the part at hand.
    open: Vec<bool>,
    /// By class, capacity and line.
    lines: Vec<Row>,
    /// Where the lines of a class and capacity begin.
    first: Vec<usize>,
    one: Vec<Row>,
    touch: Vec<Row>,
}

/// An optimal solution.
pub(super) struct Solved {
    pub prices: Prices,
    pub value: f64,
    /// Devices awake, by class.
    pub awake: Vec<f64>,
    /// By column.
    pub shares: Vec<f64>,
    /// What one service less would save, by stream.
    pub worth: Vec<f64>,
}

/// Pivots that a solve without any costs: bounds in, solution out, duals cleaned.
const OVERHEAD: u64 = 20;

/// HiGHS's names of its methods: where rows or bounds came the dual one, where columns came the primal one.
const DUAL: i32 = 1;
const PRIMAL: i32 = 4;

impl<'e> Master<'e> {
    pub(super) fn new(even: &'e Even, goal: Goal) -> Master<'e> {
        Master { even, goal, columns: Vec::new(), touch: Vec::new(), work: 0 }
    }

    /// Adds a column where it is not known.
    pub(super) fn add(&mut self, column: Column) -> bool {
        let news = !self.columns.contains(&column);
        if news {
            self.columns.push(column);
        }
        news
    }

    /// The optimum over the columns that a part allows; who has none pays dearly. `None` where HiGHS fails.
    pub(super) fn solve(&mut self, stated: &mut Option<Stated>, part: &Part) -> Option<Solved> {
        loop {
            let known = stated.is_some();
            let solved = match self.once(stated, part) {
                None if known => self.once(stated, part),
                other => other,
            }?;
            let broken = self.broken(&solved);
            if broken.is_empty() {
                return Some(solved);
            }
            self.touch.extend(broken);
        }
    }

    fn once(&mut self, kept: &mut Option<Stated>, part: &Part) -> Option<Solved> {
        let mut stated = match kept.take() {
            Some(stated) => stated,
            None => self.state()?,
        };
        let moved = self.update(&mut stated, part)?;
        stated.model.try_set_option("simplex_strategy", if moved { DUAL } else { PRIMAL }).ok()?;
        let solved = stated.model.try_solve().ok()?;
        let pivots = u64::try_from(solved.int_info_value(c"simplex_iteration_count").unwrap_or(0)).unwrap_or(0);
        self.work += (OVERHEAD + pivots) * (stated.lines.len() + stated.one.len() + stated.touch.len()) as u64;
        if solved.status() != HighsModelStatus::Optimal {
            return None;
        }
        let solution = solved.get_solution();
        let duals = solution.dual_rows();
        let of = |columns: &[Col]| columns.iter().map(|c| solution[*c]).collect::<Vec<f64>>();
        let (awake, absent, shares) = (of(&stated.awake), of(&stated.absent), of(&stated.x));
        let (even, classes) = (self.even, self.even.classes.len());
        // Rows stand in the order in which they came: lines, services, then touches.
        let price = |row: usize| (-duals[row]).max(0.0);
        let first = stated.lines.len() + stated.one.len();
        let mut touch = vec![0.0; even.streams.len() * classes];
        for (n, &(j, c)) in self.touch.iter().enumerate() {
            touch[j * classes + c] = price(first + n);
        }
        let prices = Prices::of(even, (0..stated.lines.len()).map(price).collect(), touch);
        let worth = duals[stated.lines.len()..first].to_vec();
        let value = self.goal.power * even.standing_w
            + awake.iter().zip(&even.classes).map(|(z, c)| z * self.goal.power * c.wake_w).sum::<f64>()
            + absent.iter().map(|y| y * self.goal.absence).sum::<f64>()
            + shares.iter().zip(&self.columns).map(|(x, c)| x * c.cost).sum::<f64>();
        stated.model = Model::from(solved);
        *kept = Some(stated);
        Some(Solved { prices, value, awake, shares, worth })
    }

    /// The program without columns and touches.
    fn state(&self) -> Option<Stated> {
        let even = self.even;
        let mut model = RowProblem::new().try_optimise(Sense::Minimise).ok()?;
        quiet(&mut model).ok()?;
        let mut stated = Stated {
            awake: Vec::new(),
            range: vec![(0.0, 0.0); even.classes.len()],
            absent: Vec::new(),
            x: Vec::new(),
            open: Vec::new(),
            lines: Vec::new(),
            first: Vec::new(),
            one: Vec::new(),
            touch: Vec::new(),
            model,
        };
        let model = &mut stated.model;
        for class in &even.classes {
            let z = model.try_add_column(self.goal.power * class.wake_w, 0.0..=0.0, []).ok()?;
            stated.awake.push(z);
            for lines in &class.lines {
                stated.first.push(stated.lines.len());
                for line in lines {
                    let held = line.offset * (1.0 + TOLERANCE);
                    stated.lines.push(model.try_add_row(..=held, [(z, -line.slope * (1.0 + TOLERANCE))]).ok()?);
                }
            }
        }
        for _ in &even.streams {
            let y = model.try_add_column(self.goal.absence, 0.0.., []).ok()?;
            stated.absent.push(y);
            stated.one.push(model.try_add_row(1.0..=1.0, [(y, 1.0)]).ok()?);
        }
        Some(stated)
    }

    /// Says what is new: columns, touches, the part's bounds; whether rows or bounds are among it.
    fn update(&self, stated: &mut Stated, part: &Part) -> Option<bool> {
        let mut moved = false;
        for column in &self.columns[stated.x.len()..] {
            let mut entries = vec![(stated.one[column.stream], 1.0)];
            for (class, stages, shares) in &column.uses {
                for (i, share) in shares.iter().enumerate().filter(|s| *s.1 != 0.0) {
                    let first = stated.first[class * LIMITS + i];
                    let rows = &stated.lines[first..first + self.even.classes[*class].lines[i].len()];
                    entries.extend(rows.iter().map(|row| (*row, *share)));
                }
                // Rows that are not said yet take the column up when they are.
                let row = self.touch.iter().take(stated.touch.len()).position(|t| *t == (column.stream, *class));
                entries.extend(row.map(|t| (stated.touch[t], *stages)));
            }
            stated.x.push(stated.model.try_add_column(column.cost, 0.0.., entries).ok()?);
            stated.open.push(true);
        }
        for &(j, c) in &self.touch[stated.touch.len()..] {
            let of = |column: &Column| column.uses.iter().find(|u| column.stream == j && u.0 == c).map(|u| u.1);
            let users = self.columns.iter().zip(&stated.x).filter_map(|(column, &x)| of(column).map(|stages| (x, stages)));
            let terms: Vec<(Col, f64)> = std::iter::once((stated.awake[c], -1.0)).chain(users).collect();
            stated.touch.push(stated.model.try_add_row(..=0.0, terms).ok()?);
            moved = true;
        }
        for (c, &z) in stated.awake.iter().enumerate() {
            let range = (part.least[c], part.most[c]);
            if stated.range[c] != range {
                stated.range[c] = range;
                stated.model.change_column_bounds(z, range.0..=range.1);
                moved = true;
            }
        }
        for (n, column) in self.columns.iter().enumerate() {
            let open = part.allows(self.even, column);
            if stated.open[n] != open {
                stated.open[n] = open;
                let most = if open { f64::INFINITY } else { 0.0 };
                stated.model.change_column_bounds(stated.x[n], 0.0..=most);
                moved = true;
            }
        }
        Some(moved)
    }

    /// Services with more stages on a class than devices awake, where no row says so yet.
    fn broken(&self, solved: &Solved) -> Vec<(usize, usize)> {
        let (classes, streams) = (self.even.classes.len(), self.even.streams.len());
        let mut stages = vec![0.0; streams * classes];
        for (column, share) in self.columns.iter().zip(&solved.shares) {
            column.uses.iter().for_each(|u| stages[column.stream * classes + u.0] += share * u.1);
        }
        let over = |&(n, used): &(usize, &f64)| *used > solved.awake[n % classes] + 1e-6;
        let pairs = stages.iter().enumerate().filter(over).map(|(n, _)| (n / classes, n % classes));
        pairs.filter(|pair| !self.touch.contains(pair)).collect()
    }
}
