//! The simulator's runs, the planted bugs, and a real disk under a real kill.

mod planted;
mod simulate;
