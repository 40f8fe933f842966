//! The sampler's thread on a real clock, over a board whose load is known.

use crate::world::board;
use sensors::energy::Method;
use sensors::{Clock, Config, Listing, Missing, Pace, Runner, Sampler, Scope, Sensors, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// An Orin Nano that draws a power given by the clock.
#[derive(Debug)]
struct Drawing {
    board: Listing,
    clock: SystemClock,
}

impl sensors::Files for Drawing {
    fn read(&self, path: &str) -> Result<String, Missing> {
        if path.ends_with("curr1_input") {
            let t = self.clock.now().mono.as_secs_f64();
            // 2 A with a ripple, at 5.016 V.
            return Ok(format!("{:.0}\n", 2000.0 + 40.0 * (t * 50.0).sin()));
        }
        self.board.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, Missing> {
        self.board.list(folder)
    }
}

#[test]
fn laps_follow_each_other_and_their_joules_are_power_times_time() {
    let clock = SystemClock::default();
    let files = Arc::new(Drawing { board: board("orin-nano-jp6"), clock });
    let runner: Arc<dyn Runner> = Arc::new(files.board.clone());
    let sensors = Sensors::with(files, runner, Arc::new(clock), Config::default());
    let began = clock.now();
    let sampler = Sampler::start(sensors, Duration::from_millis(20)).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    let first = sampler.lap().unwrap();
    let slow = sampler.read(Pace::Slow).unwrap();
    assert!(slow.iter().any(|r| r.name == "tj-thermal" && r.value() == Some(48.562)));
    std::thread::sleep(Duration::from_millis(600));
    let (second, mut sensors) = sampler.stop().unwrap();
    let elapsed = clock.now().since_s(began);
    // Nothing between the laps is lost.
    assert!((first.seconds + second.seconds) <= elapsed && elapsed - first.seconds - second.seconds < 0.5);
    for window in [&first, &second] {
        assert!(window.seconds >= 0.6);
        let machine = window.machine();
        assert_eq!((machine.scope.clone(), machine.method), (Scope::Module, Method::Trapezoid));
        let watts = machine.energy.estimate().unwrap() / window.seconds;
        assert!((watts / 10.032 - 1.0).abs() < 0.01, "{watts} W, {machine}");
        assert!(machine.samples >= 10, "{machine:?}");
    }
    assert!(sensors.power().value().is_some(), "the sensors come back");
}

#[test]
fn a_busy_machine_does_not_look_like_one_with_a_broken_clock() {
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let spin = |stop: Arc<std::sync::atomic::AtomicBool>| move || while !stop.load(std::sync::atomic::Ordering::Relaxed) {};
    let threads: Vec<_> = (0..6).map(|_| std::thread::spawn(spin(stop.clone()))).collect();
    let clock = SystemClock::default();
    let files = Arc::new(Drawing { board: board("orin-nano-jp6"), clock });
    let runner: Arc<dyn Runner> = Arc::new(files.board.clone());
    let sampler =
        Sampler::start(Sensors::with(files, runner, Arc::new(clock), Config::default()), Duration::from_millis(5)).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let window = sampler.lap().unwrap();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    let text = window.machine().to_string();
    assert!(!text.contains("clock stepped") && !text.contains("slept"), "{text}");
}
