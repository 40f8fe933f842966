//! The owner's lock: while a program of this device holds it, no plan takes another's place here (balena calls it an
//! update lock). Downloads and loading go on; the switch waits.
//!
//! It is an exclusive `flock` on a file, so that a program that dies gives it back.

use crate::shared::Shared;
use crate::shell::Input;
use fleet::agent::Event;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked.
const STEP: Duration = Duration::from_millis(200);

/// Whether somebody holds the lock. A file that is not there is held by nobody.
fn held(path: &Path) -> Result<bool, Errno> {
    let file = match open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(false),
        Err(e) => return Err(e),
    };
    // A shared lock fails where an exclusive one is held; ours goes with the file, at once.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(e),
    }
}

/// Runs until the node ends.
pub(crate) fn watch(shared: &Arc<Shared>, path: &Path) {
    let mut was = false;
    while !shared.ended() {
        match held(path) {
            Ok(is) if is != was => {
                was = is;
                shared.tell(Input::Event(Event::Hold(is)));
            }
            Ok(_) => {}
            // It cannot be told: then the owner's word is not ignored silently.
            Err(e) => shared.metrics.note(format!("hold: {}: {e}", path.display())),
        }
        std::thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exclusive_lock_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in-motion");
        assert_eq!(held(&path), Ok(false), "not there");
        let file = std::fs::File::create(&path).unwrap();
        assert_eq!(held(&path), Ok(false));
        file.lock().unwrap();
        assert_eq!(held(&path), Ok(true));
        drop(file);
        assert_eq!(held(&path), Ok(false), "given back, as by a program that died");
        assert!(held(Path::new("/dev/null/x")).is_err());
    }
}
