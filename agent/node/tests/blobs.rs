//! Devices without a model's file fetch what their stages need of it, from whoever has it, and believe nothing that is
//! not the owner's file.

use crate::client::{Answer, ask, get, post};
use crate::world::{Part, World, plan, serves, share, until};
use engine::testing::Tiny;
use node::Origin;
use profiles::WeightFormat::{W4, W8};
use protocol::{BlobRef, Manifest};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Eight layers of about a mebibyte: some tens of chunks.
const LARGE: Tiny =
    Tiny { layers: 8, hidden: 256, heads: 4, kv_heads: 2, head_dim: 64, wide: 1024, context: 256, ..Tiny::new("llama") };
const CHUNK: u64 = 256 << 10;

const SPLIT: [Part; 2] = [("a", 0, 3, W8), ("b", 3, 10, W4)];

fn large(folder: &Path) -> (PathBuf, Manifest) {
    saved(folder, &LARGE)
}

fn saved(folder: &Path, model: &Tiny) -> (PathBuf, Manifest) {
    let path = folder.join("large.gguf");
    model.writer().unwrap().save(&path).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let manifest = Manifest::of(&mut std::fs::File::open(&path).unwrap(), bytes).unwrap();
    (path, manifest)
}

/// A fleet of a and b, of which only a was told of the file.
fn world() -> (World, Manifest) {
    let mut world = World::of(&["a", "b"]);
    let (path, manifest) = large(world.folder.path());
    world.meant.insert("tiny".into(), manifest.blob().unwrap());
    world.models.insert("a".into(), BTreeMap::from([("tiny".into(), path)]));
    world.models.insert("b".into(), BTreeMap::new());
    (world, manifest)
}

fn text(at: SocketAddr) -> String {
    let body = json!({ "model": "chat", "prompt": "hello", "temperature": 0, "max_tokens": 12 });
    let answer = post(at, "/v1/completions", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["choices"][0]["text"].as_str().unwrap().to_owned()
}

/// Bytes that an agent has sent, or fetched.
fn bytes(at: SocketAddr, way: &str) -> u64 {
    let label = format!("wattline_blob_bytes_total{{way=\"{way}\"}} ");
    let metrics = get(at, "/metrics").body;
    metrics.lines().find_map(|l| l.strip_prefix(&label)).unwrap().parse::<f64>().unwrap() as u64
}

fn notes(at: SocketAddr) -> String {
    get(at, "/fleet/status").json()["notes"].to_string()
}

/// Where b keeps what it fetched.
fn part(world: &World, manifest: &Manifest) -> PathBuf {
    world.path("state-b").join("blobs").join(format!("{}.part", manifest.sha256))
}

/// What all devices say when each has the whole file.
fn expected(parts: &[Part]) -> String {
    let (mut whole, manifest) = world();
    whole.models.insert("b".into(), whole.models["a"].clone());
    assert_eq!(manifest.chunks.len() as u64, manifest.bytes.div_ceil(CHUNK));
    let a = whole.start("a");
    whole.start("b");
    whole.apply(&plan(&["a", "b"], parts, 16), a);
    text(a)
}

#[test]
fn a_device_fetches_what_its_stages_need_and_no_more() {
    let (mut world, manifest) = world();
    let a = world.start("a");
    let b = world.start("b");
    world.apply(&plan(&["a", "b"], &SPLIT, 16), a);
    assert_eq!(text(a), expected(&SPLIT));
    // Six of eight layers, no layer of a's.
    let got = bytes(b, "fetched");
    assert_eq!((got, bytes(a, "sent")), (got, got), "nothing was sent twice");
    assert!(got > manifest.bytes / 2 && got < manifest.bytes * 9 / 10, "{got} of {}", manifest.bytes);
    let sparse = std::fs::metadata(part(&world, &manifest)).unwrap();
    assert_eq!(sparse.len(), manifest.bytes);
    assert!(std::os::unix::fs::MetadataExt::blocks(&sparse) * 512 < manifest.bytes);

    // A stage more: only what that adds. Then a restart, which fetches nothing.
    let more: [Part; 2] = [("a", 0, 2, W8), ("b", 2, 10, W4)];
    world.apply(&plan(&["a", "b"], &more, 16), a);
    let added = bytes(b, "fetched") - got;
    assert!(added > 0 && added < manifest.bytes / 4, "{added}");
    world.nodes.remove("b");
    let b = world.start("b");
    until("b is back", || serves(b, 2));
    assert_eq!(bytes(b, "fetched"), 0);
    assert_eq!(text(b), text(a));
}

/// Of a stage that two devices share, a partner fetches its rows of the matrices whose rows are divided, all of the others,
/// and neither table.
#[test]
fn a_partner_fetches_its_part_of_the_layers() {
    let (mut world, _) = world();
    let (path, manifest) = saved(world.folder.path(), &Tiny { layers: 2, hidden: 512, wide: 4_096, ..LARGE });
    world.meant.insert("tiny".into(), manifest.blob().unwrap());
    let a = world.start("a");
    let b = world.start("b");
    let mut content = plan(&["a", "b"], &[("a", 0, 4, W8)], 16);
    share(&mut content, 0, "b", 1);
    world.apply(&content, a);
    let said = text(a);
    // Half of gate, up, queries, keys and values; all of down and output: about two thirds of the layers.
    let got = bytes(b, "fetched");
    assert!(got > manifest.bytes / 2 && got < manifest.bytes * 4 / 5, "{got} of {}", manifest.bytes);
    world.models.insert("b".into(), BTreeMap::from([("tiny".into(), path)]));
    drop(world.nodes.remove("b"));
    world.start("b");
    until("b is back with the whole file", || serves(world.nodes["b"].http(), 1) && get(a, "/readyz").status == 200);
    assert_eq!(text(a), said, "what is not fetched is not used");
}

#[test]
fn a_damaged_chunk_is_told_at_the_next_start_and_fetched_again() {
    let (mut world, manifest) = world();
    let a = world.start("a");
    world.start("b");
    world.apply(&plan(&["a", "b"], &SPLIT, 16), a);
    let said = text(a);
    world.nodes.remove("b");
    let path = part(&world, &manifest);
    let mut file = std::fs::read(&path).unwrap();
    // In the last layer, which is b's.
    let at = file.len() - 100_000;
    file[at] ^= 0x10;
    std::fs::write(&path, &file).unwrap();
    let b = world.start("b");
    until("b is back", || serves(b, 1));
    assert_eq!(bytes(b, "fetched"), CHUNK, "one chunk");
    until("a sees it", || post(a, "/v1/completions", &json!({ "model": "chat", "prompt": "x", "max_tokens": 1 })).status == 200);
    assert_eq!(text(a), said);
}

#[test]
fn a_file_of_ones_own_that_is_another_is_not_used() {
    let (mut world, _) = world();
    let other = world.path("other.gguf");
    Tiny { seed: 9, ..LARGE }.writer().unwrap().save(&other).unwrap();
    world.models.insert("b".into(), BTreeMap::from([("tiny".into(), other)]));
    let a = world.start("a");
    let b = world.start("b");
    world.apply(&plan(&["a", "b"], &SPLIT, 16), a);
    assert_eq!(text(a), expected(&SPLIT));
    assert!(bytes(b, "fetched") > 0);
}

#[test]
fn what_nobody_has_is_said_and_waited_for() {
    let (mut world, manifest) = world();
    world.models.insert("a".into(), BTreeMap::new());
    let a = world.start("a");
    let b = world.start("b");
    let sealed = world.seal(&plan(&["a", "b"], &SPLIT, 16));
    assert_eq!(ask(a, "PUT", "/fleet/plan", "", &sealed).status, 202);
    until("b says what it lacks", || notes(b).contains("is nowhere (asked a"));
    let before = notes(b);
    assert!(before.contains("the list of chunks"), "{before}");
    // It comes: the plan was not given up meanwhile.
    let (path, _) = large(world.folder.path());
    let (files, _counts) = web(&path, &manifest, Ills::default());
    world.nodes.remove("b");
    world.nodes.remove("a");
    world.origins = vec![files];
    let a = world.start("a");
    let b = world.start("b");
    until("both serve", || serves(a, 1) && serves(b, 1));
    assert_eq!(text(b), expected(&SPLIT));
}

/// What a web server does wrong.
#[derive(Clone, Copy, Default)]
struct Ills {
    /// Every answer ends after so many bytes of a file.
    breaks_after: Option<usize>,
    /// One bit of each file is another.
    bends: bool,
    /// It knows no ranges.
    whole: bool,
}

/// A web server with a file and its list, by digest; and how often it was asked.
fn web(path: &Path, manifest: &Manifest, ills: Ills) -> (Origin, Arc<AtomicUsize>) {
    let list = manifest.to_bytes().unwrap();
    let mut file = std::fs::read(path).unwrap();
    if ills.bends {
        let at = file.len() - 100_000;
        file[at] ^= 1;
    }
    let names = [manifest.blob().unwrap().manifest.to_string(), manifest.sha256.to_string()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}/models", listener.local_addr().unwrap()).parse().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            let range = lines.take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix("Range: bytes=").map(str::to_owned));
            counts.fetch_add(1, Ordering::SeqCst);
            let body = if request.contains(&format!("/models/{}", names[0])) { &list } else { &file };
            assert!(names.iter().any(|n| request.contains(n)), "{request}");
            let range = range.filter(|_| !ills.whole).map(|r| {
                let (first, last) = r.split_once('-').unwrap();
                first.parse::<usize>().unwrap()..last.parse::<usize>().unwrap() + 1
            });
            let some = &body[range.clone().unwrap_or(0..body.len())];
            let mut head = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", if range.is_some() { 206 } else { 200 }, some.len());
            if let Some(r) = range {
                head += &format!("Content-Range: bytes {}-{}/{}\r\n", r.start, r.end - 1, body.len());
            }
            let sent = ills.breaks_after.filter(|_| body.len() == file.len()).unwrap_or(usize::MAX).min(some.len());
            // Whoever asked may have what it wanted.
            let _ = stream.write_all((head + "\r\n").as_bytes()).and_then(|()| stream.write_all(&some[..sent]));
        }
    });
    (origin, asked)
}

/// Both devices have no file, and these origins.
fn from_origins(ills: &[Ills]) -> (String, Vec<usize>, u64, Answer) {
    let (mut world, manifest) = world();
    let (path, _) = large(world.folder.path());
    let served: Vec<_> = ills.iter().map(|i| web(&path, &manifest, *i)).collect();
    world.models.insert("a".into(), BTreeMap::new());
    world.origins = served.iter().map(|(o, _)| o.clone()).collect();
    let a = world.start("a");
    let b = world.start("b");
    world.apply(&plan(&["a", "b"], &SPLIT, 16), a);
    let asked = served.iter().map(|(_, n)| n.load(Ordering::SeqCst)).collect();
    (text(a), asked, bytes(b, "fetched"), get(b, "/fleet/status"))
}

#[test]
fn origins_that_break_bend_or_know_no_ranges() {
    let said = expected(&SPLIT);
    let (text, asked, all, _) = from_origins(&[Ills { breaks_after: Some(700_000), ..Ills::default() }]);
    assert_eq!(text, said);
    // Two chunks of each connection arrive whole; the rest is asked for from there.
    assert!(asked[0] > 10, "{asked:?}");
    let bends = Ills { bends: true, ..Ills::default() };
    let (text, asked, bent, status) = from_origins(&[bends, Ills::default()]);
    assert_eq!(text, said);
    assert!(asked[1] > 0, "the other one was asked: {asked:?}");
    assert!(status.body.contains("that is not the file's: it is not asked again"), "{}", status.body);
    let (text, _, unranged, _) = from_origins(&[Ills { whole: true, ..Ills::default() }]);
    assert_eq!(text, said);
    assert!(all >= unranged && bent >= unranged && unranged > 0, "{all} {bent} {unranged}");
}

#[test]
fn digests_and_ranges_over_http() {
    let (mut world, manifest) = world();
    let a = world.start("a");
    let b = world.start("b");
    let BlobRef { manifest: list, bytes: len } = manifest.blob().unwrap();
    let at = |at, path: &str, range: &str| {
        let head = if range.is_empty() { String::new() } else { format!("Range: {range}\r\n") };
        ask(at, "GET", &format!("/blobs/sha256/{path}"), &head, b"")
    };
    // Nobody has read the file yet: its length makes a look.
    assert_eq!(at(a, &list.to_string(), "").status, 404);
    assert_eq!(at(a, &format!("{list}?bytes={}", len + 1), "").status, 404);
    let said = at(a, &format!("{list}?bytes={len}"), "");
    assert_eq!((said.status, said.body.as_bytes()), (200, manifest.to_bytes().unwrap().as_slice()));
    let some = at(a, &manifest.sha256.to_string(), "bytes=4-7");
    assert_eq!((some.status, some.body.as_bytes()), (206, &3u32.to_le_bytes()[..]), "a GGUF file's version");
    assert!(some.head.contains(&format!("content-range: bytes 4-7/{len}")), "{}", some.head);
    for wrong in ["bytes=7-4", "bytes=4-", "bytes=-4", "lines=1-2", "bytes=1-2,4-5", "bytes=1-18446744073709551615"] {
        assert_eq!(at(a, &manifest.sha256.to_string(), wrong).status, 400, "{wrong}");
    }
    assert_eq!(at(a, &manifest.sha256.to_string(), &format!("bytes=0-{len}")).status, 404, "past its end");
    assert_eq!(at(b, &manifest.sha256.to_string(), "bytes=0-7").status, 404, "not there");
    assert_eq!(at(a, "../../etc/passwd", "").status, 404);
}

/// A folder with a disk of its own, which ends with the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let done = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&at).output();
        done.is_ok_and(|o| o.status.success()).then_some(Self(at))
    }

    fn grow(&self, options: &str) {
        let grown = std::process::Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: files may be open.
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_the_file_comes_when_there_is_room() {
    let (mut world, _) = world();
    // 64 MiB stay free, so that there is room for some chunks and not for all.
    let Some(disk) = Disk::mount(world.path("state-b"), "size=66m") else {
        eprintln!("SKIPPED: mounting a small disk needs root");
        return;
    };
    let a = world.start("a");
    let b = world.start("b");
    let sealed = world.seal(&plan(&["a", "b"], &SPLIT, 16));
    assert_eq!(ask(a, "PUT", "/fleet/plan", "", &sealed).status, 202);
    until("b says that its disk is full", || notes(b).contains("make room"));
    assert!(!serves(b, 1));
    disk.grow("size=200m");
    until("both serve", || serves(a, 1) && serves(b, 1));
    assert_eq!(text(a), expected(&SPLIT));
    world.nodes.clear();
}
