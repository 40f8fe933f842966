//! Sensors on boards in texts, on a disk, against real sockets, and under faults.

mod boards;
mod disk;
mod faults;
mod plugs;
mod sampler;
mod world;
