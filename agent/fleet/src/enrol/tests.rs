use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

#[test]
fn keys_and_roster_are_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |file: &str| folder.path().join(file);
    let owners = Owners::from(make_key(&at("planner.key")).expect("a key"));
    let planner = &owners.now;
    assert_eq!(fs::metadata(at("planner.key")).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(read_key(&at("planner.key")).expect("its own key").public(), planner.public());
    assert!(matches!(make_key(&at("planner.key")), Err(EnrolError::File { .. })), "a key is never written over");
    let mut roster = Roster::new(name("home"), planner).expect("a certificate");
    let agent = roster.enrol(name("pi-1"), folder.path(), &owners).expect("new");
    assert_ne!(agent.public(), planner.public());
    assert_eq!(read_key(&at("pi-1.key")).expect("its key").public(), agent.public());
    assert!(matches!(roster.enrol(name("pi-1"), folder.path(), &owners), Err(EnrolError::Twice { .. })));
    roster.write(&at("fleet.json")).expect("written");
    let read = Roster::read(&at("fleet.json")).expect("read");
    assert_eq!(read, roster);
    assert!(read.knows(&name("pi-1"), &agent.public()) && !read.knows(&name("pi-1"), &planner.public()));
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |file: &str| folder.path().join(file);
    make_key(&at("open.key")).expect("a key");
    fs::set_permissions(at("open.key"), fs::Permissions::from_mode(0o644)).expect("changed");
    assert!(read_key(&at("open.key")).expect_err("readable by others").to_string().contains("chmod 600"));
    fs::write(at("short.key"), "wattline-key/1 00\n").expect("written");
    fs::set_permissions(at("short.key"), fs::Permissions::from_mode(0o600)).expect("changed");
    assert!(matches!(read_key(&at("short.key")), Err(EnrolError::NoKey { .. })));
    for (text, why) in [
        ("{}", "missing field"),
        (r#"{"schema":"wattline.roster/2","fleet":"home","planners":[],"agents":{}}"#, "this version reads"),
        (r#"{"schema":"wattline.roster/1","fleet":"home","planners":["00"],"agents":{}}"#, "public key"),
    ] {
        fs::write(at("fleet.json"), text).expect("written");
        let said = Roster::read(&at("fleet.json")).expect_err(text).to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_owners_key_is_replaced_in_two_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |file: &str| folder.path().join(file);
    let mut owners = Owners::from(make_key(&at("planner.key")).expect("a key"));
    let mut roster = Roster::new(name("home"), &owners.now).expect("a certificate");
    let agent = roster.enrol(name("pi-1"), folder.path(), &owners).expect("new");
    let read =
        |roster: &Roster| certificate::Credentials::read(roster.authorities(), &at("pi-1.crt"), &agent).expect("a certificate");
    assert_eq!(read(&roster).chain.len(), 1);
    owners.next = Some(make_key(&at("planner-next.key")).expect("another key"));
    for _ in 0..2 {
        roster.begin_rotation(folder.path(), &owners).expect("both are believed, and once");
        assert_eq!((roster.authorities().len(), read(&roster).chain.len()), (2, 2));
    }
    let next = owners.next.as_ref().expect("it is there");
    roster.end_rotation(next).expect("the old one is not believed any more");
    assert_eq!(roster.authorities(), [certificate::authority(&name("home"), next).expect("made")]);
    assert_eq!(roster.planners(), Keyring::new([next.public()]));
}
