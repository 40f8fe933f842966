//! Everything that a probe found, as it is printed, and kept in the profile's file beside the device.

use crate::fit::overlap::{self, Overlap, Point};
use crate::heat::Heat;
use crate::link::Link;
use crate::measure::arithmetic::Peak;
use crate::measure::overhead::Overhead;
use crate::measure::pressure::Pressure;
use crate::measure::products::{Product, Resident};
use crate::measure::read::Reading;
use crate::measure::storage::Storage;
use crate::surroundings::Surroundings;
use serde::{Deserialize, Serialize};

/// A probe. What was not measured is absent and named in `left_out`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub surroundings: Surroundings,
    pub quick: bool,
    /// Threads that the rates are of.
    pub threads: usize,
    /// As processor 0 reports it, bytes.
    pub last_cache_bytes: Option<u64>,
    pub memory_total_bytes: u64,
    pub memory_available_bytes: u64,
    pub reading: Option<Reading>,
    pub peaks: Vec<Peak>,
    pub products: Vec<Product>,
    pub overhead: Option<Overhead>,
    /// How reading and arithmetic overlap in products with one token: arithmetic by each format's own rate in cache,
    /// reading by the rate of the working set.
    pub overlap: Option<Overlap>,
    pub storage: Option<Storage>,
    pub pressure: Option<Pressure>,
    pub heat: Option<Heat>,
    pub links: Vec<Link>,
    /// What was not measured, each with the reason.
    pub left_out: Vec<String>,
}

impl Record {
    /// Products of one token against the rates of arithmetic and of reading as much, for a fit of the roofline: all
    /// working sets of every format. `arithmetic` gives the operations a second of a format's arithmetic alone.
    #[must_use]
    pub fn points(&self, arithmetic: fn(&Product) -> f64) -> Vec<Point> {
        let Some(reading) = &self.reading else { return Vec::new() };
        let all = self.products.iter().flat_map(|p| p.near.iter().chain(&p.far).map(move |set| (p, *set)));
        let point = |(p, set): (&Product, Resident)| {
            let bytes = set.bytes as f64;
            Some(Point {
                arithmetic_s: 2.0 * bytes * 8.0 / p.bits_per_weight / arithmetic(p),
                reading_s: bytes / reading.at(bytes)?,
                took_s: bytes / set.rate.median,
            })
        };
        all.filter_map(point).collect()
    }

    /// Fits the overlap to what was measured.
    pub fn fit_overlap(&mut self) {
        self.overlap = overlap::fit(&self.points(|p| p.vector.fast));
    }

    /// s of a call that multiplies nothing: the median over the formats.
    #[must_use]
    pub fn call_s(&self) -> f64 {
        crate::runs::median(&self.products.iter().map(|p| p.call_s).collect::<Vec<_>>()).unwrap_or(0.0)
    }

    #[must_use]
    pub fn product(&self, format: &str) -> Option<&Product> {
        self.products.iter().find(|p| p.format == format)
    }

    /// B/s of all threads from memory, not from a cache.
    #[must_use]
    pub fn bandwidth(&self) -> Option<f64> {
        self.reading.as_ref()?.memory().map(|r| r.fast)
    }

    /// The largest working set that is read at least a quarter faster than memory: what the caches are worth to one
    /// process here, bytes. Shared and virtual machines report more than they give.
    #[must_use]
    pub fn cache_seen(&self) -> Option<f64> {
        let reading = self.reading.as_ref()?;
        let memory = reading.memory()?.median;
        let faster = reading.by_set.iter().rev().find(|s| s.rate.median > 1.25 * memory)?;
        Some(faster.bytes as f64)
    }
}
