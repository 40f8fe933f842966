//! What a plan's stages need of a model file, from whoever has it.

use super::origin::Origin;
use super::part::PartFile;
use crate::http::call;
use crate::loaded::Need;
use crate::shared::{Shared, lock};
use engine::File;
use fleet::Layout;
use fleet::agent::Fault;
use profiles::gguf::{GgufError, Header, Why};
use protocol::bus::{Keep, Qos};
use protocol::limits::MANIFEST_BYTES;
use protocol::{BlobRef, Key, Manifest, Name, Pattern, PlanId, Topic};
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of one request: what is lost with a connection is asked for again from there.
const RUN_BYTES: u64 = 32 << 20;
/// Longest silence of a source.
const SILENCE: Duration = Duration::from_secs(20);
/// How long others may take to say what they have.
const ANSWER: Duration = Duration::from_secs(2);
/// Sources that are tried.
const SOURCES: usize = 64;
/// Room that a disk keeps.
const SPARE_BYTES: u64 = 64 << 20;

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Agent(Name),
    Origin(Origin),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(name) => name.fmt(f),
            Self::Origin(at) => at.fmt(f),
        }
    }
}

/// Brings what some stages need of a model's file, and says where it lies. `needs`: what they hold, once the file's
/// header is there.
pub(crate) fn bring(
    shared: &Shared,
    layout: &Layout,
    model: &str,
    meant: &BlobRef,
    needs: impl FnOnce(&File) -> Result<Vec<Need>, Fault>,
) -> Result<PathBuf, Fault> {
    let mut job = Job { shared, plan: layout.plan().id, model, sources: sources(shared, layout, meant), why: None };
    let manifest = match shared.blobs.kept(meant) {
        Some(manifest) => manifest,
        None => job.manifest(meant)?,
    };
    let part = shared.blobs.part(manifest).map_err(|e| job.disk(&e))?;
    // Two plans may want the same file.
    let _turn = lock(&part.turn);
    job.header(&part)?;
    let file = File::open(&part.path).map_err(|e| Fault::Failed(format!("{model}: {e}")))?;
    job.chunks(&part, &chunks(&part.manifest, &needs(&file)?))?;
    announce(shared, meant);
    Ok(part.path.clone())
}

/// Whether all that some stages need of a file is here and as it should be.
pub(crate) fn check(part: &PartFile, needs: &[Need]) -> Result<(), Fault> {
    let needed = chunks(&part.manifest, needs);
    let missing = part.missing(&needed).map_err(|e| Fault::Unavailable(format!("{}: {e}", part.path.display())))?;
    match missing.first() {
        None => Ok(()),
        Some(first) => {
            let name = part.path.display();
            Err(Fault::Corrupt(format!(
                "{name}: {} chunks are damaged, the first is {first}; they are fetched anew",
                missing.len()
            )))
        }
    }
}

fn chunks(manifest: &Manifest, needs: &[Need]) -> BTreeSet<usize> {
    needs.iter().flat_map(|n| &n.reads).flat_map(|r| manifest.covering(r.clone())).collect()
}

/// Says on the bus that bytes of a file are here, for those who look for it.
fn announce(shared: &Shared, blob: &BlobRef) {
    let Ok(digest) = Name::new(&blob.manifest.to_string()) else { return };
    let key = Key::new(&shared.fleet, Topic::Blob, &shared.me).below(&digest);
    // Who does not hear it asks around.
    let _ = shared.bus.publish(&key, b"{}", Qos::Assured, Keep::Last);
}

/// Says which files of its own a device has, as far as it has read them.
pub(crate) fn announce_own(shared: &Shared) {
    for blob in shared.blobs.own.all() {
        announce(shared, &blob);
    }
}

/// Who may have a file: those who said so, then the plan's devices, then all others, then origins.
fn sources(shared: &Shared, layout: &Layout, meant: &BlobRef) -> Vec<Source> {
    let pattern = format!("wattline/{}/blob/*/{}", shared.fleet, meant.manifest).parse::<Pattern>();
    let said = pattern.ok().and_then(|p| shared.bus.last(&p, ANSWER).ok()).unwrap_or_default();
    let said = said.into_iter().filter_map(|m| Name::new(m.key.agent()).ok());
    let heard = shared.peers.all();
    let all = said.chain(layout.devices.keys().cloned()).chain(heard.iter().map(|h| h.status.agent.clone()));
    let mut seen = BTreeSet::from([shared.me.clone()]);
    let agents = all.filter(|a| !shared.wires.is_gone(a) && seen.insert(a.clone())).take(SOURCES).map(Source::Agent);
    agents.chain(shared.settings.origins.iter().cloned().map(Source::Origin)).collect()
}

struct Job<'j> {
    shared: &'j Shared,
    plan: PlanId,
    model: &'j str,
    /// The one that gave the last bytes first.
    sources: Vec<Source>,
    /// What the last source said that did not give any.
    why: Option<String>,
}

impl Job<'_> {
    fn disk(&self, e: &io::Error) -> Fault {
        let help = match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": make room, or let `state:` lie on another disk",
            _ => "",
        };
        Fault::Unavailable(format!("{}: keeping its file: {e}{help}", self.model))
    }

    fn nowhere(&self, what: &str) -> Fault {
        let asked: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        let asked = if asked.is_empty() { "nobody else is heard".into() } else { format!("asked {}", asked.join(", ")) };
        let why = self.why.as_ref().map(|w| format!("; {w}")).unwrap_or_default();
        Fault::Unavailable(format!("{}: {what} of its file is nowhere ({asked}{why})", self.model))
    }

    /// Asks all until one gives what is taken. Who sends what it should not is asked no more.
    fn ask<T>(
        &mut self,
        path: &str,
        range: Option<&Range<u64>>,
        mut take: impl FnMut(&mut call::Answer) -> Result<T, Bad>,
    ) -> Result<Option<T>, Fault> {
        let mut at = 0;
        while at < self.sources.len() {
            if self.shared.ended() || !self.shared.is_wanted(self.plan) {
                return Err(Fault::Unavailable(format!("{}: it is not wanted any more", self.model)));
            }
            let source = self.sources[at].clone();
            let said = request(self.shared, &source, path, range).map_err(Bad::Lost).and_then(|mut a| take(&mut a));
            match said {
                Ok(got) => {
                    self.sources.swap(0, at);
                    return Ok(Some(got));
                }
                Err(Bad::Disk(e)) => return Err(self.disk(&e)),
                Err(Bad::Lost(e)) => {
                    self.why = Some(format!("{source}: {e}"));
                    at += 1;
                }
                Err(Bad::Wrong(why)) => {
                    self.shared.metrics.note(format!("{}: {source} sent {why}: it is not asked again for this", self.model));
                    self.why = Some(format!("{source} sent {why}"));
                    self.sources.remove(at);
                }
            }
        }
        Ok(None)
    }

    fn manifest(&mut self, meant: &BlobRef) -> Result<Manifest, Fault> {
        let path = format!("{}?bytes={}", meant.manifest, meant.bytes);
        let got = self.ask(&path, None, |answer| {
            let text = answer.whole(MANIFEST_BYTES as u64 + 1).map_err(Bad::Lost)?;
            let manifest = Manifest::read(&text, meant).map_err(|e| Bad::Wrong(e.to_string()))?;
            Ok((manifest, text))
        })?;
        let (manifest, text) = got.ok_or_else(|| self.nowhere("the list of chunks"))?;
        self.shared.blobs.keep_list(meant, &text).map_err(|e| self.disk(&e))?;
        Ok(manifest)
    }

    /// The file's beginning, until its header is whole.
    fn header(&mut self, part: &PartFile) -> Result<(), Fault> {
        for chunks in 1..=part.manifest.chunks.len() {
            self.chunks(part, &(0..chunks).collect())?;
            let bytes = part.beginning(chunks).map_err(|e| self.disk(&e))?;
            match Header::parse(&bytes, part.manifest.bytes) {
                Ok(_) => return Ok(()),
                // A number of entries that cannot fit in what is there may fit in more.
                Err(GgufError::Header { why: Why::Truncated | Why::NoRoom { .. }, .. }) => {}
                Err(e) => return Err(Fault::Failed(format!("{}: {e}", self.model))),
            }
        }
        Err(Fault::Failed(format!("{}: its file has no whole header", self.model)))
    }

    /// Brings those chunks that are not here.
    fn chunks(&mut self, part: &PartFile, needed: &BTreeSet<usize>) -> Result<(), Fault> {
        let missing = part.missing(needed).map_err(|e| self.disk(&e))?;
        self.room(part, &missing)?;
        let run = usize::try_from((RUN_BYTES / part.manifest.chunk_bytes).max(1)).unwrap_or(1);
        let mut left: Vec<usize> = missing.into_iter().collect();
        while let Some(&first) = left.first() {
            let following = left.iter().zip(first..).take(run).take_while(|(chunk, next)| *chunk == next).count();
            // Chunks that came before a connection broke stay.
            let mut next = first;
            let end = first + following;
            while next < end {
                let range = part.manifest.range(next).start..part.manifest.range(end - 1).end;
                let (from, shared) = (next, self.shared);
                let got =
                    self.ask(&part.manifest.sha256.to_string(), Some(&range), |answer| take(shared, part, from..end, answer))?;
                next = got.ok_or_else(|| self.nowhere(&format!("chunk {next} of {}", part.manifest.chunks.len())))?;
            }
            left.drain(..following);
        }
        Ok(())
    }

    /// Whether the disk has room for what is to come.
    fn room(&self, part: &PartFile, missing: &BTreeSet<usize>) -> Result<(), Fault> {
        let bytes: u64 = missing.iter().map(|c| part.manifest.range(*c)).map(|r| r.end - r.start).sum();
        let Ok(disk) = rustix::fs::statvfs(&part.path) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if bytes > 0 && free < bytes.saturating_add(SPARE_BYTES) {
            let mb = |b: u64| b / 1_000_000;
            return Err(Fault::Unavailable(format!(
                "{}: {} MB of its file are to come and {} MB are free (64 MiB stay free): make room, or let `state:` lie on another disk",
                self.model,
                mb(bytes),
                mb(free)
            )));
        }
        Ok(())
    }
}

/// Why a source gave nothing.
enum Bad {
    Lost(io::Error),
    Wrong(String),
    Disk(io::Error),
}

fn request(shared: &Shared, source: &Source, path: &str, range: Option<&Range<u64>>) -> io::Result<call::Answer> {
    let range = range.map(|r| format!("Range: bytes={}-{}\r\n", r.start, r.end - 1)).unwrap_or_default();
    let answer = match source {
        Source::Agent(name) => {
            // Agents of a fleet have the same keys, as where they hand requests on.
            let key = shared.settings.api_keys.first().map(|k| format!("Authorization: Bearer {k}\r\n")).unwrap_or_default();
            let head = format!("GET /blobs/sha256/{path} HTTP/1.0\r\nHost: fleet\r\n{key}{range}\r\n");
            call::agent(shared, name, head.as_bytes(), SILENCE)?
        }
        Source::Origin(at) => {
            let head = format!("GET {}/{path} HTTP/1.0\r\nHost: {}\r\n{range}\r\n", at.path, at.address);
            call::server(&at.address, head.as_bytes(), SILENCE)?
        }
    };
    if answer.status.is_success() { Ok(answer) } else { Err(io::Error::other(format!("status {}", answer.status.as_u16()))) }
}

/// Takes chunks as they come, each checked and written before the next: the first that did not come.
fn take(shared: &Shared, part: &PartFile, wanted: Range<usize>, answer: &mut call::Answer) -> Result<usize, Bad> {
    let start = part.manifest.range(wanted.start).start;
    let from = match answer.header("content-range") {
        Some(said) => said.strip_prefix("bytes ").and_then(|r| r.split_once('-')?.0.parse::<u64>().ok()),
        // A server that knows no ranges sends all of it.
        None => Some(0),
    };
    let skip =
        from.and_then(|from| start.checked_sub(from)).ok_or_else(|| Bad::Wrong("other bytes than were asked for".into()))?;
    io::copy(&mut io::Read::take(&mut answer.body, skip), &mut io::sink()).map_err(Bad::Lost)?;
    let (first, end) = (wanted.start, wanted.end);
    for chunk in wanted {
        let range = part.manifest.range(chunk);
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
        shared.blobs.fetching.take(bytes.len());
        if let Err(e) = answer.body.read_exact(&mut bytes) {
            // What came is kept.
            return if chunk > first { Ok(chunk) } else { Err(Bad::Lost(e)) };
        }
        if !part.manifest.is_chunk(chunk, &bytes) {
            return Err(Bad::Wrong(format!("a chunk {chunk} that is not the file's")));
        }
        part.write(chunk..chunk + 1, &bytes).map_err(Bad::Disk)?;
        shared.blobs.count_fetched(bytes.len() as u64);
    }
    Ok(end)
}
