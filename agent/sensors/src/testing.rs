//! A host on a board in a text, for unit tests of sources.

use crate::board::Board;
use crate::clock::{Clock, Stamp};
use crate::config::Config;
use crate::deadline::Deadline;
use crate::listing::Listing;
use crate::source::Host;
use std::sync::Arc;
use std::time::Duration;

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Stamp {
        Stamp::at(Duration::ZERO)
    }
}

pub(crate) fn host(text: &str) -> (Listing, Host) {
    let board = Listing::parse(text).expect("a listing");
    let host = Host {
        files: Arc::new(board.clone()),
        runner: Arc::new(board.clone()),
        clock: Arc::new(Still),
        deadline: Deadline::default(),
        board: Board::identify(&board),
        config: Config::default(),
        live: false,
    };
    (board, host)
}
