//! Where a session that was told nothing can be reached, as Linux lists this process's sockets.

use crate::free;
use bus_zenoh::{Place, Role, Zenoh};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// Numbers of this process's sockets.
fn own() -> BTreeSet<String> {
    let files = fs::read_dir("/proc/self/fd").unwrap().filter_map(|f| fs::read_link(f.ok()?.path()).ok());
    let socket = |path: std::path::PathBuf| Some(path.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    files.filter_map(socket).collect()
}

/// Addresses, in hexadecimal, at which this process waits for TCP connections or takes datagrams.
fn reached() -> Vec<(&'static str, String)> {
    let mine = own();
    let mut found = Vec::new();
    // State 0A is a listener, 07 a datagram socket without a peer (proc_net_tcp of the kernel's documentation).
    for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let Ok(text) = fs::read_to_string(format!("/proc/self/net/{table}")) else { continue };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == state && mine.contains(fields[9]) {
                found.push((table, fields[1].to_owned()));
            }
        }
    }
    found
}

/// Set where this test is a process of its own: in others sockets of the tests beside it are open, too.
const ALONE: &str = "WATTLINE_ALONE";
const NAME: &str = "listening::nothing_is_reached_from_other_machines_unless_it_is_said";

#[test]
fn nothing_is_reached_from_other_machines_unless_it_is_said() {
    if !cfg!(target_os = "linux") {
        return;
    }
    if std::env::var_os(ALONE).is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let done = again.args(["--exact", NAME, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = [done.stdout, done.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
        assert!(done.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let at = free();
    let peer = Zenoh::open(&Place::default()).unwrap();
    let hub = Zenoh::open(&Place { role: Role::Hub, listen: Some(at.clone()), ..Place::default() }).unwrap();
    let leaf = Zenoh::open(&Place { role: Role::Leaf, connect: vec![at], ..Place::default() }).unwrap();
    let sockets = reached();
    assert!(sockets.len() >= 2, "a peer and a hub listen: {sockets:?}");
    for (table, address) in sockets {
        // 127.0.0.1, as the four bytes of a little-endian number; nothing speaks IPv6 or UDP.
        assert!(table == "tcp" && address.starts_with("0100007F:"), "{table} {address}");
    }
    drop((peer, hub, leaf));
    // The look is no blind one: an address for all is seen.
    let all = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    assert!(reached().iter().any(|(_, address)| address.starts_with("00000000:")), "{all:?}");
}
