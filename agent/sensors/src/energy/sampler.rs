//! A thread that reads power while work runs.

use super::{Account, Window};
use crate::missing::Missing;
use crate::reading::Reading;
use crate::sensors::Sensors;
use crate::source::Pace;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the thread is asked for.
#[derive(Debug)]
enum Ask {
    /// The window since the last lap; it reads once more first, so that the window ends now.
    Lap(Sender<Window>),
    /// Other readings, between two samples.
    Read(Pace, Sender<Vec<Reading>>),
}

/// Reads power in the background; laps are exact to a read.
#[derive(Debug)]
pub struct Sampler {
    asks: Sender<Ask>,
    thread: Option<JoinHandle<Sensors>>,
}

impl Sampler {
    /// Ten reads a second: twice what telemetry needs for phases of a request.
    pub const INTERVAL: Duration = Duration::from_millis(100);

    /// Begins. When it returns, the first read is done: work that starts now is counted in full.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(sensors: Sensors, interval: Duration) -> Result<Self, Missing> {
        let (asks, inbox) = channel();
        let (ready, begun) = channel();
        let work = move || sample(sensors, interval, &inbox, &ready);
        let thread = std::thread::Builder::new().name("sampler".into()).spawn(work);
        let thread = thread.map_err(|e| Missing::from_io("the sampler's thread", &e))?;
        begun.recv().map_err(|_| ended())?;
        Ok(Self { asks, thread: Some(thread) })
    }

    /// The joules since the start or the last lap.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn lap(&self) -> Result<Window, Missing> {
        let (reply, window) = channel();
        self.asks.send(Ask::Lap(reply)).map_err(|_| ended())?;
        window.recv().map_err(|_| ended())
    }

    /// Readings of this pace and faster ones while the sampler runs, as temperatures and throttling.
    ///
    /// # Errors
    /// When the thread has ended.
    pub fn read(&self, pace: Pace) -> Result<Vec<Reading>, Missing> {
        let (reply, readings) = channel();
        self.asks.send(Ask::Read(pace, reply)).map_err(|_| ended())?;
        readings.recv().map_err(|_| ended())
    }

    /// The last lap, and the sensors back.
    ///
    /// # Errors
    /// When the thread has ended before.
    pub fn stop(mut self) -> Result<(Window, Sensors), Missing> {
        let window = self.lap()?;
        let Self { asks, thread } = &mut self;
        // Dropping the sender ends the thread.
        drop(std::mem::replace(asks, channel().0));
        let sensors = thread.take().and_then(|t| t.join().ok()).ok_or_else(ended)?;
        Ok((window, sensors))
    }
}

fn ended() -> Missing {
    Missing::Failed { what: "the sampler's thread".into(), error: "it ended".into() }
}

fn sample(mut sensors: Sensors, interval: Duration, inbox: &Receiver<Ask>, ready: &Sender<()>) -> Sensors {
    let clock = sensors.clock();
    let mut account = Account::new(interval.as_secs_f64());
    let (mut due, readings) = sensors.read_power();
    account.observe(due, &readings);
    if ready.send(()).is_err() {
        return sensors;
    }
    loop {
        due.mono += interval;
        let wait = due.mono.saturating_sub(clock.now().mono);
        let lap = match inbox.recv_timeout(wait) {
            Ok(Ask::Lap(reply)) => Some(reply),
            Ok(Ask::Read(pace, reply)) => {
                // Nobody waits any more: then the readings are lost with their asker; so is a window below.
                let _ = reply.send(sensors.read(pace));
                None
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return sensors,
        };
        let (at, readings) = sensors.read_power();
        account.observe(at, &readings);
        due = at;
        if let Some(reply) = lap {
            let _ = reply.send(account.lap(at));
        }
    }
}
