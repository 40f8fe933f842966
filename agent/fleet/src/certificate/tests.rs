use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

#[test]
fn of_a_key_there_is_one_certificate_and_it_is_read_back() {
    let (owner, device) = (Signer::from_seed(&[1; 32]), Signer::from_seed(&[2; 32]));
    let made = |device: &Signer| issue(&name("home"), &owner, &name("pi-1"), &device.public()).expect("made");
    assert_eq!(made(&device), made(&device));
    assert_ne!(made(&device), made(&owner), "another key, another certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pi-1.crt");
    std::fs::write(&path, pem("CERTIFICATE", &made(&device))).expect("written");
    let authority = authority(&name("home"), &owner).expect("made");
    let read = Credentials::read(vec![authority], &path, &device).expect("read");
    assert_eq!(read.chain, [made(&device)]);
    assert_eq!(read.key.len(), 48);
    assert!(!format!("{read:?}").contains(&format!("{:?}", &read.key[16..])), "a secret is not printed");
}

#[test]
fn what_is_no_certificate_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pi-1.crt");
    let device = Signer::from_seed(&[2; 32]);
    let says = |path: &Path| Credentials::read(Vec::new(), path, &device).expect_err("none").to_string();
    assert!(says(&path).contains("planner enroll"), "{}", says(&path));
    std::fs::write(&path, "no certificate").expect("written");
    assert!(says(&path).contains("no certificate"), "{}", says(&path));
    std::fs::write(&path, vec![b'a'; 20 << 10]).expect("written");
    assert!(says(&path).contains("at most"), "{}", says(&path));
}

#[test]
fn names_that_differ_in_capitals_are_two() {
    assert_ne!(dns_name(&name("Pi")), dns_name(&name("pi")));
    assert!(dns_name(&name("a..b_")).len() < 64);
}
