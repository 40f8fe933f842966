use super::*;

fn settings(more: serde_json::Value) -> Settings {
    let mut all = serde_json::json!({ "agent": "pi-1", "fleet": "fleet.json", "key": "pi-1.key", "state": "state" });
    let more = more.as_object().expect("keys").clone();
    all.as_object_mut().expect("keys").extend(more);
    serde_json::from_value(all).expect("settings")
}

#[test]
fn by_default_nothing_is_reached_from_other_machines() {
    let plain = settings(serde_json::json!({}));
    assert!(plain.listen.is_none() && plain.hop.ip().is_loopback() && plain.http.ip().is_loopback());
    assert_eq!(plain.role, Role::Peer);
    assert_eq!(plain.exposed(false), Vec::<String>::new());
    for at in ["127.0.0.1:7447", "tcp/[::1]:1", "localhost:7447"] {
        assert_eq!(settings(serde_json::json!({ "listen": at })).exposed(false), Vec::<String>::new(), "{at}");
    }
}

#[test]
fn what_is_reached_is_said() {
    let open = serde_json::json!({ "listen": "pi-1.lan:7447", "hop": "0.0.0.0:7448", "http": "[::]:8080", "role": "hub" });
    let lines = settings(open.clone()).exposed(false);
    let starts: Vec<_> = lines.iter().map(|l| l.split(' ').next().expect("a word")).collect();
    assert_eq!(starts, ["listen:", "hop:", "http:"]);
    assert!(lines[1].contains("no certificates") && lines[2].contains("api_keys"), "{lines:?}");
    let lines = settings(open.clone()).exposed(true);
    assert!(lines.len() == 1 && lines[0].starts_with("http:"), "{lines:?}");
    let mut keyed = settings(open);
    keyed.api_keys.push("secret".into());
    let lines = keyed.exposed(true);
    assert!(!lines[0].contains("anyone") && lines[0].contains("not secret"), "{lines:?}");
    // What leaves is said as well.
    let traced = |at: &str| settings(serde_json::json!({ "otlp": at })).exposed(true);
    assert!(traced("127.0.0.1:4318").is_empty() && traced("collector.lan:4318")[0].starts_with("otlp: collector.lan:4318"));
}

#[test]
fn a_power_mode_has_a_command() {
    let read = |command: serde_json::Value| {
        let file = serde_json::json!({ "agent": "a", "fleet": "f", "key": "k", "state": "s", "power_modes": { "15w": command } });
        serde_json::from_value::<Settings>(file)
    };
    assert_eq!(read(serde_json::json!(["nvpmodel", "-m", "2"])).expect("a command").power_modes["15w"].len(), 3);
    let why = read(serde_json::json!([])).expect_err("none").to_string();
    assert!(why.contains("power mode `15w` has no command") && why.contains("nvpmodel"), "{why}");
}
