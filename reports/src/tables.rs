//! The report's tables as data frames, written as CSV and Parquet. The only module that knows polars.

use crate::report::{Baseline, Device, EnergyPart, FrontPoint, FrontService, Quality, Report, Service, Stage, Target};
use polars::prelude::{Column, CsvWriter, DataFrame, ParquetWriter, PolarsError, SerWriter};
use thiserror::Error;

/// A table that could not be written.
#[derive(Debug, Error)]
pub enum TableError {
    #[error("building table {table}")]
    Build { table: &'static str, source: PolarsError },
    #[error("writing {table} as CSV")]
    Csv { table: &'static str, source: PolarsError },
    #[error("writing {table} as Parquet")]
    Parquet { table: &'static str, source: PolarsError },
}

/// Builds one table.
type Build = fn(&Report) -> Result<DataFrame, PolarsError>;

/// A file's name and its bytes.
pub type File = (String, Vec<u8>);

/// Every table as CSV: `targets.csv`, `services.csv`, `stages.csv`, `devices.csv`, `front.csv`,
/// `front_services.csv`, `baselines.csv`, `energy.csv`. Units stand in the column names; absent numbers are empty.
///
/// # Errors
/// [`TableError`] when polars refuses a table.
pub fn csv(r: &Report) -> Result<Vec<File>, TableError> {
    let tables: [(&'static str, Build); 8] = [
        ("targets", targets),
        ("services", services),
        ("stages", stages),
        ("devices", devices),
        ("front", front),
        ("front_services", front_services),
        ("baselines", baselines),
        ("energy", energy),
    ];
    let write = |(table, build): (&'static str, Build)| {
        let mut frame = build(r).map_err(|source| TableError::Build { table, source })?;
        let mut bytes = Vec::new();
        CsvWriter::new(&mut bytes).finish(&mut frame).map_err(|source| TableError::Csv { table, source })?;
        Ok((format!("{table}.csv"), bytes))
    };
    tables.into_iter().map(write).collect()
}

/// The front, what its plans do with each service, and the services, as Parquet.
///
/// # Errors
/// [`TableError`] when polars refuses a table.
pub fn parquet(r: &Report) -> Result<Vec<File>, TableError> {
    let tables: [(&'static str, Build); 3] = [("front", front), ("front_services", front_services), ("services", services)];
    let write = |(table, build): (&'static str, Build)| {
        let mut frame = build(r).map_err(|source| TableError::Build { table, source })?;
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).map_err(|source| TableError::Parquet { table, source })?;
        Ok((format!("{table}.parquet"), bytes))
    };
    tables.into_iter().map(write).collect()
}

/// Rows on their way into a frame.
struct Rows<'a, T>(&'a [T]);

impl<'a, T> Rows<'a, T> {
    fn words(&self, name: &str, of: impl Fn(&'a T) -> &'a str) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<&str>>())
    }

    fn maybe_words(&self, name: &str, of: impl Fn(&'a T) -> Option<&'a str>) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<Option<&str>>>())
    }

    fn figures(&self, name: &str, of: impl Fn(&'a T) -> f64) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<f64>>())
    }

    fn maybe(&self, name: &str, of: impl Fn(&'a T) -> Option<f64>) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<Option<f64>>>())
    }

    fn counts(&self, name: &str, of: impl Fn(&'a T) -> u32) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<u32>>())
    }

    fn flags(&self, name: &str, of: impl Fn(&'a T) -> bool) -> Column {
        Column::new(name.into(), self.0.iter().map(of).collect::<Vec<bool>>())
    }

    fn quality(&self, of: impl Fn(&'a T) -> Quality) -> Column {
        self.words("quality", |t| of(t).word())
    }
}

fn targets(r: &Report) -> Result<DataFrame, PolarsError> {
    let t: Rows<'_, Target> = Rows(&r.targets);
    DataFrame::new_infer_height(vec![
        t.words("subject", |t| &t.subject),
        t.words("what", |t| &t.what),
        t.figures("limit", |t| t.limit),
        t.figures("value", |t| t.value),
        t.words("unit", |t| &t.unit),
        t.flags("at_most", |t| t.at_most),
        t.figures("margin", |t| t.margin),
        t.flags("tight", |t| t.tight),
        t.flags("missed", |t| t.missed),
        t.counts("line", |t| t.line),
        t.quality(|t| t.quality),
    ])
}

fn services(r: &Report) -> Result<DataFrame, PolarsError> {
    let s: Rows<'_, Service> = Rows(&r.services);
    DataFrame::new_infer_height(vec![
        s.words("service", |s| &s.name),
        s.words("model", |s| &s.model),
        s.words("precision", |s| &s.precision),
        s.figures("bits_per_weight", |s| s.bits_per_weight),
        s.counts("kv_bits", |s| s.kv_bits),
        s.counts("activation_bits", |s| s.activation_bits),
        s.words("scaling", |s| &s.scaling),
        s.figures("rate_hz", |s| s.rate_hz),
        s.counts("replicas", |s| s.replicas),
        s.maybe("accuracy", |s| s.accuracy),
        s.maybe_words("benchmark", |s| s.benchmark.as_deref()),
        s.maybe_words("accuracy_quality", |s| s.accuracy_quality.map(Quality::word)),
        s.words("percentile", |s| &s.percentile),
        s.figures("ttft_s", |s| s.ttft_s),
        s.maybe("tpot_s", |s| s.tpot_s),
        s.figures("total_s", |s| s.total_s),
        s.figures("energy_per_request_j", |s| s.energy_per_request_j),
        s.maybe("energy_per_token_j", |s| s.energy_per_token_j),
        s.words("why", |s| &s.why),
        s.quality(|s| s.quality),
    ])
}

fn stages(r: &Report) -> Result<DataFrame, PolarsError> {
    let all: Vec<(&Service, &Stage)> = r.services.iter().flat_map(|s| s.stages.iter().map(move |g| (s, g))).collect();
    let g = Rows(&all);
    DataFrame::new_infer_height(vec![
        g.words("service", |g| &g.0.name),
        g.counts("replica", |g| g.1.replica),
        g.figures("share", |g| g.1.share),
        g.words("device", |g| &g.1.device),
        g.words("processor", |g| &g.1.processor),
        g.counts("start", |g| g.1.start),
        g.counts("end", |g| g.1.end),
        g.figures("memory_bytes", |g| g.1.memory_bytes),
        g.figures("resident_share", |g| g.1.resident_share),
        g.figures("busy_s", |g| g.1.busy_s),
        g.figures("dynamic_j", |g| g.1.dynamic_j),
        g.figures("dasi", |g| g.1.dasi),
        g.figures("memory_saturation", |g| g.1.memory_saturation),
        g.quality(|g| g.0.quality),
    ])
}

fn devices(r: &Report) -> Result<DataFrame, PolarsError> {
    let d: Rows<'_, Device> = Rows(&r.devices);
    DataFrame::new_infer_height(vec![
        d.words("device", |d| &d.name),
        d.words("profile", |d| &d.profile),
        d.words("site", |d| &d.site),
        d.flags("awake", |d| d.awake),
        d.maybe_words("mode", |d| d.mode.as_deref()),
        d.figures("clock", |d| d.clock),
        d.flags("throttled", |d| d.throttled),
        d.figures("power_w", |d| d.power_w),
        d.figures("idle_w", |d| d.idle_w),
        d.figures("dynamic_w", |d| d.dynamic_w),
        d.figures("leakage_w", |d| d.leakage_w),
        d.maybe("temperature_c", |d| d.temperature_c),
        d.maybe("throttle_c", |d| d.throttle_c),
        d.maybe("phi", |d| d.phi),
        d.words("does", |d| &d.does),
        d.words("why", |d| &d.why),
        d.quality(|d| d.quality),
    ])
}

fn front(r: &Report) -> Result<DataFrame, PolarsError> {
    let p: Rows<'_, FrontPoint> = Rows(&r.front);
    DataFrame::new_infer_height(vec![
        p.words("id", |p| &p.id),
        p.figures("power_w", |p| p.power_w),
        p.figures("energy_per_request_j", |p| p.energy_per_request_j),
        p.maybe("ipw", |p| p.ipw),
        p.figures("mean_latency_s", |p| p.mean_latency_s),
        p.figures("latency_score", |p| p.latency_score),
        p.maybe("accuracy", |p| p.accuracy),
        p.figures("underuse", |p| p.underuse),
        p.flags("chosen", |p| p.chosen),
        p.words("description", |p| &p.description),
        p.quality(|p| p.quality),
    ])
}

fn front_services(r: &Report) -> Result<DataFrame, PolarsError> {
    let all: Vec<(&FrontPoint, &FrontService)> = r.front.iter().flat_map(|p| p.services.iter().map(move |s| (p, s))).collect();
    let s = Rows(&all);
    DataFrame::new_infer_height(vec![
        s.words("id", |s| &s.0.id),
        s.words("service", |s| &s.1.service),
        s.words("model", |s| &s.1.model),
        s.words("precision", |s| &s.1.precision),
        s.words("scaling", |s| &s.1.scaling),
        s.words("placement", |s| &s.1.placement),
        s.figures("total_s", |s| s.1.total_s),
        s.figures("energy_per_request_j", |s| s.1.energy_per_request_j),
        s.maybe("accuracy", |s| s.1.accuracy),
        s.quality(|s| s.0.quality),
    ])
}

fn baselines(r: &Report) -> Result<DataFrame, PolarsError> {
    let b: Rows<'_, Baseline> = Rows(&r.baselines);
    DataFrame::new_infer_height(vec![
        b.words("name", |b| &b.name),
        b.words("description", |b| &b.description),
        b.flags("feasible", |b| b.feasible),
        b.words("violations", |b| &b.violations),
        b.maybe("power_w", |b| b.power_w),
        b.maybe("energy_per_request_j", |b| b.energy_per_request_j),
        b.maybe("mean_latency_s", |b| b.mean_latency_s),
        b.maybe("accuracy", |b| b.accuracy),
        b.maybe("ipw", |b| b.ipw),
        b.maybe("power_ratio", |b| b.power_ratio),
        b.maybe("energy_ratio", |b| b.energy_ratio),
        b.maybe("latency_ratio", |b| b.latency_ratio),
        b.maybe("ipw_ratio", |b| b.ipw_ratio),
        b.quality(|b| b.quality),
    ])
}

fn energy(r: &Report) -> Result<DataFrame, PolarsError> {
    let e: Rows<'_, EnergyPart> = Rows(&r.energy);
    DataFrame::new_infer_height(vec![
        e.words("device", |e| &e.device),
        e.maybe_words("service", |e| e.service.as_deref()),
        e.words("component", |e| &e.component),
        e.figures("power_w", |e| e.power_w),
        e.figures("energy_per_request_j", |e| e.energy_per_request_j),
        e.figures("share", |e| e.share),
        e.quality(|e| e.quality),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;
    use polars::prelude::{AnyValue, ParquetReader, SerReader};
    use std::io::Cursor;

    #[test]
    fn csv_holds_the_values() {
        let files = csv(&sample()).unwrap();
        let names: Vec<&str> = files.iter().map(|f| f.0.as_str()).collect();
        assert_eq!(
            names,
            [
                "targets.csv",
                "services.csv",
                "stages.csv",
                "devices.csv",
                "front.csv",
                "front_services.csv",
                "baselines.csv",
                "energy.csv"
            ]
        );
        let energy = String::from_utf8(files[7].1.clone()).unwrap();
        let lines: Vec<&str> = energy.lines().collect();
        assert_eq!(lines[0], "device,service,component,power_w,energy_per_request_j,share,quality");
        assert_eq!(lines.len(), 15);
        assert!(lines[1].starts_with("orin-a,,idle,3.9,"), "{}", lines[1]);
        assert!(lines[2].starts_with("orin-a,chat,dynamic,1.9,"), "{}", lines[2]);
    }

    #[test]
    fn csv_of_nothing_has_headers_only() {
        for (name, bytes) in csv(&Report::default()).unwrap() {
            assert_eq!(String::from_utf8(bytes).unwrap().lines().count(), 1, "{name}");
        }
    }

    #[test]
    fn parquet_reads_back() {
        let report = sample();
        let files = parquet(&report).unwrap();
        let read = |i: usize| ParquetReader::new(Cursor::new(files[i].1.clone())).finish().unwrap();
        assert_eq!(read(0).shape(), (60, 11));
        assert_eq!(read(1).shape(), (180, 10));
        let services = read(2);
        assert_eq!(services.column("energy_per_request_j").unwrap().get(1).unwrap(), AnyValue::Float64(29.5));
        assert_eq!(services.column("tpot_s").unwrap().get(2).unwrap(), AnyValue::Null);
    }

    #[test]
    fn same_report_same_bytes() {
        assert_eq!(parquet(&sample()).unwrap(), parquet(&sample()).unwrap());
        assert_eq!(csv(&sample()).unwrap(), csv(&sample()).unwrap());
    }
}
