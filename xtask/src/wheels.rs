//! Tools that come as Python packages: of one version and digest, in the cache.

use crate::packages;
use crate::run::{Done, cache, run};
use std::path::PathBuf;

/// A tool's folder in the cache and what is installed there.
pub(crate) struct Wheels {
    pub(crate) name: &'static str,
    /// As pip reads them; another file under that version is refused.
    pub(crate) list: &'static str,
}

impl Wheels {
    /// Installs them, unless these very versions are there; the folder.
    pub(crate) fn provide(&self) -> Result<PathBuf, String> {
        let folder = cache().join(self.name);
        let stamp = folder.join("complete");
        if std::fs::read_to_string(&stamp).is_ok_and(|there| there == self.list) {
            return Ok(folder);
        }
        self.set_up(&folder)?;
        std::fs::write(&stamp, self.list).map_err(|e| format!("{}: {e}", stamp.display()))?;
        Ok(folder)
    }

    fn set_up(&self, folder: &std::path::Path) -> Done {
        packages::install_python()?;
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let list = folder.join("wheels.txt");
        std::fs::write(&list, self.list).map_err(|e| format!("{}: {e}", list.display()))?;
        let (list, folder) = (list.display().to_string(), folder.display().to_string());
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
        run("python3", &[&pip[..], &["--target", &folder, "-r", &list]].concat())
    }
}
