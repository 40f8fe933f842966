//! The simulator's runs, the planted bugs, and a real disk under a real kill.

mod killed;
mod planted;
mod simulate;
