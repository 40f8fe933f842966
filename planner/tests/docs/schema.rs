//! A JSON Schema as tables: one a type, a row a key.

use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

/// What `planner schema NAME` prints.
pub(super) fn of(name: &str) -> Value {
    let done = Command::new(env!("CARGO_BIN_EXE_planner")).args(["schema", name]).output().unwrap();
    assert!(done.status.success(), "planner schema {name}");
    serde_json::from_slice(&done.stdout).unwrap()
}

pub(super) fn tables(schema: &Value) -> String {
    let mut out = String::new();
    table("The file", schema, &mut out);
    for (name, of) in schema["$defs"].as_object().into_iter().flatten() {
        table(name, of, &mut out);
    }
    out
}

fn table(name: &str, of: &Value, out: &mut String) {
    let _ = writeln!(out, "## {name}\n");
    let about = said(of);
    if !about.is_empty() {
        let _ = writeln!(out, "{about}\n");
    }
    let choices = choices(of);
    if let Some(keys) = of["properties"].as_object() {
        let required: Vec<&str> = of["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let _ = writeln!(out, "| key | type | required | what |\n| --- | --- | --- | --- |");
        for (key, value) in keys {
            let must = if required.contains(&key.as_str()) { "yes" } else { "" };
            let _ = writeln!(out, "| `{key}` | {} | {must} | {} |", kind(value), said(value));
        }
        out.push('\n');
    } else if choices.is_empty() {
        let _ = writeln!(out, "Type: {}.\n", kind(of));
    }
    for (word, what) in choices {
        let _ = writeln!(out, "- {word}{}{what}", if what.is_empty() { "" } else { ": " });
    }
    if out.ends_with("\n\n") {
        return;
    }
    out.push('\n');
}

/// Description in one line, safe in a table.
fn said(of: &Value) -> String {
    // Links to code mean nothing outside of it: their text stays.
    let mut text = of["description"].as_str().unwrap_or_default().replace("[`", "`").replace("`]", "`");
    while let Some(at) = text.find("(crate::") {
        let end = text[at..].find(')').map_or(text.len(), |n| at + n + 1);
        text.replace_range(at..end, "");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Words or forms of which one is meant.
fn choices(of: &Value) -> Vec<(String, String)> {
    let listed = of["oneOf"].as_array().or_else(|| of["anyOf"].as_array()).into_iter().flatten();
    let mut found: Vec<(String, String)> = listed.map(|c| (form(c), said(c))).collect();
    found.extend(of["enum"].as_array().into_iter().flatten().map(|w| (format!("`{w}`"), String::new())));
    found
}

fn form(of: &Value) -> String {
    match of["properties"].as_object() {
        Some(keys) => keys.iter().map(|(key, value)| format!("`{key}:` {}", kind(value))).collect::<Vec<_>>().join(", "),
        None => kind(of),
    }
}

fn kind(of: &Value) -> String {
    if let Some(word) = of.get("const") {
        return format!("`{word}`");
    }
    if let Some(target) = of["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or(target);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(words) = of["enum"].as_array() {
        return words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" or ");
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(all) = of[key].as_array() {
            let mut kinds: Vec<String> = all.iter().map(kind).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
    }
    match &of["type"] {
        Value::String(word) if word == "array" => format!("list of {}", kind(&of["items"])),
        Value::String(word) if word == "object" && of["additionalProperties"].is_object() => {
            format!("map to {}", kind(&of["additionalProperties"]))
        }
        Value::String(word) => word.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}
