//! Zig as a linker that knows the symbols of old C libraries, and cargo-zigbuild, which speaks with it: both as Python
//! packages, of one version and digest.

use crate::packages;
use crate::run::{Done, cache, run};
use std::path::PathBuf;

/// As pip reads them; another file under that version is refused.
const WHEELS: &str = "\
ziglang==0.17.1 --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54
cargo-zigbuild==0.24.1 --hash=sha256:238a1ab54a95053a4eadc34775c81f795a8ad75f80bfed63f3f445f518102375
";

pub(crate) struct Zig {
    folder: PathBuf,
}

impl Zig {
    /// Installs both into the cache, unless these very versions are there.
    pub(crate) fn provide() -> Result<Self, String> {
        let zig = Self { folder: cache().join("zig") };
        let stamp = zig.folder.join("complete");
        if std::fs::read_to_string(&stamp).is_ok_and(|there| there == WHEELS) {
            return Ok(zig);
        }
        zig.set_up()?;
        std::fs::write(&stamp, WHEELS).map_err(|e| format!("{}: {e}", stamp.display()))?;
        Ok(zig)
    }

    fn set_up(&self) -> Done {
        packages::install_python()?;
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        }
        std::fs::create_dir_all(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let list = self.folder.join("wheels.txt");
        std::fs::write(&list, WHEELS).map_err(|e| format!("{}: {e}", list.display()))?;
        let (list, folder) = (list.display().to_string(), self.folder.display().to_string());
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"];
        run("python3", &[&pip[..], &["--target", &folder, "-r", &list]].concat())
    }

    /// The program that builds as `cargo build` does.
    pub(crate) fn program(&self) -> String {
        self.folder.join("bin/cargo-zigbuild").display().to_string()
    }

    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        vec![("CARGO_ZIGBUILD_ZIG_PATH", self.folder.join("ziglang/zig").display().to_string())]
    }
}
