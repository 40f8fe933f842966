//! Weights that stay on disk: read in the order of use into a few windows, the next while this one is computed with.
//!
//! A [`Stream`] belongs to one stage. Its spans are read in the same order in every pass, so threads can run ahead by as
//! many spans as there are windows, over the end of a pass too. One pass goes at a time: memory is bounded by the windows,
//! however many requests there are. What was read is computed with where it lies and is gone afterwards; nothing is left
//! in the page cache either where the file system takes `O_DIRECT`.

mod disk;
mod error;
mod reader;
mod room;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernels::Window;

pub use disk::direct_flag;
pub(crate) use disk::{Disk, window_bytes};
pub use error::StreamError;
use reader::{Counters, Filled, Reader};
pub use room::Room;
pub(crate) use room::{Piece, choose};

use crate::usage::wall_seconds;

/// How streaming goes, since the stage was loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Streamed {
    /// Bytes that passes read.
    pub bytes: u64,
    /// Seconds in which the disk was asked: bytes over these are its rate.
    pub read_s: f64,
    /// Seconds in which a pass waited for a read.
    pub waited_s: f64,
    /// Bytes that a pass with the output matrix reads.
    pub each_pass: u64,
    /// Reads that failed, each the end of a pass.
    pub failed: u64,
    /// Whether reads pass the page cache by; where not, pages are dropped behind them, as far as the system does.
    pub direct: bool,
}

impl Streamed {
    /// Bytes a second of the disk while it was asked; 0 before the first read.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.read_s > 0.0 { self.bytes as f64 / self.read_s } else { 0.0 }
    }

    /// What happened after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            read_s: (self.read_s - earlier.read_s).max(0.0),
            waited_s: (self.waited_s - earlier.waited_s).max(0.0),
            failed: self.failed.saturating_sub(earlier.failed),
            ..*self
        }
    }
}

/// Spans of a file, read in turn.
pub(crate) struct Stream {
    disk: Arc<Disk>,
    /// In the order of use; those from `head` on are of the output matrix, which not every pass uses.
    spans: Vec<Range<u64>>,
    head: usize,
    counters: Arc<Counters>,
    windows: usize,
    window: usize,
    row_window: usize,
    feed: Mutex<Feed>,
}

/// Who has which window.
struct Feed {
    reader: Reader,
    free: Vec<Window>,
    /// Spans that were asked for, in order, with where each answer comes.
    asked: VecDeque<(usize, Receiver<Filled>)>,
    /// What is asked for next.
    next: usize,
    /// For rows that are looked up.
    row: Option<Arc<Window>>,
}

impl Stream {
    /// `windows` windows of `window` bytes, none where nothing is read in turn; `row_window` bytes for looking up rows.
    pub(crate) fn new(
        disk: Arc<Disk>,
        spans: Vec<Range<u64>>,
        head: usize,
        windows: Vec<Window>,
        row_window: usize,
    ) -> Result<Self, StreamError> {
        let counters = Arc::new(Counters::default());
        let failed = |why: String| StreamError::Read { path: disk.path().into(), why };
        let reader = Reader::start(&disk, &counters).map_err(|e| failed(e.to_string()))?;
        let (count, window) = (windows.len(), windows.first().map_or(0, |w| w.bytes().len()));
        let feed = Feed { reader, free: windows, asked: VecDeque::new(), next: 0, row: None };
        Ok(Self { disk, spans, head, counters, windows: count, window, row_window, feed: Mutex::new(feed) })
    }

    /// Bytes of its windows.
    pub(crate) fn bytes(&self) -> u64 {
        (self.windows * self.window + self.row_window) as u64
    }

    /// How it goes.
    pub(crate) fn streamed(&self) -> Streamed {
        let seconds = |ns: u64| ns as f64 * 1e-9;
        Streamed {
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            read_s: self.counters.busy_s(),
            waited_s: seconds(self.counters.waited_ns.load(Ordering::Relaxed)),
            each_pass: self.spans.iter().map(|s| s.end - s.start).sum(),
            failed: self.counters.failed.load(Ordering::Relaxed),
            direct: self.disk.is_direct(),
        }
    }

    /// Begins a pass, when the one before has ended. `head`: it goes through the output matrix.
    pub(crate) fn pass(&self, head: bool) -> Pass<'_> {
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        // What a pass that panicked had is made anew.
        while feed.free.len() + feed.asked.len() < self.windows
            && let Some(window) = Window::new(self.window)
        {
            feed.free.push(window);
        }
        Pass { stream: self, feed, end: if head { self.spans.len() } else { self.head } }
    }

    fn gone(&self) -> StreamError {
        StreamError::Read { path: PathBuf::from(self.disk.path()), why: "the thread that reads has ended".into() }
    }
}

/// One pass through a stage.
pub(crate) struct Pass<'s> {
    stream: &'s Stream,
    feed: MutexGuard<'s, Feed>,
    /// One past the last span that it uses.
    end: usize,
}

impl Pass<'_> {
    /// A span, read: the window, and where in it the span begins. [`give`](Self::give) it back before the next.
    pub(crate) fn take(&mut self, span: usize) -> Result<(Arc<Window>, usize), StreamError> {
        let from = wall_seconds();
        // A pass that does not go where the one before seemed to lead: what was read for that is dropped.
        if self.feed.asked.front().is_some_and(|(next, _)| *next != span) {
            self.drop_asked()?;
        }
        let mut result = self.read(span);
        if result.is_err() {
            // It may have been read ahead long ago: what fails now counts, and nothing that failed before is left.
            self.drop_asked()?;
            result = self.read(span);
        }
        Counters::since(&self.stream.counters.waited_ns, from);
        if result.is_err() {
            self.stream.counters.failed.fetch_add(1, Ordering::Relaxed);
            self.drop_asked()?;
        }
        result
    }

    /// The answer for a span that is asked for, or that nothing else is asked before.
    fn read(&mut self, span: usize) -> Result<(Arc<Window>, usize), StreamError> {
        if self.feed.asked.is_empty() {
            self.feed.next = span;
        }
        self.ahead();
        let filled = self.answer()?;
        match filled.start {
            Ok(start) => Ok((Arc::new(filled.window), start)),
            Err(e) => {
                self.feed.free.push(filled.window);
                Err(e)
            }
        }
    }

    fn drop_asked(&mut self) -> Result<(), StreamError> {
        while !self.feed.asked.is_empty() {
            let filled = self.answer()?;
            self.feed.free.push(filled.window);
        }
        Ok(())
    }

    /// A window that nothing looks at any more; the reader fills it with what is next.
    pub(crate) fn give(&mut self, window: Arc<Window>) {
        if let Some(window) = Window::reclaimed(window) {
            self.feed.free.push(window);
        }
        self.ahead();
    }

    /// A range that is looked up, read on this thread: the window, and where in it the range begins.
    pub(crate) fn look_up(&mut self, range: &Range<u64>) -> Result<(Arc<Window>, usize), StreamError> {
        let kept = self.feed.row.take().and_then(Window::reclaimed);
        let full = || StreamError::Read { path: self.stream.disk.path().into(), why: "no memory for a row".into() };
        let mut window = kept.or_else(|| Window::new(self.stream.row_window)).ok_or_else(full)?;
        let read = self.stream.disk.read(range, &mut window);
        if read.is_err() {
            self.stream.counters.failed.fetch_add(1, Ordering::Relaxed);
        }
        let start = read?;
        let window = Arc::new(window);
        self.feed.row = Some(Arc::clone(&window));
        Ok((window, start))
    }

    /// Of the first span that was asked for.
    fn answer(&mut self) -> Result<Filled, StreamError> {
        let asked = self.feed.asked.pop_front();
        asked.and_then(|(_, answer)| answer.recv().ok()).ok_or_else(|| self.stream.gone())
    }

    /// Gives every free window to the reader, for the spans that come next, those of the next pass after the last.
    fn ahead(&mut self) {
        let feed = &mut *self.feed;
        while let Some(range) = self.stream.spans.get(feed.next)
            && let Some(window) = feed.free.pop()
        {
            feed.asked.push_back((feed.next, feed.reader.ask(range.clone(), window)));
            feed.next = if feed.next + 1 < self.end { feed.next + 1 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests;
