use super::*;
use profiles::Literature;
use profiles::literature::{FlashArray, Run};

fn compared() -> Report {
    report().unwrap_or_else(|e| panic!("{e}"))
}

/// The check: no figure leaves the bound that its row gives.
#[test]
fn no_figure_leaves_its_bound() {
    let report = compared();
    let all: Vec<&Compared> = report.systems.iter().flat_map(|s| &s.figures).collect();
    assert!(all.len() >= 40, "{}", all.len());
    let off: Vec<String> = all
        .iter()
        .filter(|f| !(f.predicted.is_finite() && f.error.abs() <= f.within))
        .map(|f| {
            format!("{}: predicted {}, published {}, off by {:.3}, at most {}", f.id, f.predicted, f.published, f.error, f.within)
        })
        .collect();
    assert!(off.is_empty(), "{}", off.join("\n"));
}

/// Bounds follow the errors: none is more than half as wide again and ten points more.
#[test]
fn bounds_are_not_wider_than_the_errors_need() {
    let report = compared();
    let loose: Vec<String> = report
        .systems
        .iter()
        .flat_map(|s| &s.figures)
        .filter(|f| f.within > 1.5 * f.error.abs() + 0.1)
        .map(|f| format!("{}: within {}, is off by {:.3}", f.id, f.within, f.error))
        .collect();
    assert!(loose.is_empty(), "{}", loose.join("\n"));
}

fn group<'r>(report: &'r Report, quantity: &str, model: &str) -> &'r Group {
    let found = report.tables[0].groups.iter().find(|g| g.quantity == quantity && g.model == model);
    found.unwrap_or_else(|| panic!("no {quantity} of {model}"))
}

/// EdgeReasoning's tables: decode within 5 %, energy per token within 10 % in the median of every model.
#[test]
fn the_orin_profile_reproduces_edgereasoning() {
    let report = compared();
    let table = &Literature::builtin().tables[0];
    for model in std::iter::once("all").chain(table.models.values().map(String::as_str)) {
        let decode = group(&report, "decode rate", model);
        assert!(decode.errors.max.unwrap() <= table.decode_within.get(), "{model}: {:?}", decode.errors);
        let energy = group(&report, "energy per token", model);
        assert!(energy.errors.median.unwrap() <= table.energy_within.get(), "{model}: {:?}", energy.errors);
        let steady = group(&report, "energy per token, steady answers", model);
        assert!(steady.errors.max.unwrap() <= table.energy_within.get(), "{model}: {:?}", steady.errors);
        let prefill = group(&report, "prefill rate, from 256 tokens", model);
        assert!(prefill.errors.median.unwrap() <= table.prefill_within.get(), "{model}: {:?}", prefill.errors);
    }
    assert_eq!(group(&report, "decode rate", "all").errors.n, 82);
    assert_eq!(report.tables[0].rows, 181 + 18);
}

/// Coefficients that were fitted to two models predict the third as well as the issue asks of the fit.
#[test]
fn a_model_that_was_left_out_is_predicted() {
    let table = &compared().tables[0];
    assert_eq!(table.crossed.len(), 3);
    for c in &table.crossed {
        assert!(c.decode.max.unwrap() <= 0.05, "{}: {:?}", c.left_out, c.decode);
        assert!(c.energy_per_token.max.unwrap() <= 0.1, "{}: {:?}", c.left_out, c.energy_per_token);
    }
}

/// The catalogue holds what the fit gives, rounded: the profile cannot drift from its source line.
#[test]
fn the_catalogue_holds_the_fit() {
    let report = compared();
    let fitted = &report.tables[0].fitted;
    let table = &Literature::builtin().tables[0];
    let device = setting::device(&table.device).unwrap();
    let gpu = device.processors.iter().find(|p| p.id == table.processor).unwrap();
    let near = |said: f64, found: f64| assert!((said / found - 1.0).abs() < 0.01, "the catalogue says {said}, the fit {found}");
    near(gpu.bandwidth_efficiency.value.get(), fitted.bandwidth_efficiency);
    near(gpu.launch.value.get(), fitted.launch_s);
    near(gpu.joules_per_byte.value.get(), fitted.joules_per_byte);
    assert!(gpu.pass_overhead.value.get().abs() < 1e-12);
}

/// The catalogue's rate of computing flash is what the formula gives for the paper's table.
#[test]
fn the_catalogue_holds_the_flash_array() {
    let figures = Literature::builtin().systems.iter().flat_map(|s| &s.figures);
    let large: FlashArray = figures
        .filter_map(|f| match &f.run {
            Run::Flash { array, .. } if array.channels == 32 => Some(*array),
            _ => None,
        })
        .next()
        .unwrap();
    let rate = crate::physics::flash::Array {
        channels: 32.0,
        chips_per_channel: f64::from(large.chips_per_channel),
        dies_per_chip: f64::from(large.dies_per_chip),
        page_bytes: large.page.get(),
        read_s: large.read.get(),
        channel_bandwidth: large.channel.get(),
    }
    .rate();
    let said = setting::device("cambricon-llm").unwrap().processors[0].bandwidth.value.get();
    assert!((said / rate - 1.0).abs() < 0.005, "{said} in the catalogue, {rate} from the table");
}

/// The page in the repository is what the command prints.
#[test]
fn the_page_is_what_the_command_prints() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/literature.md");
    let now = markdown(&compared());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == now,
        "docs/literature.md differs from `planner literature --format md`; UPDATE_GOLDEN=1 rewrites it, then read the diff"
    );
}

/// Every row says where its number is from, and a figure fitted to itself is not counted.
#[test]
fn fitted_figures_are_not_counted() {
    let report = compared();
    let figures: Vec<&Compared> = report.systems.iter().flat_map(|s| &s.figures).collect();
    let counted = figures.iter().filter(|f| f.standing == "predicted" && !f.at_least).count();
    assert_eq!(report.predicted.n, counted);
    assert_eq!(report.fitted_to_this, figures.iter().filter(|f| f.standing == "fitted to this").count());
    assert!(report.fitted_to_this > 0 && figures.iter().all(|f| f.source.contains("http")));
}
