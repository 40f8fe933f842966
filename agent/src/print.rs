//! Stdout, where the data goes.

use crate::exit::Failure;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Prints at once. False when nobody reads any more (`| head`), which is no error but an end.
pub(crate) fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let done = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    !matches!(done, Err(e) if e.kind() == ErrorKind::BrokenPipe)
}

/// One JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    // Only a map with keys that are no texts could fail.
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::input(format!("error: cannot write JSON: {e}")))?;
    print(&(text + "\n"));
    Ok(())
}

/// Writes beside the target and renames, so that a reader sees the old file or the new one, after a loss of power too.
pub(crate) fn file(path: &Path, text: &str) -> Result<(), Failure> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let write = || {
        let mut file = std::fs::File::create(temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(temporary, path)
    };
    let done = write();
    if done.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    done.map_err(|e| {
        Failure::help(format!("cannot write {}: {e}", path.display()), "name a file in a folder that can be written")
    })
}

/// Three significant digits, for people.
pub(crate) fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let digits = (2 - x.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{x:.digits$}")
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_shown() {
        let shown: Vec<String> = [0.0, 1234.56, 12.345, 1.0, 0.012_345, 99.96].map(short).to_vec();
        assert_eq!(shown, ["0", "1235", "12.3", "1.00", "0.0123", "100.0"]);
        assert_eq!(percent(0.5), "50.0 %");
    }
}
