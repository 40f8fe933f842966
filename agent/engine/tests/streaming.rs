//! Weights that stay on disk: the same numbers, bounded memory, and errors that say what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::generate::{Budget, Request, generate};
use engine::kept::{Kept, Loaded, Origin};
use engine::model::{Chunk, Input, Part, Shape, Want};
use engine::testing::Tiny;
use engine::{EngineError, File, Options, Precision, Room, Sampling, Stage, StreamError, Token, Tokenizer, Workspace};
use kernels::{Format, Pool, Wait};

use crate::memory::this_test;
use crate::models::{self, SMOLLM2};

/// A model file and a folder for its packed weights.
struct Place {
    folder: tempfile::TempDir,
    model: PathBuf,
}

impl Place {
    fn new(tiny: &Tiny) -> Self {
        let folder = tempfile::tempdir().expect("writable");
        let model = folder.path().join("tiny.gguf");
        std::fs::write(&model, tiny.writer().expect("fits").to_bytes()).expect("written");
        Self { folder, model }
    }

    fn kept(&self) -> Kept {
        Kept::new(self.folder.path().join("packed"), 1 << 30)
    }

    fn stream(&self, options: &Options, room: Room) -> Result<Loaded, EngineError> {
        self.kept().stream(&self.model, &File::open(&self.model).expect("sound"), options, room, pool())
    }

    fn whole(&self, options: &Options) -> Stage {
        Stage::load(&File::open(&self.model).expect("sound"), options, pool()).expect("loads")
    }

    /// The one file of packed weights.
    fn packed(&self) -> PathBuf {
        let all = std::fs::read_dir(self.folder.path().join("packed")).expect("there").map(|e| e.expect("an entry").path());
        all.filter(|p| p.to_string_lossy().contains(".packed")).collect::<Vec<_>>().pop().expect("one")
    }
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(2, Wait::Park))
}

fn options(precision: &str) -> Options {
    Options { precision: Precision::named(precision).expect("known"), ..Options::default() }
}

/// Deep enough that two windows are a small part of it.
fn deep(architecture: &'static str) -> Tiny {
    Tiny { layers: 20, ..Tiny::new(architecture) }
}

/// A prompt with all its logits, some tokens after it, three texts of different length in one batch.
fn numbers(stage: &Stage) -> Vec<u32> {
    let mut work = Workspace::new();
    let mut out = Vec::new();
    let hidden: Vec<f32> = (0..9 * stage.config().hidden).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let tokens: Vec<Token> = (0..9).map(|i| (i * 29 + 3) % 250).collect();
    let input = |from: usize, to: usize| match stage.part().embedding {
        true => Input::Tokens(&tokens[from..to]),
        false => Input::Hidden(&hidden[from * stage.config().hidden..to * stage.config().hidden]),
    };
    let mut one = stage.sequence(16).expect("bits");
    for (from, to, want) in [(0, 4, Want::All), (4, 5, Want::Last), (5, 6, Want::Nothing), (6, 7, Want::Last), (7, 9, Want::All)]
    {
        let chunk = Chunk { sequence: &mut one, input: input(from, to), want };
        out.extend(stage.forward(&mut [chunk], &mut work).expect("fits"));
    }
    let mut several = [0; 3].map(|_| stage.sequence(8).expect("bits"));
    for step in 0..3 {
        let mut chunks: Vec<Chunk<'_>> = Vec::new();
        for (i, sequence) in several.iter_mut().enumerate() {
            chunks.push(Chunk { sequence, input: input(step, step + 1 + i), want: Want::Last });
        }
        out.extend(stage.forward(&mut chunks, &mut work).expect("fits"));
    }
    assert!(!out.is_empty() && out.iter().all(|x| x.is_finite()));
    out.into_iter().map(f32::to_bits).collect()
}

/// What is in memory, against what was allowed; and that something was not.
fn bounded(stage: &Stage, most: u64) {
    let size = stage.size();
    assert!(size.held <= most && size.held < size.bytes, "{} of {} held, {most} allowed", size.held, size.bytes);
    let told = stage.streamed().expect("streams");
    // Heads, padding and scales are read with the codes.
    assert!(told.each_pass <= size.bytes + size.bytes / 8 && told.each_pass + size.held >= size.bytes, "{told:?} {size:?}");
}

#[test]
fn a_quarter_in_memory_says_what_the_whole_says() {
    for (architecture, own_head) in [("llama", false), ("llama", true), ("qwen2", false), ("gemma3", true)] {
        for precision in ["stored", "f16", "w4", "w2", "ternary", "sherry", "w2+lr4"] {
            let place = Place::new(&Tiny { own_head, ..deep(architecture) });
            let options = options(precision);
            let whole = place.whole(&options);
            let wanted = numbers(&whole);
            let all = whole.size().bytes;
            for (share, origin) in [(0.4, Origin::Packed), (0.6, Origin::Kept), (0.9, Origin::Kept)] {
                let loaded = place.stream(&options, Room::Share(share)).expect("loads");
                let at = format!("{architecture} {precision} {share}");
                assert_eq!((loaded.origin, loaded.note), (origin, None), "{at}");
                bounded(&loaded.stage, (all as f64 * share) as u64);
                assert_eq!(numbers(&loaded.stage), wanted, "{at}");
                assert!(loaded.stage.streamed().expect("streams").bytes > 0, "{at}");
            }
            let loaded = place.stream(&options, Room::Share(1.0)).expect("loads");
            assert_eq!((loaded.stage.streamed(), loaded.stage.size().held), (None, all));
            assert_eq!(numbers(&loaded.stage), wanted);
            assert_eq!(loaded.stage.matrices().count(), whole.matrices().count());
        }
    }
}

/// Stages of a pipeline: with the token table only, in the middle, with the output matrix only.
#[test]
fn parts_of_a_model_stream() {
    for own_head in [true, false] {
        let place = Place::new(&Tiny { own_head, hidden: 128, heads: 8, ..deep("llama") });
        for (embedding, layers, head) in [(true, 0..7, false), (false, 3..13, false), (false, 7..20, true), (false, 20..20, true)]
        {
            let options = Options { part: Some(Part { embedding, layers: layers.clone(), head }), ..options("w4") };
            let whole = place.whole(&options);
            let least = match place.stream(&options, Room::Bytes(0)) {
                Err(EngineError::Stream(StreamError::Room { least, .. })) => least,
                other => panic!("{other:?}"),
            };
            for room in [least, (least + whole.size().bytes) / 2] {
                let stage = place.stream(&options, Room::Bytes(room)).expect("loads").stage;
                bounded(&stage, room);
                assert_eq!(numbers(&stage), numbers(&whole), "{layers:?}, {room} of {}", whole.size().bytes);
            }
            assert!(place.stream(&options, Room::Bytes(least - 1)).is_err());
        }
    }
}

/// The token table alone is on disk where only its rows are looked up.
#[test]
fn a_table_that_is_only_looked_up_goes_first() {
    let place = Place::new(&deep("llama"));
    let options = Options { part: Some(Part { embedding: true, layers: 0..20, head: false }), ..options("w8") };
    let whole = place.whole(&options);
    let table = whole.matrices().find(|(class, _)| *class == "token_embd").map_or(0, |(_, m)| m.bytes() as u64);
    let rooms = (0..table / 100).map(|i| whole.size().bytes - table + i * 500);
    let stage = rooms.map(|room| place.stream(&options, Room::Bytes(room)).expect("loads").stage);
    let first = stage.into_iter().find(|s| s.streamed().is_none_or(|told| told.each_pass == 0)).expect("large enough");
    assert_eq!(numbers(&first), numbers(&whole));
    let size = first.size();
    assert!(size.held < size.bytes && first.streamed().is_some_and(|told| told.bytes == 0), "nothing is read in turn: {size:?}");
}

/// Requests from several threads: one pass at a time, each with its own numbers.
#[test]
fn requests_share_the_windows() {
    let place = Place::new(&deep("llama"));
    let options = options("w4");
    let wanted = numbers(&place.whole(&options));
    let stage = place.stream(&options, Room::Share(0.4)).expect("loads").stage;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(numbers(&stage), wanted));
        }
    });
}

/// Several starts at once, none of which finds a file: each has its numbers, and one sound file stays.
#[test]
fn starts_at_the_same_time_do_not_meet() {
    let place = Place::new(&deep("llama"));
    let options = options("w4");
    let wanted = numbers(&place.whole(&options));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(numbers(&place.stream(&options, Room::Share(0.5)).expect("loads").stage), wanted));
        }
    });
    assert_eq!(place.stream(&options, Room::Share(0.5)).expect("loads").origin, Origin::Kept);
    let drafts = |p: PathBuf| p.extension().is_some_and(|e| e != "packed" && e != "model");
    let all = std::fs::read_dir(place.folder.path().join("packed")).expect("there").map(|e| e.expect("an entry").path());
    assert_eq!(all.filter(|p| drafts(p.clone())).count(), 0);
}

/// SmolLM2 with a quarter of its packed bytes in memory: text, several samples and log-probabilities of the whole model.
#[test]
fn smollm2_in_a_quarter_of_its_memory() {
    let Some(path) = models::path(SMOLLM2) else { return };
    let file = File::open(&path).expect("sound");
    let tokenizer = Tokenizer::new(&file).expect("sound");
    let folder = tempfile::tempdir_in(path.parent().expect("a folder")).expect("writable");
    let kept = Kept::new(folder.path(), 1 << 30);
    let options = Options::default();
    let whole = Stage::load(&file, &options, pool()).expect("loads");
    let all = whole.size().bytes;
    let loaded = kept.stream(&path, &file, &options, Room::Bytes(all / 4), pool()).expect("loads");
    bounded(&loaded.stage, all / 4);
    let prompt = tokenizer.encode_prompt("The capital of France is Paris. The capital of Germany is").expect("encodes");
    let greedy = Request::greedy(&prompt, 24);
    let sampling = Sampling { temperature: 0.8, seed: 7, ..Sampling::greedy() };
    let several = Request { samples: 3, parallel: 3, sampling, budget: Budget::of(8), ..Request::greedy(&prompt, 8) };
    for request in [greedy, several] {
        let answers =
            |stage| generate(stage, &tokenizer, &request, &mut |_| std::ops::ControlFlow::Continue(())).expect("fits").answers;
        let (wanted, found) = (answers(&whole), answers(&loaded.stage));
        assert_eq!(found, wanted);
        println!("{:?}", found[0].text);
    }
    let told = loaded.stage.streamed().expect("streams");
    println!("{} of {all} bytes in memory, {told:?}", loaded.stage.size().held);
}

/// Damage before the start is mended; damage while it runs is an error, after which the text goes on where it was.
#[test]
fn a_file_that_changes_is_told() {
    let place = Place::new(&deep("llama"));
    let options = options("w4");
    let wanted = numbers(&place.whole(&options));
    let room = Room::Share(0.4);
    let stage = place.stream(&options, room).expect("loads").stage;
    let file = place.packed();
    let bytes = std::fs::read(&file).expect("there");
    let shorten = |len: u64| std::fs::File::options().write(true).open(&file).expect("there").set_len(len).expect("shorter");

    let mut sequence = stage.sequence(16).expect("bits");
    let mut step = |token| {
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[token]), want: Want::Last };
        let result = stage.forward(&mut [chunk], &mut Workspace::new());
        (result, sequence.len())
    };
    assert!(matches!(step(1), (Ok(_), 1)));
    shorten(bytes.len() as u64 / 3);
    for token in 2..6 {
        let (result, len) = step(token);
        match result {
            // What was read ahead is still there.
            Ok(_) => panic!("token {token} without its weights"),
            Err(EngineError::Stream(e @ StreamError::Short { .. })) => {
                assert!(e.to_string().contains("start again"), "{e}");
            }
            Err(e) => panic!("{e}"),
        }
        assert_eq!(len, 1, "nothing was appended");
    }
    std::fs::write(&file, &bytes).expect("written");
    let (result, len) = step(2);
    assert!(result.is_ok() && len == 2, "{len}: {:?}", result.map(|l| l.len()));

    let damaged = [
        (bytes[..bytes.len() / 3].to_vec(), "its end is missing"),
        (bytes[..20].to_vec(), "too short"),
        ([&bytes[..5000], &[bytes[5000] ^ 1], &bytes[5001..]].concat(), "digest of `blk."),
        ([&bytes[..bytes.len() - 100], &[0; 100]].concat(), "its end is missing"),
    ];
    for (damaged, why) in damaged {
        std::fs::write(&file, damaged).expect("written");
        let loaded = place.stream(&options, room).expect("loads");
        let note = loaded.note.unwrap_or_default();
        assert!(loaded.origin == Origin::Packed && note.contains(why), "{why}: {note}");
        assert_eq!(numbers(&loaded.stage), wanted);
    }
    std::fs::remove_file(&file).expect("there");
    let loaded = place.stream(&options, room).expect("loads");
    assert_eq!((loaded.origin, loaded.note), (Origin::Packed, None));
    // A name that goes while it is used is nothing to the open file.
    std::fs::remove_file(place.packed()).expect("there");
    assert_eq!(numbers(&loaded.stage), wanted);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let place = Place::new(&deep("llama"));
    let file = place.folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let model = File::open(&place.model).expect("sound");
    let kept = Kept::new(file.join("packed"), 1 << 30);
    let error = kept.stream(&place.model, &model, &options("w4"), Room::Share(0.4), pool()).expect_err("no folder");
    assert!(matches!(error, EngineError::Stream(StreamError::Write { .. })), "{error}");
    assert!(error.to_string().contains("name a folder that can be written"), "{error}");
}

const FULL: &str = "WATTLINE_FULL_DISK";
const CHILD: &str = "WATTLINE_STREAMING_CHILD";

/// A disk that fills up while weights are written: an error with how much it takes, and nothing is left on it.
#[test]
fn a_full_disk_is_told_and_left_clean() {
    let folder = tempfile::tempdir().expect("writable");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).expect("written");
    let test = this_test();
    let mut words = vec![test.get_program().to_string_lossy().into_owned()];
    words.extend(test.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.extend(["--exact", "streaming::full_disk", "--nocapture"].map(String::from));
    let script = format!("mount -t tmpfs -o size=160k tmpfs {} && exec {}", disk.display(), words.join(" "));
    let out = std::process::Command::new("unshare").args(["--mount", "sh", "-c", &script]).env(FULL, &disk).output();
    let text = out.as_ref().map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    match &out {
        Ok(out) if text.contains("1 passed") => assert!(out.status.success() && text.contains("clean"), "{text}"),
        _ => println!("SKIPPED: mounting a small disk needs root: {out:?}"),
    }
    if let Ok(out) = &out {
        assert!(!text.contains("FAILED"), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn full_disk() {
    let Some(disk) = std::env::var_os(FULL).map(PathBuf::from) else {
        println!("SKIPPED: runs in the mount that a_full_disk_is_told_and_left_clean makes");
        return;
    };
    let place = Place::new(&deep("llama"));
    let model = File::open(&place.model).expect("sound");
    let kept = Kept::new(disk.join("packed"), 1 << 30);
    std::fs::create_dir(disk.join("packed")).expect("written");
    // What a process that is gone left half-written makes room first.
    std::fs::write(disk.join("packed/old.packed.4294967294"), vec![1; 100 << 10]).expect("fits");
    let error = kept.stream(&place.model, &model, &options("f16"), Room::Share(0.4), pool()).expect_err("full");
    match &error {
        EngineError::Stream(StreamError::Full { written, free, .. }) => {
            assert!(*written > 100 << 10 && *free > 100 << 10, "{error}");
        }
        e => panic!("{e}"),
    }
    assert!(error.to_string().contains("free more, or use another disk"), "{error}");
    let left: Vec<_> = std::fs::read_dir(disk.join("packed")).expect("there").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| n.to_string_lossy().ends_with(".model")), "{left:?}");
    // What fits is written there, though the file system does not take direct reads everywhere.
    let small = Tiny { layers: 4, ..Tiny::new("llama") };
    let place = Place::new(&small);
    let model = File::open(&place.model).expect("sound");
    let loaded = kept.stream(&place.model, &model, &options("w4"), Room::Share(0.9), pool()).expect("fits");
    assert_eq!(numbers(&loaded.stage), numbers(&place.whole(&options("w4"))));
    println!("clean");
}

/// Memory as the system counts it, in a process of its own: a model of four times what it may take.
#[test]
fn the_process_takes_no_more_than_the_limit() {
    let folder = tempfile::tempdir().expect("writable");
    let out = this_test()
        .args(["--exact", "streaming::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path())
        .output()
        .expect("started");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("grew"), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    println!("{}", text.lines().find(|l| l.contains("grew")).unwrap_or_default());
}

#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else {
        println!("SKIPPED: runs in the process that the_process_takes_no_more_than_the_limit starts");
        return;
    };
    let shape = Shape { layers: 24, hidden: 512, wide: 2048, heads: 8, kv_heads: 4, vocab: 2000, context: 512 };
    let options = Options { precision: Precision::Format(Format::F16), ..Options::default() };
    let kept = Kept::new(&folder, 1 << 30);
    // Pages that the test's own start takes are not the model's.
    let room = 45 << 20;
    let before = anonymous();
    let first = kept.stream_random(&shape, 1, &options, Room::Bytes(room), pool()).expect("loads");
    let size = first.stage.size();
    assert!(size.bytes > 4 * room && size.held <= room, "{size:?}");
    assert!(numbers_of_text(&first.stage, 40).iter().all(|x| x.is_finite()));
    let grew = anonymous().zip(before).map(|(now, before)| now.saturating_sub(before));
    // Caches, states and the allocator's slack beside the weights; a huge page that is not full.
    let slack = 24 << 20;
    if let Some(grew) = grew {
        assert!(grew <= room + slack, "{grew} bytes for {room}");
    }
    println!("grew by {grew:?} bytes, {room} allowed for weights of {}", size.bytes);
    let whole = Stage::random(&shape, 1, &options, pool()).expect("packs");
    assert_eq!(numbers_of_text(&first.stage, 6), numbers_of_text(&whole, 6));
}

fn numbers_of_text(stage: &Stage, n: usize) -> Vec<f32> {
    let mut sequence = stage.sequence(16).expect("bits");
    let mut work = Workspace::new();
    let mut token = |t: usize| {
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[t as Token]), want: Want::Last };
        stage.forward(&mut [chunk], &mut work).expect("fits")[7]
    };
    (0..n).map(&mut token).collect()
}

/// Memory of this process that no file stands behind, bytes; `None` where the system does not say.
fn anonymous() -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}
