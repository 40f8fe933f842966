//! Bill of materials in CycloneDX 1.5, JSON: same lock file, same bytes.

use super::tree::{self, Part};
use std::fmt::Write as _;

/// Everything that is linked into a program of this workspace for a target.
pub(crate) fn bill(package: &str, target: &str) -> Result<String, String> {
    let parts = tree::of(&["-p", package, "-e", "normal"], &[target])?;
    let locked = tree::lock()?;
    let own = parts.iter().find(|p| p.name == package && p.ours).ok_or_else(|| format!("cargo tree does not name {package}"))?;
    let mut out = String::from("{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n");
    let _ = writeln!(
        out,
        "  \"metadata\": {{ \"component\": {{ \"type\": \"application\", \"bom-ref\": {0}, \"name\": {0}, \"version\": {1} }}, \
         \"properties\": [{{ \"name\": \"cargo:target\", \"value\": {2} }}] }},\n  \"components\": [",
        text(package),
        text(&own.version),
        text(target)
    );
    let others: Vec<&Part> = parts.iter().filter(|p| p.name != package).collect();
    for (i, part) in others.iter().enumerate() {
        let entry = locked.iter().find(|l| l.name == part.name && l.version == part.version);
        let checksum = entry.and_then(|l| l.checksum.as_deref());
        let _ = write!(
            out,
            "    {{ \"type\": \"library\", \"bom-ref\": {0}, \"name\": {1}, \"version\": {2}, \"purl\": {0}, \
             \"licenses\": [{{ \"expression\": {3} }}]",
            text(&format!("pkg:cargo/{}@{}", part.name, part.version)),
            text(&part.name),
            text(&part.version),
            // The older way to write a choice is no SPDX expression.
            text(&part.licence.replace('/', " OR "))
        );
        if let Some(checksum) = checksum {
            let _ = write!(out, ", \"hashes\": [{{ \"alg\": \"SHA-256\", \"content\": {} }}]", text(checksum));
        }
        out += if i + 1 < others.len() { " },\n" } else { " }\n" };
    }
    out += "  ]\n}\n";
    Ok(out)
}

/// A JSON string.
fn text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out + "\""
}
