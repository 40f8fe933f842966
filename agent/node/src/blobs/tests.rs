use super::*;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

fn bytes(n: usize, seed: u8) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 ^ seed).collect()
}

fn of(file: &[u8]) -> Manifest {
    Manifest::of(&mut &file[..], file.len() as u64).expect("reads")
}

/// A file of four chunks.
fn four() -> (Vec<u8>, Manifest) {
    let file = bytes(900_000, 0);
    let manifest = of(&file);
    assert_eq!(manifest.chunks.len(), 4);
    (file, manifest)
}

fn chunk<'f>(file: &'f [u8], manifest: &Manifest, n: usize) -> &'f [u8] {
    let r = manifest.range(n);
    &file[r.start as usize..r.end as usize]
}

#[test]
fn a_part_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, manifest) = four();
    let all: BTreeSet<usize> = (0..4).collect();
    {
        let part = PartFile::open(folder.path(), manifest.clone()).expect("opens");
        part.write(1..2, chunk(&file, &manifest, 1)).expect("writes");
        part.write(3..4, chunk(&file, &manifest, 3)).expect("writes");
        assert_eq!(part.missing(&all).expect("reads"), BTreeSet::from([0, 2]));
        assert!(part.has(manifest.range(1)) && !part.has(0..manifest.bytes));
    }
    // A torn last line, and a chunk that the disk bent.
    let have = PartFile::path(folder.path(), manifest.sha256).with_extension(part::HAVE);
    let mut lines = std::fs::read_to_string(&have).expect("there");
    lines.push('2');
    std::fs::write(&have, &lines).expect("writes");
    let part = PartFile::open(folder.path(), manifest.clone()).expect("opens");
    assert_eq!(part.missing(&all).expect("reads"), BTreeSet::from([0, 2]), "2 was claimed and is not right");
    std::fs::write(&have, "1\n3\n").expect("writes");
    let mut bent = std::fs::read(&part.path).expect("there");
    bent[manifest.range(3).start as usize + 5] ^= 4;
    std::fs::write(&part.path, bent).expect("writes");
    let part = PartFile::open(folder.path(), manifest.clone()).expect("opens");
    assert_eq!(part.missing(&all).expect("reads"), BTreeSet::from([0, 2, 3]));
    assert_eq!(std::fs::read_to_string(&have).expect("there"), "1\n", "it is not claimed again");
}

#[test]
fn own_files_are_read_once_and_again_when_they_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("own.gguf");
    let file = bytes(300_000, 1);
    std::fs::write(&path, &file).expect("writes");
    let blob = of(&file).blob().expect("JSON");
    let open = || Blobs::new(folder.path(), None, None);
    assert!(open().is(&path, &blob));
    // The next start knows it without reading: the bytes are others, time and length are the same.
    let time = std::fs::metadata(&path).and_then(|m| m.modified()).expect("a time");
    let other = bytes(300_000, 2);
    std::fs::write(&path, &other).expect("writes");
    let touch = |time: SystemTime| std::fs::File::options().write(true).open(&path).and_then(|f| f.set_modified(time));
    touch(time).expect("sets");
    assert!(open().is(&path, &blob), "believed by time and length");
    touch(time + Duration::from_secs(1)).expect("sets");
    assert!(!open().is(&path, &blob));
    assert!(open().is(&path, &of(&other).blob().expect("JSON")));
    let piece = open().piece(of(&other).sha256, Some(0..7)).expect("there");
    assert_eq!((piece.range, piece.bytes), (0..7, 300_000));
    assert!(open().piece(of(&other).sha256, Some(0..300_001)).is_none());
    assert!(open().piece(of(&file).sha256, None).is_none());
}

#[test]
fn what_no_plan_means_any_more_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = Blobs::new(folder.path(), None, None);
    let keep = |seed: u8| {
        let file = bytes(10_000, seed);
        let manifest = of(&file);
        let blob = manifest.blob().expect("JSON");
        blobs.keep_list(&blob, &manifest.to_bytes().expect("JSON")).expect("writes");
        let part = blobs.parts_of(&blob).expect("its list is there");
        part.write(0..1, &file).expect("writes");
        (blob, part.path.clone())
    };
    let ((old, old_part), (new, new_part)) = (keep(1), keep(2));
    blobs.forget(&BTreeSet::from([new.manifest]));
    assert!(!old_part.exists() && blobs.parts_of(&old).is_none());
    assert!(new_part.exists() && blobs.piece(of(&bytes(10_000, 2)).sha256, None).is_some());
    let left = std::fs::read_dir(folder.path().join("blobs")).expect("there").count();
    assert_eq!(left, 3, "list, file, chunks");
}

#[test]
fn a_list_that_is_another_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let blobs = Blobs::new(folder.path(), None, None);
    let (_, manifest) = four();
    let blob = manifest.blob().expect("JSON");
    blobs.keep_list(&blob, b"{\"schema\":\"wattline.blob/1\"}").expect("writes");
    assert!(blobs.kept(&blob).is_none() && blobs.parts_of(&blob).is_none());
}
