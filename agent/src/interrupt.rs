//! Ctrl-C: stops what can be stopped, once; a second one, or one while nothing runs, ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

static RUNNING: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is heard.
pub(crate) fn catch() {
    // Fails only when a handler is there already, which then does the same.
    let _ = ctrlc::set_handler(|| {
        if !RUNNING.load(Ordering::SeqCst) || INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Something that can be stopped runs while this lives.
pub(crate) struct Running;

impl Running {
    pub(crate) fn begin() -> Self {
        INTERRUPTED.store(false, Ordering::SeqCst);
        RUNNING.store(true, Ordering::SeqCst);
        Self
    }

    /// True once Ctrl-C was pressed.
    #[expect(clippy::unused_self, reason = "only what runs can be interrupted")]
    pub(crate) fn interrupted(&self) -> bool {
        INTERRUPTED.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::SeqCst);
    }
}
