//! Debian packages of the agent, one an architecture, for systems as old as glibc 2.31 (JetPack 5, Debian 11).
//!
//! Both are built by one compiler, Debian's (see [`crate::aarch64`]), and linked by Zig against the symbols of glibc
//! 2.31, since a newer linker's binary asks for a newer library. Paths of this machine are left out, so that the same
//! commit gives the same bytes anywhere.

mod build;
mod stage;
mod zig;

pub(crate) use build::reproduce;

use crate::aarch64::toolchain::Toolchain;
use crate::run::{Done, output, root, run_in};
use std::path::Path;
use zig::Zig;

/// An architecture that is shipped.
pub(crate) struct Arch {
    /// As Debian calls it.
    debian: &'static str,
    pub(crate) target: &'static str,
    emulator: &'static str,
}

pub(crate) const ARCHES: &[Arch] = &[
    Arch { debian: "amd64", target: "x86_64-unknown-linux-gnu", emulator: "qemu-x86_64-static" },
    Arch { debian: "arm64", target: "aarch64-unknown-linux-gnu", emulator: "qemu-aarch64-static" },
];

/// `cargo xtask package [amd64] [arm64]`: both unless said.
pub(crate) fn package() -> Done {
    let asked: Vec<String> = std::env::args().skip(2).collect();
    if let Some(other) = asked.iter().find(|a| !ARCHES.iter().any(|known| known.debian == **a)) {
        return Err(format!("`{other}` is none of amd64, arm64"));
    }
    let tools = Toolchain::provide()?;
    let zig = Zig::provide()?;
    for arch in ARCHES.iter().filter(|a| asked.is_empty() || asked.iter().any(|name| name == a.debian)) {
        let binary = build::build(&tools, &zig, arch, &root(), &root().join("target/package"))?;
        build::old_enough(&binary)?;
        deb(arch, &binary)?;
    }
    Ok(())
}

fn deb(arch: &Arch, binary: &Path) -> Done {
    let out = root().join("target/package");
    let tree = out.join(format!("tree-{}", arch.debian));
    stage::stage(arch, binary, &tree)?;
    let version = env!("CARGO_PKG_VERSION");
    let file = out.join(format!("wattline-agent_{version}_{}.deb", arch.debian));
    // Times in the archive are at most that of the commit.
    let when = output(&[], "git", &["-C", &root().display().to_string(), "log", "-1", "--format=%ct"])?;
    let (tree, file) = (tree.display().to_string(), file.display().to_string());
    run_in(&out, &[("SOURCE_DATE_EPOCH", when)], "dpkg-deb", &["--build", "--root-owner-group", "-Zxz", &tree, &file])?;
    println!("{}", output(&[], "sha256sum", &[&file])?);
    Ok(())
}
