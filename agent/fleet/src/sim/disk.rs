//! A disk that forgets: content is safe when it was synced, names when their folder was.
//!
//! A crash keeps the synced names and some first part of the later changes, in order, as a journal does;
//! content that was not synced is there, torn, zeroed or gone.

use crate::store::{Contents, File, Op};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Inode {
    bytes: Arc<[u8]>,
    synced: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Link(File, usize),
    Unlink(File),
}

/// The disk of one node.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    inodes: Vec<Inode>,
    names: BTreeMap<File, usize>,
    safe: BTreeMap<File, usize>,
    journal: Vec<Change>,
}

impl SimDisk {
    /// Carries a step out; `lie`: a sync that does nothing and says it did.
    pub fn run(&mut self, op: &Op, lie: bool) {
        match op {
            Op::Write { file, bytes } => {
                self.inodes.push(Inode { bytes: Arc::clone(bytes), synced: false });
                self.change(Change::Link(*file, self.inodes.len() - 1));
            }
            Op::Sync { file } => {
                if let Some(&i) = self.names.get(file)
                    && !lie
                {
                    self.inodes[i].synced = true;
                }
            }
            Op::Rename { from, to } => {
                if let Some(&i) = self.names.get(from) {
                    self.change(Change::Link(*to, i));
                    self.change(Change::Unlink(*from));
                }
            }
            Op::SyncFolder => {
                if !lie {
                    self.safe = self.names.clone();
                    self.journal.clear();
                }
            }
            Op::Remove { file } => self.change(Change::Unlink(*file)),
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.journal.push(change);
    }

    /// A step that failed half way.
    pub fn fail(&mut self, op: &Op, rng: &mut Xoshiro256PlusPlus) {
        if let Op::Write { file, bytes } = op {
            let some = rng.random_range(0..=bytes.len());
            self.run(&Op::Write { file: *file, bytes: bytes[..some].into() }, false);
        }
    }

    /// The power goes.
    pub fn crash(&mut self, rng: &mut Xoshiro256PlusPlus) {
        let kept = rng.random_range(0..=self.journal.len());
        let mut names = std::mem::take(&mut self.safe);
        for change in self.journal.drain(..).take(kept) {
            apply(&mut names, &change);
        }
        let mut inodes = Vec::new();
        for i in names.values_mut() {
            let old = &self.inodes[*i];
            let bytes = if old.synced { Arc::clone(&old.bytes) } else { damaged(&old.bytes, rng) };
            *i = inodes.len();
            inodes.push(Inode { bytes, synced: true });
        }
        *self = Self { inodes, safe: names.clone(), names, journal: Vec::new() };
    }

    /// What a start does before it believes what it reads: a process may have died between a rename and
    /// the sync of its folder, and then the power goes.
    pub fn settle(&mut self) {
        for i in self.names.values() {
            self.inodes[*i].synced = true;
        }
        self.safe = self.names.clone();
        self.journal.clear();
    }

    /// What a start finds.
    #[must_use]
    pub fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for (file, i) in &self.names {
            contents.add(*file, Arc::clone(&self.inodes[*i].bytes));
        }
        contents
    }
}

fn apply(names: &mut BTreeMap<File, usize>, change: &Change) {
    match change {
        Change::Link(file, i) => drop(names.insert(*file, *i)),
        Change::Unlink(file) => drop(names.remove(file)),
    }
}

/// Content that was never synced, after a crash.
fn damaged(bytes: &Arc<[u8]>, rng: &mut Xoshiro256PlusPlus) -> Arc<[u8]> {
    let cut = rng.random_range(0..=bytes.len());
    match rng.random_range(0..4) {
        0 => Arc::clone(bytes),
        1 => Arc::from([]),
        2 => bytes[..cut].into(),
        _ => {
            let mut zeroed = bytes.to_vec();
            zeroed[cut..].fill(0);
            zeroed.into()
        }
    }
}
