//! The tree of files that a package installs.

use super::Arch;
use crate::run::{Done, output, present, root, run};
use crate::supply;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Where in the package a file of `packaging/` goes, with its mode.
const FILES: &[(&str, &str, u32)] = &[
    ("wattline-agent.service", "usr/lib/systemd/system/wattline-agent.service", 0o644),
    ("wattline-agent.tmpfiles", "usr/lib/tmpfiles.d/wattline-agent.conf", 0o644),
    ("agent.yaml", "etc/wattline/agent.yaml", 0o644),
    ("k3s.yaml", "usr/share/doc/wattline-agent/examples/k3s.yaml", 0o644),
    ("grafana.json", "usr/share/doc/wattline-agent/examples/grafana.json", 0o644),
    ("debian/copyright", "usr/share/doc/wattline-agent/copyright", 0o644),
    ("debian/conffiles", "DEBIAN/conffiles", 0o644),
    ("debian/postinst", "DEBIAN/postinst", 0o755),
    ("debian/prerm", "DEBIAN/prerm", 0o755),
    ("debian/postrm", "DEBIAN/postrm", 0o755),
];

/// Shell, and where its completions lie.
const SHELLS: &[(&str, &str)] = &[
    ("bash", "usr/share/bash-completion/completions/agent"),
    ("zsh", "usr/share/zsh/vendor-completions/_agent"),
    ("fish", "usr/share/fish/vendor_completions.d/agent.fish"),
];

pub(crate) fn stage(arch: &Arch, binary: &Path, tree: &Path) -> Done {
    let _ = fs::remove_dir_all(tree);
    let own = root().join("packaging");
    for (from, to, mode) in FILES {
        let bytes = fs::read(own.join(from)).map_err(|e| format!("packaging/{from}: {e}"))?;
        write(&tree.join(to), &bytes, *mode)?;
    }
    let bytes = fs::read(binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    write(&tree.join("usr/bin/agent"), &bytes, 0o755)?;
    for (shell, to) in SHELLS {
        write(&tree.join(to), ask(arch, binary, &["completions", shell])?.as_bytes(), 0o644)?;
    }
    let pages = tree.join("usr/share/man/man1");
    fs::create_dir_all(&pages).map_err(|e| format!("{}: {e}", pages.display()))?;
    ask(arch, binary, &["man", &pages.display().to_string()])?;
    // No name and no time inside, so that the bytes are the same each time.
    run("sh", &["-c", &format!("gzip -9n '{}'/*.1", pages.display())])?;
    write(&tree.join("usr/share/doc/wattline-agent/sbom.cdx.json"), supply::bill("agent", arch.target)?.as_bytes(), 0o644)?;
    // Folders must not depend on this user's mask.
    run("find", &[&tree.display().to_string(), "-type", "d", "-exec", "chmod", "755", "{}", "+"])?;
    let size = output(&[], "du", &["-sk", "--apparent-size", &tree.display().to_string()])?;
    let control = fs::read_to_string(own.join("debian/control")).map_err(|e| format!("packaging/debian/control: {e}"))?;
    let control = control
        .replace("@version@", env!("CARGO_PKG_VERSION"))
        .replace("@arch@", arch.debian)
        .replace("@size@", size.split_whitespace().next().unwrap_or("0"));
    write(&tree.join("DEBIAN/control"), control.as_bytes(), 0o644)
}

/// What the built program prints; under the emulator where this machine is of the other kind.
fn ask(arch: &Arch, binary: &Path, args: &[&str]) -> Result<String, String> {
    let binary = binary.display().to_string();
    if arch.target.starts_with(std::env::consts::ARCH) {
        return output(&[], &binary, args);
    }
    if !present(arch.emulator) {
        return Err(format!("{} is needed to ask a program for {}; install qemu-user-static", arch.emulator, arch.debian));
    }
    output(&[], arch.emulator, &[&["-L", "/usr/aarch64-linux-gnu", &binary], args].concat())
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Done {
    let done = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    done().map_err(|e| format!("{}: {e}", path.display()))
}
