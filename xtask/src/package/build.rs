//! The agent as it is shipped: built, checked for what it asks of the C library, built again elsewhere.

use super::zig::Zig;
use super::{ARCHES, Arch};
use crate::aarch64::toolchain::Toolchain;
use crate::run::{Done, output, root, run, run_in};
use std::path::{Path, PathBuf};

/// Newest glibc that may be needed: JetPack 5's and Debian 11's.
const GLIBC: (u32, u32) = (2, 31);

/// Builds the agent from a source tree into a target folder; the binary.
pub(crate) fn build(tools: &Toolchain, zig: &Zig, arch: &Arch, source: &Path, target: &Path) -> Result<PathBuf, String> {
    let home = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| Path::new(&std::env::var("HOME").unwrap_or_default()).join(".cargo").display().to_string());
    let mut env = tools.env("max");
    // cargo-zigbuild names linker and target.
    env.retain(|(name, _)| matches!(*name, "LD_LIBRARY_PATH" | "RUSTC" | "RUSTDOC"));
    env.extend(zig.env());
    // Where sources lie is nobody's business, and would be the only difference between two machines.
    let flags = [format!("{}=/wattline", source.display()), format!("{home}=/cargo")];
    let flags: Vec<String> = flags.iter().map(|f| format!("--remap-path-prefix={f}")).collect();
    env.push(("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")));
    env.push(("CARGO_PROFILE_RELEASE_STRIP", "symbols".to_owned()));
    env.push(("CARGO_TARGET_DIR", target.display().to_string()));
    let triple = format!("{}.{}.{}", arch.target, GLIBC.0, GLIBC.1);
    run_in(source, &env, &zig.program(), &["zigbuild", "--release", "--locked", "-p", "agent", "--target", &triple])?;
    Ok(target.join(arch.target).join("release/agent"))
}

/// The binary asks for no symbol that came after [`GLIBC`].
pub(crate) fn old_enough(binary: &Path) -> Done {
    let text = output(&[], "readelf", &["--version-info", "--wide", &binary.display().to_string()])?;
    let newest = newest(&text).ok_or_else(|| format!("{}: asks for no glibc", binary.display()))?;
    if newest > GLIBC {
        let (major, minor) = newest;
        return Err(format!("{}: needs glibc {major}.{minor}, newer than {}.{}", binary.display(), GLIBC.0, GLIBC.1));
    }
    println!("{}: needs glibc {}.{}", binary.display(), newest.0, newest.1);
    Ok(())
}

fn newest(versions: &str) -> Option<(u32, u32)> {
    let numbers = versions.split("GLIBC_").skip(1).filter_map(|rest| {
        let mut parts = rest.split(|c: char| !c.is_ascii_digit()).map(|p| p.parse().ok());
        Some((parts.next()??, parts.next()??))
    });
    numbers.max()
}

/// `cargo xtask reproduce [amd64|arm64]`: the committed sources, built again in another folder, give the same bytes.
pub(crate) fn reproduce() -> Done {
    let asked = std::env::args().nth(2).unwrap_or_else(|| "arm64".to_owned());
    let arch = ARCHES.iter().find(|a| a.debian == asked).ok_or_else(|| format!("`{asked}` is none of amd64, arm64"))?;
    let (tools, zig) = (Toolchain::provide()?, Zig::provide()?);
    let here = root().display().to_string();
    if !output(&[], "git", &["-C", &here, "status", "--porcelain"])?.is_empty() {
        return Err("commit first: the second build is of the committed sources".into());
    }
    let first = build(&tools, &zig, arch, &root(), &root().join("target/package"))?;
    let other = root().join("target/reproduce");
    let source = other.join("elsewhere/sources");
    let _ = std::fs::remove_dir_all(&other);
    std::fs::create_dir_all(&source).map_err(|e| format!("{}: {e}", source.display()))?;
    let copy = format!("git -C '{here}' archive HEAD | tar -x -C '{}'", source.display());
    run("sh", &["-c", &copy])?;
    let second = build(&tools, &zig, arch, &source, &other.join("target"))?;
    let digest = |path: &Path| {
        let line = output(&[], "sha256sum", &[&path.display().to_string()])?;
        Ok::<_, String>(line.split(' ').next().unwrap_or_default().to_owned())
    };
    let (one, two) = (digest(&first)?, digest(&second)?);
    println!("{one}  {}\n{two}  {}", first.display(), second.display());
    if one != two {
        return Err("the two builds differ".into());
    }
    println!("reproduce: {asked}: the same bytes from two folders");
    std::fs::remove_dir_all(&other).map_err(|e| format!("{}: {e}", other.display()))
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_version_is_found() {
        assert_eq!(newest("Name: GLIBC_2.9  Flags: none\nName: GLIBC_2.17\nName: GLIBC_2.4"), Some((2, 17)));
        assert_eq!(newest("Name: GCC_3.0"), None);
    }
}
