//! Environments whose best return is known: what is learned is measured against that.

mod cartpole;
mod governor;
mod grid;

#[cfg(test)]
mod tests;

pub use cartpole::CartPole;
pub use governor::{Governor, SAMPLES};
pub use grid::Grid;

use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Whether an episode goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Open,
    /// Nothing comes after: the value of what follows is zero.
    Terminal,
    /// The time was up: what would have followed has a value.
    Cut,
}

/// What an action led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    pub reward: f64,
    pub end: End,
}

/// A world of discrete actions.
pub trait Environment: std::fmt::Debug {
    /// How many actions there are; an action is a number below.
    fn actions(&self) -> usize;
    /// Begins an episode.
    fn reset(&mut self, random: &mut Random);
    /// Acts. An action beyond the last counts as the last.
    fn step(&mut self, action: usize, random: &mut Random) -> Step;
    /// What is seen of the state, as the backbone reads it. States with one text are one to the learner.
    fn text(&self) -> String;
    /// The same as numbers, for the control without a backbone: a function of the text.
    fn numbers(&self) -> Vec<f32>;
}

/// The environments by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    Grid,
    CartPole,
    Governor,
}

impl Task {
    pub const ALL: [Self; 3] = [Self::Grid, Self::CartPole, Self::Governor];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::CartPole => "cartpole",
            Self::Governor => "governor",
        }
    }

    /// The task of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Its world, before the first episode.
    #[must_use]
    pub fn world(self) -> Box<dyn Environment> {
        match self {
            Self::Grid => Box::new(Grid::new()),
            Self::CartPole => Box::new(CartPole::new()),
            Self::Governor => Box::new(Governor::new()),
        }
    }

    /// Mean return of the best policy: exact for the grid, 500 by definition for cart-pole, of a dynamic program over
    /// temperatures a quarter of a kelvin apart for the governor. Who sees only the text cannot quite reach the last.
    #[must_use]
    pub fn optimum(self) -> f64 {
        match self {
            Self::Grid => Grid::new().optimum(),
            Self::CartPole => f64::from(cartpole::STEPS),
            Self::Governor => governor::optimum(),
        }
    }

    /// Factor on rewards inside the learner, so that values are about one.
    #[must_use]
    pub const fn reward_scale(self) -> f64 {
        match self {
            Self::Grid => 1.0,
            Self::CartPole => 0.02,
            Self::Governor => 0.1,
        }
    }

    /// Steps of a published run.
    #[must_use]
    pub const fn steps(self) -> u64 {
        match self {
            Self::Grid => 200_000,
            Self::CartPole => 150_000,
            Self::Governor => 100_000,
        }
    }
}
