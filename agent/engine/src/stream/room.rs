//! Which weights stay in memory and which are read anew in every pass.

use super::StreamError;

/// Windows that readers fill in turn: one is computed with, two are read.
const WINDOWS: usize = 3;
/// Fewest that let reading and arithmetic overlap.
const LEAST: usize = 2;

/// Most bytes of weights in memory, windows included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Room {
    Bytes(u64),
    /// Of all packed bytes.
    Share(f64),
}

impl Room {
    fn bytes(self, all: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Share(share) if share >= 1.0 => u64::MAX,
            Self::Share(share) => (all as f64 * share.max(0.0)) as u64,
        }
    }
}

/// Codes that are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// In memory, if held.
    pub(crate) bytes: u64,
    /// Of a window that it is read into.
    pub(crate) window: u64,
    /// Used by every pass, not only looked up.
    pub(crate) each_pass: bool,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// By piece.
    pub(crate) held: Vec<bool>,
    /// Windows, and bytes of each; none where everything is held.
    pub(crate) windows: usize,
    pub(crate) window: u64,
}

/// Divides the room. `always`: bytes that are in memory whatever is decided; `beside`: those that are where not
/// everything is held. Held pieces lie evenly among the others in the order of use, so that reading goes on while
/// they are computed with; what is only looked up is held last.
pub(crate) fn choose(room: Room, always: u64, beside: u64, pieces: &[Piece]) -> Result<Choice, StreamError> {
    let all = always + pieces.iter().map(|p| p.bytes).sum::<u64>();
    let limit = room.bytes(all);
    // While it is loaded, what is held goes through a window as well.
    let window = pieces.iter().map(|p| p.window).max().unwrap_or(0);
    if limit == u64::MAX || all + window <= limit {
        return Ok(Choice { held: vec![true; pieces.len()], windows: 0, window: 0 });
    }
    let used = || pieces.iter().filter(|p| p.each_pass);
    let needed: u64 = used().map(|p| p.bytes).sum();
    let mut held: Vec<bool> = pieces.iter().map(|_| false).collect();
    let fixed = always + beside;
    if fixed + needed + window <= limit {
        // Only what is looked up does not fit: nothing is read in turn.
        pieces.iter().zip(&mut held).for_each(|(p, h)| *h = p.each_pass);
        let left = limit - fixed - needed - window;
        fill(pieces, &mut held, left);
        return Ok(Choice { held, windows: 0, window: 0 });
    }
    let with = |n: usize| fixed + n as u64 * window;
    let windows = if with(WINDOWS) <= limit { WINDOWS } else { LEAST };
    let mut left = limit.checked_sub(with(windows)).ok_or(StreamError::Room { limit, least: with(LEAST) })?;
    let (share, mut due) = (left as f64 / needed.max(1) as f64, 0.0);
    for (piece, held) in pieces.iter().zip(&mut held).filter(|(p, _)| p.each_pass) {
        due += share * piece.bytes as f64;
        if due >= piece.bytes as f64 && piece.bytes <= left {
            due -= piece.bytes as f64;
            left -= piece.bytes;
            *held = true;
        }
    }
    fill(pieces, &mut held, left);
    Ok(Choice { held, windows, window })
}

/// Holds whatever still fits, what every pass uses first.
fn fill(pieces: &[Piece], held: &mut [bool], mut left: u64) {
    for each_pass in [true, false] {
        for (piece, held) in pieces.iter().zip(&mut *held).filter(|(p, h)| p.each_pass == each_pass && !**h) {
            if piece.bytes <= left {
                left -= piece.bytes;
                *held = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(sizes: &[u64]) -> Vec<Piece> {
        sizes.iter().map(|n| Piece { bytes: *n, window: n + 1, each_pass: true }).collect()
    }

    #[test]
    fn held_pieces_lie_evenly() {
        let choice = choose(Room::Bytes(3 * 11 + 40), 0, 0, &pieces(&[10; 12])).expect("fits");
        assert_eq!((choice.windows, choice.window), (3, 11));
        let held: Vec<usize> = (0..12).filter(|i| choice.held[*i]).collect();
        assert_eq!(held, [2, 5, 8, 11]);
        let least = choose(Room::Bytes(22), 0, 0, &pieces(&[10; 30])).expect("fits");
        assert_eq!((least.windows, least.held.iter().any(|h| *h)), (2, false));
        let error = choose(Room::Bytes(21), 0, 0, &pieces(&[10; 30])).expect_err("too small");
        assert_eq!(error, StreamError::Room { limit: 21, least: 22 });
        assert!(error.to_string().contains("22 are needed at least"));
    }

    #[test]
    fn all_fits_or_only_what_is_looked_up_does_not() {
        let all = choose(Room::Share(1.0), 7, 5, &pieces(&[10; 3])).expect("fits");
        assert_eq!((all.windows, all.held), (0, vec![true; 3]));
        let mut list = pieces(&[10; 4]);
        list[0].each_pass = false;
        list[1].each_pass = false;
        let table = choose(Room::Bytes(38 + 11), 3, 5, &list).expect("fits");
        assert_eq!((table.windows, table.held), (0, vec![true, false, true, true]));
    }

    proptest! {
        #[test]
        fn the_limit_holds(
            sizes in proptest::collection::vec(1..1000u64, 1..40),
            share in 0.0..1.2f64,
            always in 0..500u64,
            beside in 0..500u64,
            looked_up in 0..3usize,
        ) {
            let mut list = pieces(&sizes);
            list.iter_mut().take(looked_up).for_each(|p| p.each_pass = false);
            let all = always + sizes.iter().sum::<u64>();
            let limit = Room::Share(share).bytes(all);
            match choose(Room::Share(share), always, beside, &list) {
                Ok(c) => {
                    let held: u64 = list.iter().zip(&c.held).filter(|(_, h)| **h).map(|(p, _)| p.bytes).sum();
                    let whole = c.held.iter().all(|h| *h);
                    let window = list.iter().map(|p| p.window).max().unwrap_or(0);
                    prop_assert!(c.windows > 0 || share >= 1.0 || always + held + window <= limit);
                    let beside = if whole { 0 } else { beside };
                    prop_assert!(always + beside + held + c.windows as u64 * c.window <= limit);
                    let streamed = list.iter().zip(&c.held).any(|(p, h)| p.each_pass && !h);
                    prop_assert_eq!(streamed, c.windows > 0);
                }
                Err(StreamError::Room { least, .. }) => prop_assert!(least > limit),
                Err(e) => prop_assert!(false, "{e}"),
            }
        }
    }
}
