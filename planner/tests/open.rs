//! `optimize --open` hands the report to whatever shows pages on this machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Plans with these programs alone in reach.
fn plan(programs: &Path, out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_planner"))
        .args(["optimize", "scenarios/home.yaml", "--time", "1s", "--quiet", "--open", "--out"])
        .arg(out)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .env("PATH", programs)
        .output()
        .unwrap()
}

#[test]
fn the_page_is_handed_to_the_opener() {
    let (programs, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (opener, seen) = (programs.path().join("xdg-open"), programs.path().join("seen"));
    std::fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > {0}.new && /bin/mv {0}.new {0}\n", seen.display())).unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = plan(programs.path(), out.path());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The opener runs by itself; nobody waits for a browser.
    let told = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        std::fs::read_to_string(&seen).ok()
    });
    assert_eq!(told.unwrap().trim(), out.path().join("index.html").display().to_string());
}

#[test]
fn without_an_opener_the_plan_is_still_made() {
    let (programs, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let done = plan(programs.path(), out.path());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("warning: no browser took"), "{said}");
    assert!(out.path().join("index.html").is_file());
}
