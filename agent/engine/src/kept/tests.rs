use std::path::PathBuf;

use kernels::Wait;

use super::*;
use crate::model::{Chunk, Input, Want, Workspace};
use crate::precision::Precision;
use crate::testing::Tiny;

struct Place {
    folder: tempfile::TempDir,
    model: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("writable");
        let model = folder.path().join("tiny.gguf");
        std::fs::write(&model, Tiny::new("llama").writer().expect("fits").to_bytes()).expect("written");
        Self { folder, model }
    }

    fn kept(&self, limit: u64) -> Kept {
        Kept::new(self.folder.path().join("packed"), limit)
    }

    fn load(&self, precision: &str) -> Loaded {
        self.load_with(&self.kept(1 << 30), &options(precision))
    }

    fn load_with(&self, kept: &Kept, options: &Options) -> Loaded {
        let file = File::open(&self.model).expect("sound");
        kept.load(&self.model, &file, options, pool()).expect("loads")
    }

    /// Files of packed weights.
    fn files(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.folder.path().join("packed")).expect("there").map(|e| e.expect("an entry").path());
        let mut files: Vec<PathBuf> = all.filter(|p| p.extension().is_some_and(|e| e == "packed")).collect();
        files.sort();
        files
    }
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(2, Wait::Park))
}

fn options(precision: &str) -> Options {
    Options { precision: Precision::named(precision).expect("known"), ..Options::default() }
}

fn logits(stage: &Stage) -> Vec<u32> {
    let mut sequence = stage.sequence(16).expect("bits");
    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[3, 1, 4, 1, 5]), want: Want::All };
    stage.forward(&mut [chunk], &mut Workspace::new()).expect("fits").into_iter().map(f32::to_bits).collect()
}

#[test]
fn the_second_start_reads_and_gives_the_same_numbers() {
    for precision in ["stored", "w2", "f16", "sherry+lr4"] {
        let place = Place::new();
        let (first, second) = (place.load(precision), place.load(precision));
        assert_eq!((first.origin, second.origin), (Origin::Packed, Origin::Kept), "{precision}");
        assert_eq!((first.note, second.note), (None, None));
        assert_eq!(logits(&first.stage), logits(&second.stage), "{precision}");
        assert_eq!(first.stage.size(), second.stage.size());
    }
}

#[test]
fn precisions_parts_and_models_are_kept_apart() {
    let place = Place::new();
    place.load("w4");
    assert_eq!(place.load("w8").origin, Origin::Packed);
    let part = |layers| Options { part: Some(Part { embedding: true, layers, head: false }), ..options("w4") };
    let kept = place.kept(1 << 30);
    assert_eq!(place.load_with(&kept, &part(0..1)).origin, Origin::Packed);
    assert_eq!(place.load_with(&kept, &part(0..2)).origin, Origin::Packed);
    assert_eq!(place.load_with(&kept, &part(0..1)).origin, Origin::Kept);
    assert_eq!(place.files().len(), 4);
    // Another model at the same path, of the same length.
    std::fs::write(&place.model, Tiny { seed: 2, ..Tiny::new("llama") }.writer().expect("fits").to_bytes()).expect("written");
    let other = place.load("w4");
    assert_eq!((other.origin, place.files().len()), (Origin::Packed, 5));
    assert_ne!(logits(&other.stage), logits(&Place::new().load("w4").stage));
}

/// Every kind of damage is told, packed anew, and gone the next time.
#[test]
fn damaged_files_are_made_again() {
    let place = Place::new();
    let sound = logits(&place.load("w3+lr2").stage);
    let file = place.files().remove(0);
    let bytes = std::fs::read(&file).expect("there");
    let cut = |n: usize| bytes[..n].to_vec();
    let changed = |at: usize| {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        changed
    };
    let cases = [
        (Vec::new(), "too short"),
        (cut(7), "too short"),
        (cut(40), "its end is missing"),
        (cut(bytes.len() / 2), "its end is missing"),
        (cut(bytes.len() - 1), "its end is missing"),
        (changed(0), "another version"),
        (changed(200), "digest of `blk.0.attn_q.weight`"),
        (changed(bytes.len() / 2), "digest of `"),
        (changed(bytes.len() - 60), "digest of the index"),
        (changed(bytes.len() - 20), "digest of the index"),
        (changed(bytes.len() - 10), "index"),
        (b"WLKEPT02".repeat(20), "index"),
    ];
    for (damaged, wanted) in cases {
        std::fs::write(&file, &damaged).expect("written");
        let loaded = place.load("w3+lr2");
        let note = loaded.note.unwrap_or_default();
        assert!(loaded.origin == Origin::Packed && note.contains(wanted), "{wanted}: {:?} {note}", loaded.origin);
        assert_eq!(logits(&loaded.stage), sound, "{wanted}");
        assert_eq!(place.load("w3+lr2").origin, Origin::Kept, "{wanted}");
    }
}

/// The start of every cut and many changed bytes: never a panic, always the right numbers.
#[test]
fn any_cut_or_change_is_harmless() {
    let place = Place::new();
    let sound = logits(&place.load("ternary").stage);
    let file = place.files().remove(0);
    let bytes = std::fs::read(&file).expect("there");
    let wanted = Index::of(sha256(&std::fs::read(&place.model).expect("there")), &options("ternary"));
    let pool = Pool::new(1, Wait::Park);
    for cut in (0..bytes.len()).step_by(211) {
        assert!(index::read(&bytes[..cut], &wanted, &pool).is_err(), "cut at {cut}");
    }
    for at in (0..bytes.len()).step_by(307) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        // Padding between matrices is nobody's.
        if index::read(&changed, &wanted, &pool).is_ok() {
            assert_eq!(changed[at] & !(1 << (at % 8)), 0, "byte {at}");
        }
    }
    assert!(index::read(&bytes, &wanted, &pool).is_ok());
    assert_eq!(logits(&place.load("ternary").stage), sound);
}

#[test]
fn the_longest_unused_go_first_and_what_is_too_large_is_not_kept() {
    let place = Place::new();
    let one = place.load("w8").stage.size().bytes + 64 * 1024;
    let kept = place.kept(2 * one);
    let load = |precision: &str| place.load_with(&kept, &options(precision)).origin;
    let wait = || std::thread::sleep(std::time::Duration::from_millis(20));
    wait();
    assert_eq!(load("w6"), Origin::Packed);
    wait();
    // Used again: now w6 is the longest unused.
    assert_eq!(load("w8"), Origin::Kept);
    wait();
    assert_eq!(load("w5"), Origin::Packed);
    wait();
    assert_eq!(load("f16"), Origin::Packed);
    assert!(place.files().iter().map(|f| f.metadata().expect("there").len()).sum::<u64>() <= 2 * one);
    assert_eq!(load("w6"), Origin::Packed, "it was deleted");
    let small = place.kept(1000);
    let loaded = place.load_with(&small, &options("w4"));
    assert!(loaded.origin == Origin::NotKept && loaded.note.is_some_and(|n| n.contains("larger than the 1000 bytes")));
    let loaded = place.load_with(&place.kept(1 << 30).at_least(1 << 30), &options("w4"));
    assert_eq!((loaded.origin, loaded.note), (Origin::NotKept, None));
}

#[test]
fn a_folder_that_cannot_be_written_is_no_error() {
    let place = Place::new();
    let file = place.folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let loaded = place.load_with(&Kept::new(file.join("packed"), 1 << 30), &options("w4"));
    assert!(loaded.origin == Origin::NotKept && loaded.note.is_some());
}
