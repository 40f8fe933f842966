//! As much of JSON Schema as the scenario's schema uses.

use serde_json::Value;

/// Everything in `value` that the schema does not allow, with its path; panics on a keyword that is not understood here.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let fits = |inner: &Value| {
        let mut inside = Vec::new();
        check(root, inner, value, path, &mut inside);
        inside.is_empty()
    };
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "description" | "examples" | "title" | "$schema" | "$defs" | "pattern" | "maxLength" | "format" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().rsplit('/').next().unwrap();
                check(root, &root["$defs"][name], value, path, found);
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|inner| check(root, inner, value, path, found)),
            "anyOf" | "oneOf" => {
                if !rule.as_array().unwrap().iter().any(fits) {
                    found.push(format!("{path}: {value} is none of the choices"));
                }
            }
            "const" => {
                if value != rule {
                    found.push(format!("{path}: {value} is not {rule}"));
                }
            }
            "type" => {
                let right = match rule.as_str().unwrap() {
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("type {other}"),
                };
                if !right {
                    found.push(format!("{path}: {value} is not of type {rule}"));
                }
            }
            "minimum" => {
                if value.as_f64().is_some_and(|v| v < rule.as_f64().unwrap()) {
                    found.push(format!("{path}: {value} is below {rule}"));
                }
            }
            "minItems" | "maxItems" => {
                let (length, limit) = (value.as_array().map_or(0, Vec::len) as u64, rule.as_u64().unwrap());
                if value.is_array() && if keyword == "minItems" { length < limit } else { length > limit } {
                    found.push(format!("{path}: {length} entries"));
                }
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}/{i}"), found);
                }
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(schema) => check(root, schema, inner, &format!("{path}/{key}"), found),
                        None => found.push(format!("{path}: `{key}` is not in the schema")),
                    }
                }
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
                        found.push(format!("{path}: {key} is missing"));
                    }
                }
            }
            "additionalProperties" => assert_eq!(rule, &Value::Bool(false), "{path}"),
            other => panic!("keyword {other}"),
        }
    }
}

#[test]
fn the_checker_finds_faults() {
    let schema = scenarios::schema();
    let value = serde_json::json!({
        "name": 7, "sites": [], "devices": [{ "profile": "x" }], "services": [{ "name": "s", "zzz": 1 }], "objective": "speed",
    });
    let found = problems(&schema, &value).join("\n");
    for part in ["/name", "/sites", "/devices/0", "`zzz`", "/objective"] {
        assert!(found.contains(part), "{part} in\n{found}");
    }
}
