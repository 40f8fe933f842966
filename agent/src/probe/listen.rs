//! The far side of a link probe.

use crate::exit::{Exit, Failure, Outcome};
use crate::interrupt::{self, Running};
use ::probe::link::{Limits, Listener};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) fn run(address: SocketAddr, seconds: u64) -> Outcome {
    let listener = Listener::bind(address, Limits::default())
        .map_err(|e| Failure::help(crate::exit::causes(&e), "name an address of this machine, and a port that is free"))?;
    let own = listener.address().map_err(|e| Failure::input(format!("error: {e}")))?;
    eprintln!("listening at {own} for {seconds} s; on the other machine: agent probe --only links --peer {own}");
    interrupt::catch();
    let running = Running::begin();
    let (stop, over) = (listener.stop(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if running.interrupted() {
                    stop.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        listener.serve(Duration::from_secs(seconds), &|what| eprintln!("{what}"));
        over.store(true, Ordering::Relaxed);
    });
    Ok(if running.interrupted() { Exit::Interrupted } else { Exit::Done })
}
