use super::*;
use fleet::certificate::{authority, issue};
use protocol::Signer;
use std::net::TcpListener;
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32])
}

/// A device's credentials by one owner, where it trusts another.
pub(crate) fn device(called: &str, owner: u8, trusts: u8) -> Tls {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("own.crt");
    let key = signer(called.as_bytes()[0]);
    let made = issue(&name("home"), &signer(owner), &name(called), &key.public()).expect("made");
    std::fs::write(&path, fleet::certificate::pem("CERTIFICATE", &made)).expect("written");
    let authorities = vec![authority(&name("home"), &signer(trusts)).expect("made")];
    Tls::new(&Credentials::read(authorities, &path, &key).expect("read")).expect("they fit")
}

/// What came of a stream on a side, or why not.
type Said<T> = Result<T, String>;

/// Opens a stream to `b` and says two bytes; on the called side, what was read and what for.
fn say(caller: Option<&Tls>, called: Option<&Tls>, what: Use) -> (Said<()>, Said<(Use, [u8; 2])>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("a way");
    let far = listener.accept().expect("a caller").0;
    for stream in [&near, &far] {
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    }
    std::thread::scope(|scope| {
        let far = scope.spawn(move || {
            let (mut stream, what) = Stream::called(called, far).map_err(|e| e.to_string())?;
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes).map_err(|e| e.to_string())?;
            stream.write_all(b"k").and_then(|()| stream.finish()).map_err(|e| e.to_string())?;
            Ok((what, bytes))
        });
        let talk = || {
            let mut stream = Stream::calling(caller, what, &name("b"), near)?;
            stream.write_all(b"ok").and_then(|()| stream.flush())?;
            let mut all = Vec::new();
            stream.read_to_end(&mut all)?;
            if all == b"k" { Ok(()) } else { Err(io::Error::other("no answer")) }
        };
        let near = talk().map_err(|e: io::Error| e.to_string());
        (near, far.join().expect("no panic"))
    })
}

#[test]
fn devices_of_one_owner_speak_and_say_what_for() {
    let (a, b) = (device("a", 7, 7), device("b", 7, 7));
    for what in Use::ALL {
        assert_eq!(say(Some(&a), Some(&b), what), (Ok(()), Ok((what, *b"ok"))));
    }
    assert_eq!(say(None, None, Use::Hop), (Ok(()), Ok((Use::Hop, *b"ok"))));
}

#[test]
fn a_stranger_is_refused_by_whoever_is_asked() {
    let (a, b) = (device("a", 7, 7), device("b", 7, 7));
    let refused = |caller: Option<&Tls>, called: Option<&Tls>| {
        let (near, far) = say(caller, called, Use::Hop);
        assert!(near.is_err() && far.is_err(), "{near:?} {far:?}");
        (near.expect_err("refused"), far.expect_err("refused"))
    };
    let (_, why) = refused(Some(&device("a", 9, 7)), Some(&b));
    assert!(why.contains("UnknownIssuer") || why.contains("invalid peer certificate"), "a rogue caller: {why}");
    let (why, _) = refused(Some(&a), Some(&device("b", 9, 7)));
    assert!(why.contains("invalid peer certificate"), "a rogue stage: {why}");
    let (why, _) = refused(Some(&a), Some(&device("c", 7, 7)));
    assert!(why.contains("not valid for"), "another device in its place: {why}");
    refused(None, Some(&b));
}

#[test]
fn a_certificate_needs_its_own_key() {
    let key = signer(1);
    let made = issue(&name("home"), &signer(7), &name("a"), &signer(2).public()).expect("made");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.crt");
    std::fs::write(&path, fleet::certificate::pem("CERTIFICATE", &made)).expect("written");
    let authorities = vec![authority(&name("home"), &signer(7)).expect("made")];
    assert!(Tls::new(&Credentials::read(authorities, &path, &key).expect("read")).is_err());
}
