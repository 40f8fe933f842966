//! Boards in texts, heated by simulated loads whose resistance, capacitance and leakage are known.

use probe::heat::{Done, Heat, IDLE, Load, MULTIPLYING, READING, Times, record};
use probe::surroundings::Surroundings;
use probe::{Record, show};
use sensors::{Clock, Config, Files, Listing, Sensors, Stamp};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A clock that loads move.
#[derive(Debug, Default)]
struct Hand(Mutex<f64>);

impl Clock for Hand {
    fn now(&self) -> Stamp {
        Stamp::at(Duration::from_secs_f64(*self.0.lock().unwrap()))
    }
}

/// How a board shows its power and temperature.
type Write = fn(&Listing, f64, f64);

struct Board {
    name: &'static str,
    /// K/W, J/K, °C.
    resistance: f64,
    capacitance: f64,
    ambient: f64,
    /// W without leakage: idle, reading, multiplying.
    watts: [f64; 3],
    /// W at 50 °C, and its e-fold.
    leak: f64,
    slope: f64,
    write: Write,
}

const READ_RATE: f64 = 10e9;
const MULTIPLY_RATE: f64 = 300e9;

struct Simulation<'b> {
    board: &'b Board,
    listing: Listing,
    clock: Arc<Hand>,
    celsius: f64,
}

impl Simulation<'_> {
    fn leakage(&self) -> f64 {
        self.board.leak * ((self.celsius - 50.0) / self.board.slope).exp()
    }
}

impl Load for Simulation<'_> {
    fn run(&mut self, which: u8, seconds: f64) -> Done {
        let b = self.board;
        let (steps, mut joules) = (200, 0.0);
        let dt = seconds / f64::from(steps);
        for _ in 0..steps {
            let p = b.watts[usize::from(which)] + self.leakage();
            joules += p * dt;
            self.celsius += dt / b.capacitance * (p - (self.celsius - b.ambient) / b.resistance);
        }
        *self.clock.0.lock().unwrap() += seconds;
        (b.write)(&self.listing, joules / seconds, self.celsius);
        match which {
            READING => Done { seconds, bytes: READ_RATE * seconds, operations: 0.0 },
            MULTIPLYING => Done { seconds, bytes: 0.0, operations: MULTIPLY_RATE * seconds },
            _ => Done { seconds, ..Done::default() },
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn listing(name: &str) -> Listing {
    let text = std::fs::read_to_string(folder().join(format!("../sensors/boards/{name}.txt"))).unwrap();
    Listing::parse(&text).unwrap()
}

fn jetson(board: &Listing, watts: f64, celsius: f64) {
    // 5.016 V at VDD_IN, steps of 8 mA as the chip has.
    let milliamperes = (watts / 5.016e-3 / 8.0).round() * 8.0;
    board.set("/sys/class/hwmon/hwmon1/curr1_input", &format!("{milliamperes:.0}"));
    for zone in 0..12 {
        let path = format!("/sys/class/thermal/thermal_zone{zone}/temp");
        // Zones that are switched off stay so.
        if board.read(&path).is_ok() {
            // Steps of a quarter kelvin.
            board.set(&path, &format!("{:.0}", (celsius * 4.0).round() * 250.0));
        }
    }
}

fn pi5(board: &Listing, watts: f64, celsius: f64) {
    // The board's power is modelled from the sum of the rails: all of it in the core here.
    let sum = (watts - 0.5879) / 1.1451;
    board.set(
        "$/vcgencmd pmic_read_adc",
        &format!("VDD_CORE_A current(7)={:.8}A\nVDD_CORE_V volt(15)=0.87500000V\nEXT5V_V volt(24)=5.0V\n", sum / 0.875),
    );
    board.set("$/vcgencmd get_throttled", "throttled=0x0\n");
    board.set("/sys/class/thermal/thermal_zone0/temp", &format!("{:.0}", celsius * 1000.0));
}

fn laptop(board: &Listing, watts: f64, celsius: f64) {
    board.set(
        "/sys/class/power_supply/BAT0/uevent",
        &format!(
            "POWER_SUPPLY_NAME=BAT0\nPOWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_STATUS=Discharging\nPOWER_SUPPLY_VOLTAGE_NOW=11714000\nPOWER_SUPPLY_POWER_NOW={:.0}\nPOWER_SUPPLY_CAPACITY=62\n",
            watts * 1e6
        ),
    );
    // Steps of one kelvin.
    board.set("/sys/class/thermal/thermal_zone0/temp", &format!("{:.0}", celsius.round() * 1000.0));
}

fn heat(board: &Board, times: Times) -> (Option<Heat>, Record) {
    let listing = listing(board.name);
    let clock = Arc::new(Hand::default());
    let mut simulation = Simulation { board, listing: listing.clone(), clock: Arc::clone(&clock), celsius: board.ambient };
    // At rest, idle.
    for _ in 0..400 {
        simulation.run(IDLE, 5.0);
    }
    let mut sensors = Sensors::on_listing(&listing, clock, Config::default());
    let heat = record(&mut sensors, &mut simulation, times);
    let mut surroundings = Surroundings::look(&listing, &mut sensors, "2026-11-26", "agent probe", "0.1.0");
    // What this machine, not the board, says.
    surroundings.warnings.retain(|w| !w.starts_with("built"));
    surroundings.cores = 4;
    if surroundings.processor == std::env::consts::ARCH {
        surroundings.processor = "(this machine's)".into();
    }
    (heat.clone(), Record { surroundings, heat, threads: 4, ..Record::default() })
}

const BOARDS: [Board; 3] = [
    Board {
        name: "orin-nano-jp6",
        resistance: 2.2,
        capacitance: 22.0,
        ambient: 24.0,
        watts: [4.1, 9.0, 13.5],
        leak: 0.9,
        slope: 30.0,
        write: jetson,
    },
    Board {
        name: "pi5",
        resistance: 4.4,
        capacitance: 14.0,
        ambient: 22.0,
        watts: [2.4, 6.2, 9.1],
        leak: 0.44,
        slope: 30.0,
        write: pi5,
    },
    Board {
        name: "laptop",
        resistance: 1.1,
        capacitance: 60.0,
        ambient: 23.0,
        watts: [6.5, 24.0, 45.0],
        leak: 1.5,
        slope: 25.0,
        write: laptop,
    },
];

#[test]
fn known_devices_come_back() {
    for board in &BOARDS {
        let (heat, _) = heat(board, Times::FULL);
        let h = heat.unwrap_or_else(|| panic!("{} has a power sensor", board.name));
        let t = h.thermal.as_ref().unwrap_or_else(|e| panic!("{}: {e}", board.name));
        let within = |what: &str, got: f64, true_value: f64, share: f64| {
            assert!((got / true_value - 1.0).abs() < share, "{}: {what} {got}, true {true_value}", board.name);
        };
        within("resistance", t.resistance, board.resistance, 0.04);
        within("capacitance", t.capacitance, board.capacitance, 0.06);
        assert!((t.ambient_c - board.ambient).abs() < 1.5, "{}: ambient {}", board.name, t.ambient_c);
        let l = h.leakage.as_ref().unwrap_or_else(|e| panic!("{}: {e}", board.name));
        within("leakage", l.reference_w, board.leak, 0.15);
        within("slope", l.slope_k, board.slope, 0.25);
        within("idle", h.idle_w, board.watts[0], 0.03);
        within("energy per byte", h.joules_per_byte, (board.watts[1] - board.watts[0]) / READ_RATE, 0.05);
        within("energy per operation", h.joules_per_op, (board.watts[2] - board.watts[0]) / MULTIPLY_RATE, 0.05);
    }
}

#[test]
fn a_quick_look_measures_power_and_fits_no_heat() {
    let (heat, _) = heat(&BOARDS[0], Times::QUICK);
    let h = heat.unwrap();
    assert!(h.joules_per_byte > 0.0 && h.idle_w > 3.0, "{h:?}");
}

#[test]
fn a_board_without_a_sensor_says_so_and_nothing_breaks() {
    for name in ["pi4", "vm"] {
        let board = Board { name, write: |_, _, _| {}, ..BOARDS[1] };
        let (heat, record) = heat(&board, Times::QUICK);
        assert_eq!(heat, None, "{name}");
        assert!(show(&record).contains("no power sensor: energy is modelled"), "{name}");
    }
}

#[test]
fn a_load_ends_before_the_firmware_slows_down() {
    let board = Board { resistance: 8.0, ..BOARDS[0] };
    let (heat, _) = heat(&board, Times::FULL);
    let h = heat.unwrap();
    let hottest = h.trace.iter().map(|m| m.celsius).fold(0.0, f64::max);
    assert!(hottest < 99.0, "{hottest}");
    assert!(h.throttled.iter().any(|t| t.starts_with("load ended")), "{:?}", h.throttled);
}

#[test]
fn what_boards_print_is_as_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for board in &BOARDS {
        let (_, record) = heat(board, Times::FULL);
        let path = folder().join(format!("tests/golden/{}.txt", board.name));
        let now = show(&record);
        if update {
            std::fs::write(&path, &now).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(now, written, "{}; UPDATE_GOLDEN=1 rewrites it, then read the diff", path.display());
    }
}
