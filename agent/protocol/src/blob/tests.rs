use super::*;

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn of(file: &[u8]) -> Manifest {
    Manifest::of(&mut &file[..], file.len() as u64).expect("reads")
}

#[test]
fn chunks_cover_a_file_and_are_told_apart() {
    for n in [0, 1, 262_143, 262_144, 262_145, 1_000_000] {
        let file = bytes(n);
        let list = of(&file);
        assert_eq!(list.sha256, Digest::of(&file));
        assert_eq!(list.chunks.len(), n.div_ceil(262_144));
        let mut end = 0;
        for i in 0..list.chunks.len() {
            let range = list.range(i);
            assert_eq!(range.start, end);
            end = range.end;
            let own = &file[range.start as usize..range.end as usize];
            assert!(list.is_chunk(i, own));
            assert!(!list.is_chunk(i, &own[1..]));
            let mut bent = own.to_vec();
            *bent.last_mut().expect("not empty") ^= 1;
            assert!(!list.is_chunk(i, &bent));
        }
        assert_eq!(end, n as u64);
        assert!(!list.is_chunk(list.chunks.len(), &[]));
    }
}

#[test]
fn a_list_is_read_only_where_it_is_the_one_that_is_meant() {
    let list = of(&bytes(600_000));
    let text = list.to_bytes().expect("JSON");
    let meant = list.blob().expect("JSON");
    assert_eq!(Manifest::read(&text, &meant).expect("the same"), list);
    let other = BlobRef { bytes: meant.bytes + 1, ..meant };
    assert!(Manifest::read(&text, &other).expect_err("length").to_string().contains("length"));
    let bent = Manifest { chunks: list.chunks[..2].to_vec(), ..list.clone() };
    let text = bent.to_bytes().expect("JSON");
    let said = Manifest::read(&text, &meant).expect_err("digest").to_string();
    assert!(said.contains("digest"), "{said}");
    // One that names itself and covers too little.
    let said = Manifest::read(&text, &bent.blob().expect("JSON")).expect_err("cover").to_string();
    assert!(said.contains("cover"), "{said}");
}

#[test]
fn a_file_that_changes_its_length_is_told() {
    let file = bytes(300_000);
    assert!(Manifest::of(&mut &file[..], 300_001).is_err());
    assert!(Manifest::of(&mut &file[..], 299_999).is_err());
}

#[test]
fn ranges_name_their_chunks() {
    let list = of(&bytes(1_000_000));
    assert_eq!(list.covering(0..1), 0..1);
    assert_eq!(list.covering(262_143..262_145), 0..2);
    assert_eq!(list.covering(262_144..262_144), 0..0);
    assert_eq!(list.covering(999_999..5_000_000), 3..4);
    assert_eq!(list.covering(2_000_000..3_000_000), 0..0);
}

/// The largest models keep a list that fits.
#[test]
fn lists_stay_small() {
    for gib in [1u64, 40, 400] {
        let bytes = (gib << 30) - 1;
        let chunk = chunk_bytes(bytes);
        assert!(bytes.div_ceil(chunk) <= BLOB_CHUNKS as u64, "{gib} GiB");
        assert!(chunk == CHUNK_MIN || bytes.div_ceil(chunk) > BLOB_CHUNKS as u64 / 2);
    }
    let most = Manifest {
        schema: schema::BLOB.into(),
        sha256: Digest([255; 32]),
        bytes: u64::MAX,
        chunk_bytes: u64::MAX,
        chunks: vec![Digest([255; 32]); BLOB_CHUNKS],
    };
    assert!(most.to_bytes().expect("JSON").len() <= MANIFEST_BYTES);
}

proptest::proptest! {
    /// Any change of a list, or any bytes instead of it, is refused without a panic.
    #[test]
    fn any_damage_is_refused(at in 0usize..1_000, with: u8, cut in 0usize..1_000, some: Vec<u8>) {
        let list = of(&bytes(600_000));
        let (text, meant) = (list.to_bytes().expect("JSON"), list.blob().expect("JSON"));
        let mut bent = text.clone();
        bent[at % text.len()] = with;
        bent.truncate(text.len() - cut % text.len());
        proptest::prop_assert_eq!(Manifest::read(&bent, &meant).is_ok(), bent == text);
        proptest::prop_assert!(Manifest::read(&some, &meant).is_err());
        // One whose author means it: places never leave the file.
        let own = BlobRef { manifest: Digest::of(&bent), bytes: meant.bytes };
        if let Ok(read) = Manifest::read(&bent, &own) {
            for chunk in 0..read.chunks.len() + 2 {
                let range = read.range(chunk);
                proptest::prop_assert!(range.start <= range.end && range.end <= read.bytes);
            }
        }
    }
}
