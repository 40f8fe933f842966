//! Progress on a terminal, and Ctrl-C.

use super::events;
use crate::search::{Progress, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
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

/// The same, but another Ctrl-C hurries nothing: what was started has to be taken down in order, which takes a second.
pub(crate) fn catch_interrupts() {
    // Fails only when a handler is there already.
    let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst));
}

/// True once Ctrl-C was pressed.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// How to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// One line that changes, on a terminal only.
    Bar,
    /// A line a step.
    Lines,
    /// A JSON object a step, on stdout.
    Events,
    Nothing,
}

/// Shows best, bound and gap while a search runs.
pub(crate) struct Terminal {
    bar: ProgressBar,
    unit: &'static str,
    show: Show,
    start: std::time::Instant,
}

impl Terminal {
    /// A bar draws only on a terminal.
    #[expect(clippy::disallowed_methods, reason = "shows elapsed time; nothing is decided by it")]
    pub(crate) fn new(show: Show, unit: &'static str) -> Self {
        let bar = ProgressBar::new_spinner();
        let hidden = show != Show::Bar || !std::io::stderr().is_terminal();
        bar.set_draw_target(if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}  Ctrl-C keeps the best plan") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self { bar, unit, show, start: std::time::Instant::now() }
    }

    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Terminal {
    fn progress(&self, p: Progress) {
        let elapsed_s = self.start.elapsed().as_secs_f64();
        if self.show == Show::Events {
            let (best, bound) = (events::finite(p.best), events::finite(p.bound));
            let gap = best.zip(bound).filter(|(best, _)| *best != 0.0).map(|(best, bound)| (best - bound).max(0.0) / best.abs());
            let fields =
                json!({ "elapsed_s": elapsed_s, "phase": p.phase, "best": best, "bound": bound, "gap": gap, "unit": self.unit });
            return events::print("progress", fields);
        }
        let show =
            |v: f64| if v.is_finite() { format!("{} {}", profiles::units::significant(v), self.unit) } else { "none yet".into() };
        let gap = if p.best.is_finite() && p.bound.is_finite() && p.best != 0.0 {
            format!("{:.1} %", 100.0 * (p.best - p.bound).max(0.0) / p.best.abs())
        } else {
            "open".into()
        };
        let message = format!("{:<10} best {}  bound {}  gap {gap}", p.phase, show(p.best), show(p.bound));
        match self.show {
            Show::Lines => eprintln!("{elapsed_s:>7.2} s  {message}"),
            _ => self.bar.set_message(message),
        }
    }

    fn stop(&self) -> bool {
        interrupted()
    }
}
