//! Where the agents of a test live: each in a network namespace with a link that can be cut and a disk that can be
//! filled, where this runs as root; on the loopback otherwise.
//!
//! The test runs itself again inside namespaces of its own (`unshare`), so that nothing of it outlives its processes,
//! however they end. An agent's namespace is held open by a process beside it: the device stays when the agent dies.

use crate::fleet::Fleet;
use crate::models::{agent, root};
use protocol::Digest;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set in the process that runs inside.
const INSIDE: &str = "WATTLINE_FAULTS_INSIDE";
/// Room for an agent's state: some ledgers and plans.
const STATE: &str = "size=512k";
/// What the sensors' fixture says, thousandths of a degree.
const COOL: &str = "45000";
const HOT: &str = "90000";

/// Runs a test by its name once more, as root of namespaces of its own. `None`: it runs in them already. `Some(false)`:
/// there are none to be had here.
pub(super) fn inside(test: &str) -> Option<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return None;
    }
    let words = ["--net", "--mount", "--"];
    let can = Command::new("unshare").args(words).args(["ip", "link", "set", "lo", "up"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|s| s.success()) {
        return Some(false);
    }
    let mut again = Command::new("unshare");
    again.args(words).arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    assert!(again.env(INSIDE, "1").status().unwrap().success(), "{test} failed inside its namespaces");
    Some(true)
}

fn run(words: &str) {
    let mut parts = words.split(' ');
    let status = Command::new(parts.next().unwrap()).args(parts).status().unwrap();
    assert!(status.success(), "{words}");
}

/// A device: what stays of it when its agent dies.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) http: String,
    bus: String,
    hop: String,
    /// Holds the namespace.
    holder: Option<Child>,
    agent: Option<Child>,
    state: PathBuf,
    model: PathBuf,
    temperature: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        for child in [&mut self.agent, &mut self.holder].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.holder.is_some() {
            let _ = Command::new("umount").arg(&self.state).status();
        }
    }
}

pub(super) struct Home {
    pub(super) fleet: Fleet,
    pub(super) places: Vec<Place>,
    digest: Digest,
}

fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Home {
    /// Places for agents with a model, none of them started.
    pub(super) fn new(model: &Path, names: &[&'static str], real: bool) -> Self {
        let fleet = Fleet::of(model.to_owned(), names);
        if real {
            run("ip link set lo up");
            run("ip link add bridge type bridge");
            run("ip addr add 10.79.0.254/24 dev bridge");
            run("ip link set bridge up");
        }
        let places = (1u8..).zip(names).map(|(i, name)| Place::new(&fleet, model, name, real.then_some(i))).collect();
        let digest = Digest::read(&mut std::fs::File::open(model).unwrap()).unwrap();
        Self { fleet, places, digest }
    }

    /// Starts an agent; it serves when this returns, though perhaps no plan yet.
    pub(super) fn start(&mut self, i: usize) {
        let others = self.places.iter().filter(|p| p.name != self.places[i].name).map(|p| format!("'{}'", p.bus));
        let others = others.collect::<Vec<_>>().join(", ");
        let folder = self.fleet.folder.path().to_owned();
        let Place { name, http, bus, hop, holder, model, .. } = &self.places[i];
        let config = format!(
            "agent: {name}\nfleet: fleet.json\nkey: {name}.key\nstate: state-{name}\nlisten: '{bus}'\nconnect: [{others}]\n\
             hop: '{hop}'\nhttp: '{http}'\nmodels: {{ tiny: '{}' }}\ndigests: {{ tiny: {} }}\nsensors: sensors-{name}\n\
             threads: 1\nlimits: {{ window_ms: 500 }}\n",
            model.display(),
            self.digest
        );
        let file = folder.join(format!("{name}.yaml"));
        std::fs::write(&file, config).unwrap();
        let program = agent(&["run", "--config", &file.display().to_string()]);
        let mut command = match holder {
            None => program,
            Some(holder) => {
                let mut command = Command::new("nsenter");
                command.args(["-t", &holder.id().to_string(), "-n", "--"]).arg(program.get_program()).args(program.get_args());
                command
            }
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log"))).unwrap();
        let mut child = command.current_dir(root()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|e| {
            let log = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
            panic!("{name} said `{line}`: {e}; {log}")
        });
        assert_eq!(said["http"], http.as_str());
        self.places[i].agent = Some(child);
    }
}

impl Place {
    fn new(fleet: &Fleet, model: &Path, name: &'static str, number: Option<u8>) -> Self {
        let folder = fleet.folder.path();
        let own = folder.join(format!("tiny-{name}.gguf"));
        std::fs::copy(model, &own).unwrap();
        let zone = folder.join(format!("sensors-{name}/sys/class/thermal/thermal_zone0"));
        std::fs::create_dir_all(&zone).unwrap();
        std::fs::write(zone.join("type"), "cpu-thermal\n").unwrap();
        std::fs::write(zone.join("temp"), COOL).unwrap();
        // A limit, which is no measurement.
        std::fs::write(zone.join("trip_point_0_type"), "critical\n").unwrap();
        std::fs::write(zone.join("trip_point_0_temp"), "110000\n").unwrap();
        let state = folder.join(format!("state-{name}"));
        std::fs::create_dir_all(&state).unwrap();
        let at = |port: u16| number.map_or_else(free, |n| format!("10.79.0.{n}:{port}"));
        let (http, bus, hop) = (at(8080), at(7447), at(7400));
        let holder = number.map(|n| held(name, n, &state));
        Self { name, http, bus, hop, holder, agent: None, state, model: own, temperature: zone.join("temp") }
    }

    pub(super) fn kill(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    /// Sends a signal, as `kill` names it.
    pub(super) fn signal(&self, what: &str) {
        run(&format!("kill {what} {}", self.agent.as_ref().unwrap().id()));
    }

    /// Cuts its link to all others and to users, or joins it again.
    pub(super) fn link(&self, what: &str) {
        run(&format!("ip link set port-{} {what}", self.name));
    }

    /// Fills its disk to the last byte.
    pub(super) fn fill(&self) {
        let mut file = std::fs::File::create(self.state.join("filler")).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    pub(super) fn free(&self) {
        std::fs::remove_file(self.state.join("filler")).unwrap();
    }

    /// Changes one bit of its copy of the model, or changes it back.
    pub(super) fn flip(&self, moment: u64) {
        let mut bytes = std::fs::read(&self.model).unwrap();
        // In the second half are weights.
        let at = bytes.len() / 2 + moment as usize % (bytes.len() / 2);
        bytes[at] ^= 1;
        std::fs::write(&self.model, bytes).unwrap();
    }

    pub(super) fn heat(&self, hot: bool) {
        // As the kernel does: never half a number.
        let draft = self.temperature.with_file_name("draft");
        std::fs::write(&draft, if hot { HOT } else { COOL }).unwrap();
        std::fs::rename(draft, &self.temperature).unwrap();
    }
}

/// A namespace with one link to the bridge and a small disk, and the process that holds it.
fn held(name: &str, number: u8, state: &Path) -> Child {
    run(&format!("mount -t tmpfs -o {STATE} tmpfs {}", state.display()));
    // Ends when its stdin does, which is when this test ends.
    let holder =
        Command::new("unshare").args(["--net", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let id = holder.id();
    let space = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).unwrap();
    while space(&id.to_string()) == space("self") {
        std::thread::sleep(Duration::from_millis(5));
    }
    run(&format!("ip link add port-{name} type veth peer name eth0 netns {id}"));
    run(&format!("ip link set port-{name} master bridge up"));
    for words in ["link set lo up", &format!("addr add 10.79.0.{number}/24 dev eth0"), "link set eth0 up"] {
        run(&format!("nsenter -t {id} -n -- ip {words}"));
    }
    holder
}
