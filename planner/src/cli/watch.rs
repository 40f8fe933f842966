//! Progress on a terminal, and Ctrl-C.

use crate::search::{Progress, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks the search to finish; a second one ends the process.
pub(crate) fn catch_interrupt() {
    // Fails only when a handler is there already, which then does the same.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// True once Ctrl-C was pressed.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Shows best, bound and gap while a search runs.
pub(crate) struct Terminal {
    bar: ProgressBar,
    unit: &'static str,
}

impl Terminal {
    /// Draws only on a terminal, and not when asked to be quiet.
    pub(crate) fn new(quiet: bool, unit: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        let hidden = quiet || !std::io::stderr().is_terminal();
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}  Ctrl-C keeps the best plan") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self { bar, unit }
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Terminal {
    fn progress(&self, p: Progress) {
        let show = |v: f64| if v.is_finite() { format!("{} {}", profiles::units::significant(v), self.unit) } else { "none yet".into() };
        let gap = if p.best.is_finite() && p.bound.is_finite() && p.best != 0.0 { format!("{:.1} %", 100.0 * (p.best - p.bound).max(0.0) / p.best.abs()) } else { "open".into() };
        self.bar.set_message(format!("{:<10} best {}  bound {}  gap {gap}", p.phase, show(p.best), show(p.bound)));
    }

    fn stop(&self) -> bool {
        interrupted()
    }
}
