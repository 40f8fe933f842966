use std::path::Path;

use super::*;

fn file(folder: &Path, bytes: usize) -> PathBuf {
    let path = folder.join("file");
    let content: Vec<u8> = (0..bytes).map(|i| (i / 100) as u8).collect();
    std::fs::write(&path, content).expect("written");
    path
}

fn stream(path: &Path, spans: Vec<Range<u64>>, head: usize, windows: usize) -> Stream {
    let window = spans.iter().map(window_bytes).max().unwrap_or(0) as usize;
    let windows = (0..windows).map(|_| Window::new(window).expect("fits")).collect();
    Stream::new(Arc::new(Disk::open(path).expect("there")), spans, head, windows, 8192).expect("a thread")
}

fn seen(pass: &mut Pass<'_>, span: usize) -> u8 {
    let (window, start) = pass.take(span).expect("read");
    let byte = window.bytes()[start];
    pass.give(window);
    byte
}

/// Any order of passes, with and without the head, cut short too, with two windows and more: always the asked bytes.
#[test]
fn every_order_of_spans_is_read() {
    let folder = tempfile::tempdir().expect("writable");
    let path = file(folder.path(), 20_000);
    let spans: Vec<Range<u64>> = (0..10).map(|i| i * 1900 + 100..i * 1900 + 1500).collect();
    for windows in 2..5 {
        let stream = stream(&path, spans.clone(), 7, windows);
        for (head, list) in
            [(true, 0..10), (false, 0..7), (false, 0..7), (true, 0..10), (true, 0..3), (false, 2..4), (true, 5..10)]
        {
            let mut pass = stream.pass(head);
            for i in list {
                assert_eq!(seen(&mut pass, i), ((i * 1900 + 100) / 100) as u8, "{windows} windows, span {i}");
            }
        }
        assert_eq!(stream.bytes(), windows as u64 * window_bytes(&spans[9]).max(8192) + 8192);
        let told = stream.streamed();
        assert!(told.bytes >= 44 * 1400 && told.read_s > 0.0 && told.rate() > 0.0 && told.each_pass == 14_000, "{told:?}");
    }
}

#[test]
fn passes_read_ahead_over_their_end() {
    let folder = tempfile::tempdir().expect("writable");
    let path = file(folder.path(), 10_000);
    let spans: Vec<Range<u64>> = (0..4).map(|i| i * 2000..i * 2000 + 1000).collect();
    let stream = stream(&path, spans, 4, 3);
    for _ in 0..5 {
        let mut pass = stream.pass(true);
        let _: Vec<u8> = (0..4).map(|i| seen(&mut pass, i)).collect();
    }
    // Nothing was read that nobody asked for, but for the windows that are full now.
    assert!(stream.streamed().bytes <= (5 * 4 + 3) * 1000, "{:?}", stream.streamed());
}

#[test]
fn a_window_that_was_lost_is_made_anew() {
    let folder = tempfile::tempdir().expect("writable");
    let stream = stream(&file(folder.path(), 10_000), vec![0..1000, 5000..6000], 2, 2);
    let lost = stream.pass(true).take(0).expect("read");
    let mut pass = stream.pass(true);
    assert_eq!((seen(&mut pass, 0), seen(&mut pass, 1), seen(&mut pass, 0)), (0, 50, 0));
    drop(lost);
}

#[test]
fn rows_are_looked_up() {
    let folder = tempfile::tempdir().expect("writable");
    let stream = stream(&file(folder.path(), 10_000), std::iter::once(0..1000).collect(), 1, 0);
    let mut pass = stream.pass(false);
    for at in [0, 700, 4000, 9900] {
        let (window, start) = pass.look_up(&(at..at + 100)).expect("read");
        assert_eq!((window.bytes()[start], window.bytes()[start + 99]), ((at / 100) as u8, (at / 100) as u8));
    }
}

/// What was there when the stream began is gone: an error that says so, and what comes back is read again.
#[test]
fn a_file_that_is_shortened_is_an_error_and_no_end() {
    let folder = tempfile::tempdir().expect("writable");
    let path = file(folder.path(), 50_000);
    let stream = stream(&path, (0..6).map(|i| i * 8192..i * 8192 + 5000).collect(), 6, 2);
    let mut pass = stream.pass(true);
    assert_eq!((0..6).map(|i| seen(&mut pass, i)).collect::<Vec<u8>>(), [0, 81, 163, 245, 71, 153]);
    drop(pass);
    std::fs::File::options().write(true).open(&path).expect("there").set_len(20_000).expect("shorter");
    let mut pass = stream.pass(true);
    assert_eq!((seen(&mut pass, 0), seen(&mut pass, 1)), (0, 81));
    let error = pass.take(3).expect_err("gone");
    assert!(matches!(&error, StreamError::Short { have: 20_000..=24_576, want: 29_576, .. }), "{error:?}");
    assert!(error.to_string().contains("start again"), "{error}");
    drop(pass);
    assert_eq!(seen(&mut stream.pass(true), 1), 81);
    // A deleted name is nothing to an open file.
    std::fs::remove_file(&path).expect("there");
    assert_eq!(seen(&mut stream.pass(true), 0), 0);
    assert!(matches!(Disk::open(&path), Err(StreamError::Gone { .. })));
}

/// What failed when it was read ahead is asked for once more when it is needed.
#[test]
fn a_read_ahead_that_failed_is_no_verdict() {
    let folder = tempfile::tempdir().expect("writable");
    let path = file(folder.path(), 5_000);
    let stream = stream(&path, vec![0..1000, 8192..9000, 10_000..11_000], 3, 3);
    let mut pass = stream.pass(true);
    assert_eq!(seen(&mut pass, 0), 0);
    std::thread::sleep(std::time::Duration::from_millis(100));
    file(folder.path(), 20_000);
    assert_eq!((seen(&mut pass, 1), seen(&mut pass, 2)), (81, 100));
    assert_eq!(stream.streamed().failed, 0);
}
