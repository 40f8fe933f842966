//! Profiles that promise what devices do not keep: real agents serve, and `planner watch` plans by what they measure.

use crate::lab::{Lab, agent, planner};
use crate::live_page::Watch;
use engine::testing::Tiny;
use planner::drift::{correct, of_plan};
use profiles::{Catalogue, DeviceProfile, Quality};
use protocol::{Fitted, Plan};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const LAB: &str = "\
name: lab
agents: [one, two]
models: { smollm2-135m: tiny.gguf }
limits: { window_ms: 3000 }
services:
  - { name: chat, model: smollm2-135m, stages: [{ agent: one, layers: 30, weights: w8 }] }
";

/// Two devices with profiles of their own, one service, perhaps with a deadline for each token.
fn scenario(folder: &Path, name: &str, one: &DeviceProfile, two: &DeviceProfile, deadline: &str) -> PathBuf {
    for (device, profile) in [("one", one), ("two", two)] {
        // JSON is YAML.
        std::fs::write(folder.join(format!("{name}-{device}.yaml")), json!({ "device": profile }).to_string()).unwrap();
    }
    let text = format!(
        "\
name: lab
sites: [{{ name: desk, ambient: 22 °C, link: gigabit-ethernet }}]
devices:
  - {{ name: one, profile_file: {name}-one.yaml }}
  - {{ name: two, profile_file: {name}-two.yaml }}
services:
  - name: chat
    models: [smollm2-135m]
    precisions: [w8]
    rate: 20 /h
    prompt: 20 tokens
    answer: 20 tokens
    {deadline}
objective: power
"
    );
    let file = folder.join(format!("{name}.yaml"));
    std::fs::write(&file, text).unwrap();
    file
}

/// The profile of a device that takes so many times its time.
fn slower(profile: &DeviceProfile, time: f64, power: f64) -> DeviceProfile {
    let mut changed = profile.clone();
    correct(&mut changed, &Fitted { time, power: Some(power), samples: 1, quality: Quality::Fitted });
    changed
}

fn newest(lab: &Lab) -> Plan {
    let done =
        planner().args(["status", "--format", "json", "--agent", &lab.entry, "--fleet"]).arg(lab.fleet()).output().unwrap();
    let status: Value = serde_json::from_slice(&done.stdout).unwrap();
    let generation = status["newest"]["generation"].as_u64().unwrap();
    serde_json::from_slice(&std::fs::read(lab.fleet().join(format!("plans/{generation}.json"))).unwrap()).unwrap()
}

/// Runs something while users ask all the time.
fn used<T>(lab: &Lab, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let body = json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 20 });
            while !done.load(Ordering::SeqCst) {
                // While a plan changes some are refused.
                let _ = lab.ask(&body);
            }
        });
        // Ends the other thread also where this one fails.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let _end = End(&done);
        work()
    })
}

#[test]
fn a_profile_that_promises_twice_the_speed_is_found_out() {
    if !agent() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_path_buf();
    // As many layers as the model of the catalogue whose place it takes, and nearly as wide: what is learnt of a device
    // is believed to a factor of sixteen only.
    let tiny = Tiny { layers: 30, context: 512, hidden: 512, wide: 1_024, heads: 8, head_dim: 64, ..Tiny::new("llama") };
    tiny.writer().unwrap().save(&path.join("tiny.gguf")).unwrap();
    let file = path.join("lab.yaml");
    std::fs::write(&file, LAB).unwrap();
    let lab = Lab::of(&file, folder, &["--no-report"]);

    // How fast this machine is beside some profile.
    let known = Catalogue::builtin().device("rpi5-8gb").unwrap();
    let dear = slower(known, 1.0, 1.5);
    let mut watch = Watch::start(&scenario(&path, "known", known, &dear, ""), &lab, &[]);
    watch.event("served", "");
    let first = newest(&lab);
    assert_eq!(first.services[0].replicas[0].stages[0].device, "one", "the cheaper device");
    let found = used(&lab, || watch.event("fitted", "one"));
    drop(watch);
    let truth = found["time"].as_f64().unwrap();
    assert!(truth > 0.07 && truth < 15.0 && found["samples"].as_u64().unwrap() >= 2, "within what is believed: {found}");
    assert!(found["power"].is_null(), "this machine's agents read no sensor of one device's power: {found}");

    // One promises twice the true speed, for less power; only its promise keeps the deadline. Two's keeps it as well.
    let token_s = truth * first.services[0].replicas[0].tpot_s;
    let (one, two) = (slower(known, truth / 2.0, 1.0), slower(&dear, truth / 1.9, 1.0));
    let deadline = format!("deadline: {{ tpot: {} ms }}", 1e3 * token_s / 1.6);
    let scenario = scenario(&path, "twice", &one, &two, &deadline);
    let mut watch = Watch::start(&scenario, &lab, &[]);
    watch.event("served", "");
    assert_eq!(newest(&lab).services[0].replicas[0].stages[0].device, "one", "by its promise");
    let (found, moved) = used(&lab, || (watch.event("fitted", "one"), watch.event("served", "")));
    let time = found["time"].as_f64().unwrap();
    assert!(time > 1.6 && time < 4.0, "twice as slow as promised: {found}");
    assert!(moved["text"].as_str().unwrap().contains("with one as measured"), "{moved}");
    let plan = newest(&lab);
    assert_eq!(plan.services[0].replicas[0].stages[0].device, "two");
    assert!((of_plan(&plan)["one"].time - time).abs() < 1e-12, "the plan says what it counted with");
    // It is a sound plan of the user's own scenario.
    let saved = path.join("plan.json");
    std::fs::write(&saved, serde_json::to_vec(&plan).unwrap()).unwrap();
    let check = planner().arg("check").arg(&scenario).arg("--plan").arg(&saved).output().unwrap();
    let text = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(check.status.success() && text.contains("times the time of its profile"), "{text}");
}
