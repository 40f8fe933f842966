//! Zig as a linker that knows the symbols of old C libraries, and cargo-zigbuild, which speaks with it.

use crate::wheels::Wheels;
use std::path::PathBuf;

const WHEELS: Wheels = Wheels {
    name: "zig",
    list: "\
ziglang==0.17.1 --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54
cargo-zigbuild==0.24.1 --hash=sha256:238a1ab54a95053a4eadc34775c81f795a8ad75f80bfed63f3f445f518102375
",
};

pub(crate) struct Zig {
    folder: PathBuf,
}

impl Zig {
    pub(crate) fn provide() -> Result<Self, String> {
        Ok(Self { folder: WHEELS.provide()? })
    }

    /// The program that builds as `cargo build` does.
    pub(crate) fn program(&self) -> String {
        self.folder.join("bin/cargo-zigbuild").display().to_string()
    }

    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        vec![("CARGO_ZIGBUILD_ZIG_PATH", self.folder.join("ziglang/zig").display().to_string())]
    }
}
