//! Debian's compiler and arm64 standard library in a folder of their own.

use crate::packages;
use crate::run::{Done, cache, output, run_in};
use std::path::{Path, PathBuf};

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Written last: a set-up that was cut off starts again.
const STAMP: &str = "complete";

pub(crate) struct Toolchain {
    prefix: PathBuf,
}

impl Toolchain {
    /// Sets up what is missing and says which versions there are.
    pub(crate) fn provide() -> Result<Self, String> {
        packages::install_aarch64()?;
        let tools = Self { prefix: cache().join("aarch64") };
        if !tools.prefix.join(STAMP).is_file() {
            tools.set_up()?;
        }
        let version = tools.check()?;
        println!("aarch64: {version}");
        println!("aarch64: {}", first_line(&output(&[], "aarch64-linux-gnu-gcc", &["--version"])?));
        println!("aarch64: {}", first_line(&output(&[], "qemu-aarch64-static", &["--version"])?));
        Ok(tools)
    }

    /// What cargo needs to build for aarch64 and to run the result on an emulated core.
    pub(crate) fn env(&self, core: &str) -> Vec<(&'static str, String)> {
        let program = |name: &str| self.root().join("usr/bin").join(name).display().to_string();
        let linker = "aarch64-linux-gnu-gcc".to_owned();
        vec![
            ("LD_LIBRARY_PATH", self.libraries()),
            ("RUSTC", program("rustc")),
            // Without it doctests look for another compiler's standard library.
            ("RUSTDOC", program("rustdoc")),
            ("CARGO_BUILD_TARGET", TARGET.to_owned()),
            // Two compilers would throw away each other's results in one folder.
            ("CARGO_TARGET_DIR", "target/aarch64".to_owned()),
            ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", linker.clone()),
            ("CC_aarch64_unknown_linux_gnu", linker),
            // A test that knows the core's instructions from elsewhere than detection reads it.
            ("WATTLINE_CORE", core.to_owned()),
            (
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
                format!("qemu-aarch64-static -cpu {core} -L /usr/aarch64-linux-gnu"),
            ),
        ]
    }

    fn root(&self) -> PathBuf {
        self.prefix.join("root")
    }

    fn libraries(&self) -> String {
        self.root().join("usr/lib/x86_64-linux-gnu").display().to_string()
    }

    /// Downloads the packages through apt, which checks their signatures, and unpacks them.
    fn set_up(&self) -> Done {
        println!("aarch64: setting up compiler and standard library in {}", self.prefix.display());
        if self.prefix.exists() {
            std::fs::remove_dir_all(&self.prefix).map_err(|e| format!("{}: {e}", self.prefix.display()))?;
        }
        let debs = self.prefix.join("debs");
        for folder in [self.root(), debs.join("partial"), self.prefix.join("lists/partial")] {
            std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        self.apt(&["update", "-qq"])?;
        let gone = |why: String| {
            format!(
                "{why}\nDebian's mirror no longer serves rustc-web with an arm64 standard library of the same version \
                 (package set: rustc-web, libstd-rust-web-dev for amd64 and arm64). Add a suite that does, or put a \
                 compiler with the {TARGET} standard library on a machine that can run it."
            )
        };
        self.apt(&["download", "-qq", "rustc-web", "libstd-rust-web-dev", "libstd-rust-web-dev:arm64"]).map_err(gone)?;
        let standard = self.dependency("libstd-rust-web-dev_", "libstd-rust-web-").map_err(gone)?;
        self.apt(&["download", "-qq", &format!("{standard}:amd64")]).map_err(gone)?;
        let llvm = self.dependency(&format!("{standard}_"), "libllvm").map_err(gone)?;
        self.apt(&["download", "-qq", &format!("{llvm}:amd64")]).map_err(gone)?;
        for deb in packages_in(&debs) {
            let root = self.root().display().to_string();
            run_in(&debs, &[], "dpkg-deb", &["-x", &deb.display().to_string(), &root])?;
        }
        self.check().map_err(gone)?;
        for folder in [debs, self.prefix.join("lists")] {
            std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let stamp = self.prefix.join(STAMP);
        std::fs::write(&stamp, "").map_err(|e| format!("{}: {e}", stamp.display()))
    }

    /// apt with lists and downloads of its own, for both architectures.
    fn apt(&self, args: &[&str]) -> Done {
        let prefix = self.prefix.display();
        let options = [
            "APT::Architectures::=amd64".to_owned(),
            "APT::Architectures::=arm64".to_owned(),
            format!("Dir::State::Lists={prefix}/lists"),
            format!("Dir::Cache={prefix}"),
            "Acquire::Languages=none".to_owned(),
            // The cache may lie where apt's own user cannot write.
            format!("APT::Sandbox::User={}", std::env::var("USER").unwrap_or_else(|_| "root".into())),
        ];
        let options = options.iter().flat_map(|o| ["-o", o]);
        run_in(&self.prefix.join("debs"), &[], "apt-get", &options.chain(args.iter().copied()).collect::<Vec<_>>())
    }

    /// The package that a downloaded amd64 package depends on, by the beginning of its name followed by a digit.
    fn dependency(&self, of: &str, start: &str) -> Result<String, String> {
        let deb = packages_in(&self.prefix.join("debs"))
            .into_iter()
            .find(|deb| {
                deb.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with(of) && n.to_string_lossy().ends_with("_amd64.deb"))
            })
            .ok_or_else(|| format!("{of}*_amd64.deb was not downloaded"))?;
        let needs = output(&[], "dpkg-deb", &["-f", &deb.display().to_string(), "Depends"])?;
        needs
            .split([',', '|', ' '])
            .find(|name| name.strip_prefix(start).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
            .map(str::to_owned)
            .ok_or_else(|| format!("{}: depends on no {start}*", deb.display()))
    }

    /// The compiler runs, has the standard library, and is new enough; its version.
    fn check(&self) -> Result<String, String> {
        let env = [("LD_LIBRARY_PATH", self.libraries())];
        let rustc = self.root().join("usr/bin/rustc").display().to_string();
        let version = output(&env, &rustc, &["--version"])?;
        let least = env!("CARGO_PKG_RUST_VERSION");
        if minor(version.split(' ').nth(1).unwrap_or_default()) < minor(least) {
            return Err(format!("Debian's {version} is older than the {least} that this workspace needs"));
        }
        let folder = output(&env, &rustc, &["--print", "target-libdir", "--target", TARGET])?;
        let there = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"));
        if there { Ok(version) } else { Err(format!("{folder}: no standard library for {TARGET}")) }
    }
}

/// Major and minor number of `1.96.0`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|p| p.parse().ok());
    Some((parts.next()??, parts.next()??))
}

fn packages_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "deb"));
    found.sort();
    found
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
