//! Files of the kernel behind a trait: the machine's own below roots that may lie elsewhere, or a board in a text.

use crate::deadline::Deadline;
use crate::missing::Missing;
use std::fmt::Debug;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No file that sensors read is longer; a longer one is cut here.
const LENGTH_MAX: u64 = 256 * 1024;

/// Reads files by the path that they have on the device, such as `/sys/class/hwmon/hwmon0/name`.
pub trait Files: Debug + Send + Sync {
    /// The whole text; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    fn read(&self, path: &str) -> Result<String, Missing>;

    /// Names in a folder, numbers in their order: `hwmon2` before `hwmon10`.
    ///
    /// # Errors
    /// The reason why it cannot be listed.
    fn list(&self, folder: &str) -> Result<Vec<String>, Missing>;
}

/// Where the trees of the kernel lie: elsewhere in a container or under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    pub sys: PathBuf,
    pub proc: PathBuf,
    pub etc: PathBuf,
    pub var: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Roots {
    /// All trees below one folder.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { sys: root.join("sys"), proc: root.join("proc"), etc: root.join("etc"), var: root.join("var") }
    }

    fn place(&self, path: &str) -> PathBuf {
        let trees = [("/sys/", &self.sys), ("/proc/", &self.proc), ("/etc/", &self.etc), ("/var/", &self.var)];
        for (tree, root) in trees {
            if let Some(rest) = path.strip_prefix(tree) {
                return root.join(rest);
            }
        }
        PathBuf::from(path)
    }
}

/// Files of a disk or of the kernel, each read with a deadline.
#[derive(Clone, Debug)]
pub struct Disk {
    roots: Roots,
    limit: Duration,
    deadline: Deadline,
}

impl Disk {
    /// Each read may take `limit`.
    #[must_use]
    pub fn new(roots: Roots, limit: Duration, deadline: Deadline) -> Self {
        Self { roots, limit, deadline }
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, Missing> {
        let place = self.roots.place(path);
        let read = move || -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            std::fs::File::open(place)?.take(LENGTH_MAX).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = self.deadline.run(path, self.limit, read)?.map_err(|e| Missing::from_io(path, &e))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Missing> {
        let place = self.roots.place(folder);
        let list = move || -> std::io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(place)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            Ok(names)
        };
        let mut names = self.deadline.run(folder, self.limit, list)?.map_err(|e| Missing::from_io(folder, &e))?;
        names.sort_by_key(|name| natural(name));
        Ok(names)
    }
}

/// Sorts `hwmon2` before `hwmon10`: text up to the last number, then the number.
pub(crate) fn natural(name: &str) -> (String, u64, String) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].parse().unwrap_or(0);
    (stem.to_owned(), number, name.to_owned())
}

/// The first whole number of a file: `5016\n`, also `32760 ma`.
pub(crate) fn integer(files: &dyn Files, path: &str) -> Result<f64, Missing> {
    let text = files.read(path)?;
    let word = text.split_whitespace().next().unwrap_or_default();
    // 64 bits hold every counter; 53 of them are exact here: 104 days of microjoules at 1 kW.
    #[expect(clippy::cast_precision_loss, reason = "counters below 2^53")]
    word.parse::<i64>().map(|n| n as f64).map_err(|_| Missing::malformed(path, &text, "a whole number"))
}

/// A whole number times a power of ten, as mV to V. Small factors divide, so that 7704 mW is 7.704 W to the last bit.
pub(crate) fn scaled(files: &dyn Files, path: &str, factor: f64) -> Result<f64, Missing> {
    let number = integer(files, path)?;
    Ok(if factor < 1.0 { number / (1.0 / factor).round() } else { number * factor })
}

/// A short text without the NUL that ends device tree strings.
pub(crate) fn text(files: &dyn Files, path: &str) -> Result<String, Missing> {
    Ok(files.read(path)?.trim_end_matches('\0').trim().to_owned())
}
