//! A file of packed weights as the source of a stage that has little memory.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use kernels::{KeptError, Matrix, Outline, Pool, Window};
use sha2::{Digest, Sha256};

use super::index::{Entry, Index, Unusable};
use crate::error::EngineError;
use crate::model::{Bundle, Frame, Options, Parts, Stage, Table, Wanted};
use crate::stream::{Disk, Piece, Room, Stream, StreamError, choose, window_bytes};

/// Tables are cut into parts as large as the largest of what layers read together, and not smaller than this.
const PART: u64 = 8 << 10;
/// Least window that loading reads through, where nothing is read later.
const LOADING: u64 = 64 << 10;
/// Parts of a table in a stage without layers.
const PARTS: u64 = 16;

/// Why no stage came of it.
pub(super) enum Failed {
    /// The file is to be made anew.
    Unusable(Unusable),
    Engine(EngineError),
}

impl From<Unusable> for Failed {
    fn from(e: Unusable) -> Self {
        Self::Unusable(e)
    }
}

impl From<EngineError> for Failed {
    fn from(e: EngineError) -> Self {
        Self::Engine(e)
    }
}

impl From<StreamError> for Failed {
    fn from(e: StreamError) -> Self {
        match e {
            // A file that is shorter than its index says, or was deleted meanwhile, is made anew.
            StreamError::Short { .. } => Self::Unusable(Unusable::Damaged("too short".into())),
            StreamError::Gone { .. } => Self::Unusable(Unusable::Missing),
            e => Self::Engine(e.into()),
        }
    }
}

/// See the module.
pub(super) struct Shelf {
    disk: Arc<Disk>,
    entries: Vec<Entry>,
}

/// A matrix of the file: its entry, and all but its codes.
struct Volume<'s> {
    entry: &'s Entry,
    outline: Outline,
}

impl Volume<'_> {
    fn range(&self) -> Range<u64> {
        self.entry.offset..self.entry.offset.saturating_add(self.entry.bytes)
    }

    fn unusable(&self, source: KeptError) -> Unusable {
        Unusable::Matrix { name: self.entry.name.clone(), source }
    }

    fn damaged(&self) -> Unusable {
        Unusable::Damaged(format!("digest of `{}`", self.entry.name))
    }
}

/// A table and its parts: rows, and where their codes lie in the file.
struct Cut<'s> {
    volume: Volume<'s>,
    rows: usize,
    parts: Vec<(Range<u64>, Outline)>,
    each_pass: bool,
}

impl Shelf {
    /// Opens a file and reads its index.
    pub(super) fn open(place: &Path, wanted: &Index) -> Result<Self, Failed> {
        let unreadable = |e: std::io::Error| Unusable::Unreadable(e.to_string());
        let file = match std::fs::File::open(place) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Unusable::Missing.into()),
            Err(e) => return Err(unreadable(e).into()),
        };
        let entries = Index::of_file(&crate::map::map(&file).map_err(unreadable)?, wanted)?;
        Ok(Self { disk: Arc::new(Disk::open(place)?), entries })
    }

    /// The stage, with as much in memory as the room allows.
    pub(super) fn stage(&self, frame: Frame, options: &Options, room: Room, pool: &Arc<Pool>) -> Result<Stage, Failed> {
        let mut places = self.entries.iter();
        let mut bundles = Vec::new();
        for list in frame.bundles() {
            bundles.push(list.iter().map(|w| self.volume(w, places.next())).collect::<Result<Vec<_>, _>>()?);
        }
        let largest = bundles.iter().map(|b| span(b).end - span(b).start).max();
        let mut tables = Vec::new();
        for (wanted, each_pass) in frame.tables() {
            let volume = self.volume(wanted, places.next())?;
            let most = largest.unwrap_or(volume.entry.bytes / PARTS).max(PART);
            tables.push(cut(volume, most, each_pass));
        }
        if places.next().is_some() {
            return Err(Unusable::Other.into());
        }
        let pieces = pieces(&bundles, &tables);
        let scales = |v: &Volume<'_>| v.outline.held_bytes() as u64;
        // A table that cannot be cut is always held.
        let uncut: u64 = tables.iter().filter(|t| t.parts.is_empty()).map(|t| codes(&t.volume.outline)).sum();
        let always = frame.bytes() + uncut + bundles.iter().flatten().map(scales).sum::<u64>();
        // A table in parts has its scales twice: those of the whole are for rows that are looked up.
        let table_scales = tables.iter().map(|t| scales(&t.volume)).sum::<u64>();
        let row_window = if frame.looks_up() { tables.first().map_or(0, Cut::row_window) } else { 0 };
        let choice = choose(room, always + table_scales, table_scales + row_window, &pieces)?;
        let all_held = choice.held.iter().all(|h| *h);

        let mut windows: Vec<Window> = Vec::new();
        for _ in 0..choice.windows {
            windows.push(self.window(choice.window)?);
        }
        let mut filling = Filling { shelf: self, held: choice.held.iter().copied(), spans: Vec::new(), first: 0 };
        let mut window = match windows.pop() {
            Some(window) => window,
            None => self.window(pieces.iter().map(|p| p.window).max().unwrap_or(0).max(LOADING))?,
        };
        let built = bundles.into_iter().map(|b| filling.bundle(b, &mut window)).collect::<Result<Vec<_>, _>>()?;
        filling.first = filling.spans.len();
        let mut made = Vec::new();
        for table in tables {
            made.push(filling.table(table, all_held, &mut window)?);
        }
        if choice.windows > 0 {
            windows.push(window);
        }
        let stream = match all_held {
            true => None,
            false => {
                let row_window = usize::try_from(row_window).unwrap_or(usize::MAX);
                Some(Stream::new(Arc::clone(&self.disk), filling.spans, filling.first, windows, row_window)?)
            }
        };
        Ok(Stage::assembled(frame, options, Arc::clone(pool), built, made, stream)?)
    }

    fn window(&self, bytes: u64) -> Result<Window, StreamError> {
        let none = || StreamError::Read { path: self.disk.path().into(), why: format!("no window of {bytes} bytes") };
        usize::try_from(bytes).ok().and_then(Window::new).ok_or_else(none)
    }

    /// All but the codes of a matrix, if the entry is what the stage wants.
    fn volume<'s>(&self, wanted: &Wanted, entry: Option<&'s Entry>) -> Result<Volume<'s>, Failed> {
        let entry = entry.filter(|e| e.name == wanted.name).ok_or(Unusable::Other)?;
        let len = usize::try_from(entry.bytes).map_err(|_| Unusable::Other)?;
        let read = |at: usize, n: usize| -> Result<Vec<u8>, Failed> {
            let from = entry.offset.checked_add(at as u64).ok_or(Unusable::Other)?;
            let range = from..from.checked_add(n as u64).ok_or(Unusable::Other)?;
            let mut window = self.window(window_bytes(&range))?;
            let start = self.disk.read(&range, &mut window)?;
            Ok(window.bytes()[start..start + n].to_vec())
        };
        let outline = Outline::read(len, &mut |at, n| read(at, n).map_err(Told::Failed)).map_err(|e| match e {
            Told::Failed(e) => e,
            Told::Kept(source) => Unusable::Matrix { name: entry.name.clone(), source }.into(),
        })?;
        if (outline.rows(), outline.cols()) != (wanted.rows, wanted.cols) || !entry.offset.is_multiple_of(64) {
            return Err(Unusable::Other.into());
        }
        Ok(Volume { entry, outline })
    }
}

/// What reading an outline can say.
enum Told {
    Kept(KeptError),
    Failed(Failed),
}

impl From<KeptError> for Told {
    fn from(e: KeptError) -> Self {
        Self::Kept(e)
    }
}

/// From the first of some neighbours to the end of the last.
fn span(volumes: &[Volume<'_>]) -> Range<u64> {
    let ends = |v: Option<&Volume<'_>>| v.map_or(0..0, Volume::range);
    ends(volumes.first()).start..ends(volumes.last()).end
}

/// Cuts a table into parts of at most `largest` bytes, where it can be cut.
fn cut(volume: Volume<'_>, largest: u64, each_pass: bool) -> Cut<'_> {
    let all = volume.outline.rows();
    let step = volume.outline.step();
    let row = (volume.entry.bytes / (all as u64).max(1)).max(1);
    let rows = usize::try_from(largest / row).unwrap_or(all) / step * step;
    let rows = rows.max(step);
    let ranges = (0..all).step_by(rows).map(|start| start..all.min(start + rows));
    let parts = ranges.map(|r| volume.outline.part(r)).collect::<Option<Vec<_>>>();
    let offset = volume.entry.offset;
    let place = |r: Range<usize>| offset + r.start as u64..offset + r.end as u64;
    let parts = parts.map(|list| list.into_iter().map(|(bytes, outline)| (place(bytes), outline)).collect());
    match parts {
        Some(parts) => Cut { rows, parts, volume, each_pass },
        // With a correction it stays whole.
        None => Cut { rows: all.max(1), parts: Vec::new(), volume, each_pass },
    }
}

impl Cut<'_> {
    fn row_window(&self) -> u64 {
        let step = self.volume.outline.step().min(self.volume.outline.rows());
        let bytes = self.volume.outline.part(0..step).map_or(0, |(bytes, _)| bytes.len() as u64);
        // Wherever it lies among pages.
        bytes.next_multiple_of(4096) + 4096
    }
}

/// Bytes of the codes of a matrix, those of a correction included.
fn codes(outline: &Outline) -> u64 {
    (outline.bytes() - outline.held_bytes()) as u64
}

/// What can be held or not, in the order of use.
fn pieces(bundles: &[Vec<Volume<'_>>], tables: &[Cut<'_>]) -> Vec<Piece> {
    let layers = bundles.iter().map(|b| Piece {
        bytes: b.iter().map(|v| codes(&v.outline)).sum(),
        window: window_bytes(&span(b)),
        each_pass: true,
    });
    let parts = tables.iter().flat_map(|t| {
        t.parts.iter().map(|(range, o)| Piece { bytes: codes(o), window: window_bytes(range), each_pass: t.each_pass })
    });
    layers.chain(parts).collect()
}

/// Reads all of the file once: what is held is copied, everything is checked.
struct Filling<'s, H> {
    shelf: &'s Shelf,
    held: H,
    /// What is read in every pass, so far.
    spans: Vec<Range<u64>>,
    /// First span of a table.
    first: usize,
}

impl<H: Iterator<Item = bool>> Filling<'_, H> {
    fn bundle(&mut self, volumes: Vec<Volume<'_>>, window: &mut Window) -> Result<Bundle, Failed> {
        let span = span(&volumes);
        let start = self.shelf.disk.read(&span, window)?;
        let bytes = |v: &Volume<'_>| {
            let at = start + (v.entry.offset - span.start) as usize;
            &window.bytes()[at..at + v.entry.bytes as usize]
        };
        if let Some(v) = volumes.iter().find(|v| super::sha256(bytes(v)) != v.entry.sha256) {
            return Err(v.damaged().into());
        }
        if self.held.next().unwrap_or(false) {
            let copy = |v: &Volume<'_>| v.outline.copied(bytes(v)).map_err(|e| v.unusable(e));
            return Ok(Bundle::Held(volumes.iter().map(copy).collect::<Result<_, _>>()?));
        }
        let outlines = volumes.into_iter().map(|v| ((v.entry.offset - span.start) as usize, v.outline)).collect();
        self.spans.push(span);
        Ok(Bundle::Stored { span: self.spans.len() - 1, outlines })
    }

    fn table(&mut self, cut: Cut<'_>, all_held: bool, window: &mut Window) -> Result<Table, Failed> {
        let volume = cut.volume;
        if all_held || cut.parts.is_empty() {
            self.held.by_ref().take(cut.parts.len()).for_each(drop);
            return self.whole(&volume, window).map(Table::Whole);
        }
        self.check(&volume, window)?;
        let mut parts = Vec::new();
        for (range, outline) in cut.parts {
            if self.held.next().unwrap_or(false) {
                let start = self.shelf.disk.read(&range, window)?;
                let matrix = outline.copied(&window.bytes()[start..]).map_err(|e| volume.unusable(e))?;
                parts.push(Bundle::Held(Box::new([matrix])));
            } else {
                // What is only looked up is in no pass, so that its span is never asked for.
                let span = if cut.each_pass { self.spans.len() } else { usize::MAX };
                if cut.each_pass {
                    self.spans.push(range);
                }
                parts.push(Bundle::Stored { span, outlines: Box::new([(0, outline)]) });
            }
        }
        Ok(Table::Parts(Parts { offset: volume.entry.offset, outline: volume.outline, rows: cut.rows, parts }))
    }

    /// The table in one piece.
    fn whole(&self, volume: &Volume<'_>, window: &mut Window) -> Result<Matrix, Failed> {
        self.check(volume, window)?;
        let fill = |at: usize, codes: &mut [u8]| -> Result<(), Told> {
            let from = volume.entry.offset + at as u64;
            self.each(&(from..from + codes.len() as u64), window, &mut |at, bytes| {
                codes[(at - from) as usize..][..bytes.len()].copy_from_slice(bytes);
            })
            .map_err(Told::Failed)
        };
        volume.outline.filled(fill).map_err(|e| match e {
            Told::Failed(e) => e,
            Told::Kept(e) => volume.unusable(e).into(),
        })
    }

    /// The digest of a table.
    fn check(&self, volume: &Volume<'_>, window: &mut Window) -> Result<(), Failed> {
        let mut digest = Sha256::new();
        self.each(&volume.range(), window, &mut |_, bytes| digest.update(bytes))?;
        if super::hex(&digest.finalize()) == volume.entry.sha256 { Ok(()) } else { Err(volume.damaged().into()) }
    }

    /// Reads a range of any length, a window at a time.
    fn each(&self, range: &Range<u64>, window: &mut Window, see: &mut dyn FnMut(u64, &[u8])) -> Result<(), Failed> {
        // A page at either end is for what lies before and behind.
        let step = (window.bytes().len() as u64).saturating_sub(2 * 4096).max(1);
        let mut at = range.start;
        while at < range.end {
            let some = at..range.end.min(at + step);
            let start = self.shelf.disk.read(&some, window)?;
            see(at, &window.bytes()[start..start + (some.end - some.start) as usize]);
            at = some.end;
        }
        Ok(())
    }
}
