//! Checks of a model profile.

use super::{Problem, Problems};
use crate::model::{Block, Mixer, Mlp, ModelKind, ModelProfile};
use crate::path::Path;
use crate::quality::{PerplexityRow, QualityRow};

/// Largest counts that a model may have: far above any that exists, far below what would overflow.
const MAX_BLOCKS: u64 = 4096;
const MAX_PARAMETERS: u64 = 1 << 50;

/// Everything that is wrong with a model profile; empty when it can be computed with.
#[must_use]
pub fn model(m: &ModelProfile) -> Vec<Problem> {
    let mut p = Problems::default();
    let root = Path::ROOT;
    p.id(&root.key("id"), &m.id);
    let at = root.key("blocks");
    let count: u64 = m.blocks.iter().map(|g| u64::from(g.count)).sum();
    if count == 0 || count > MAX_BLOCKS {
        p.add(&at, format!("a model has 1 to {MAX_BLOCKS} blocks, this one has {count}"));
    }
    for (i, group) in m.blocks.iter().enumerate() {
        let at = at.index(i);
        if group.count == 0 {
            p.add(&at.key("count"), "must be at least 1");
        }
        block(&group.block, &at.key("block"), &mut p);
    }
    let counted = m.total_parameters();
    let said = m.architecture.value;
    if counted.abs_diff(said) > said / 50 {
        p.add(&root.key("architecture"), format!("the blocks have {counted} parameters, the maker says {said}"));
    }
    if m.kind != ModelKind::Feedforward && m.context == 0 {
        p.add(&root.key("context"), "a model that answers in tokens needs a context length");
    }
    if m.formats.is_empty() {
        p.add(&root.key("formats"), "a model needs at least one weight format");
    }
    let at = root.key("quality");
    for (i, row) in m.quality.iter().enumerate() {
        self::row(m, row, &at.index(i), &mut p);
        if m.quality[..i].iter().any(|r| r.benchmark == row.benchmark && r.weights == row.weights) {
            p.add(&at.index(i), format!("a second row for {} at {}", row.benchmark, row.weights.name()));
        }
    }
    let at = root.key("perplexity");
    for (i, row) in m.perplexity.iter().enumerate() {
        perplexity(row, &at.index(i), &mut p);
        let same =
            |r: &PerplexityRow| (r.weights, &r.text, r.windows, r.window) == (row.weights, &row.text, row.windows, row.window);
        if m.perplexity[..i].iter().any(same) {
            p.add(&at.index(i), format!("a second row for {} at {}", row.text, row.weights.name()));
        }
    }
    p.sources(m);
    p.0
}

fn perplexity(r: &PerplexityRow, at: &Path<'_>, p: &mut Problems) {
    name(&r.text, &at.key("text"), "a text's name", p);
    if r.windows == 0 || r.window < 2 {
        p.add(at, format!("{} windows of {} tokens score nothing", r.windows, r.window));
    }
    let value = r.perplexity.value;
    if !(value.is_finite() && value >= 1.0) {
        p.add(&at.key("perplexity"), format!("must be at least 1, is {value}"));
    }
    if let Some(e) = r.stderr
        && !(e.is_finite() && e >= 0.0)
    {
        p.add(&at.key("stderr"), format!("must be at least 0, is {e}"));
    }
    if let Some(bits) = r.bits_per_weight
        && !(bits > 0.0 && bits <= 64.0)
    {
        p.add(&at.key("bits_per_weight"), format!("must be above 0 and at most 64, is {bits}"));
    }
}

/// A name of lower case letters, digits and dashes.
fn name(text: &str, at: &Path<'_>, what: &str, p: &mut Problems) {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || !text.chars().all(fine) {
        p.hint(at, format!("`{text}` is not {what}"), "lower case letters, digits and dashes");
    }
}

fn block(b: &Block, at: &Path<'_>, p: &mut Problems) {
    for (key, value) in [("parameters", b.parameters), ("output_width", b.output_width)] {
        if value > MAX_PARAMETERS {
            p.add(&at.key(key), format!("{value} is more than {MAX_PARAMETERS}"));
        }
    }
    if b.output_width == 0 {
        p.add(&at.key("output_width"), "must be at least 1");
    }
    for (key, value) in [("multiplied", b.multiplied), ("read", b.read), ("tied", b.tied), ("kept", b.kept)] {
        if value > b.parameters {
            p.add(&at.key(key), format!("{value} is more than the {} parameters of the block", b.parameters));
        }
    }
    if b.loops == 0 {
        p.add(&at.key("loops"), "must be at least 1");
    }
    let packed = b.packed_bits.values().map(|bits| ("packed_bits", *bits));
    for (key, bits) in b.stored_bits.map(|bits| ("stored_bits", bits)).into_iter().chain(packed) {
        if !(bits > 0.0 && bits <= 64.0) {
            p.add(&at.key(key), format!("must be above 0 and at most 64, is {bits}"));
        }
    }
    for (key, value) in [("fixed_ops", b.fixed_ops), ("fixed_activations", b.fixed_activations)] {
        if !(value.is_finite() && value >= 0.0) {
            p.add(&at.key(key), format!("must be at least 0, is {value}"));
        }
    }
    mixer(&b.mixer, &at.key("mixer"), p);
    if let Mlp::Experts { experts, active, parameters_per_expert } = b.mlp
        && (active == 0 || active > experts || parameters_per_expert == 0 || parameters_per_expert > MAX_PARAMETERS)
    {
        p.add(&at.key("mlp"), format!("{active} of {experts} experts of {parameters_per_expert} parameters cannot be"));
    }
}

fn mixer(m: &Mixer, at: &Path<'_>, p: &mut Problems) {
    match *m {
        Mixer::None => {}
        Mixer::Attention { heads, kv_heads, head_dim, window } => {
            if heads == 0 || kv_heads == 0 || head_dim == 0 || !heads.is_multiple_of(kv_heads.max(1)) {
                p.add(at, format!("{heads} heads cannot share {kv_heads} KV heads of {head_dim} elements"));
            }
            if window == Some(0) {
                p.add(&at.key("window"), "must be at least 1");
            }
        }
        Mixer::LatentAttention { heads, head_dim, rank, .. } => {
            if heads == 0 || head_dim == 0 || rank == 0 {
                p.add(at, "heads, head_dim and rank must be at least 1");
            }
        }
        Mixer::StateSpace { state } | Mixer::Recurrent { state } => {
            if state == 0 || state > MAX_PARAMETERS {
                p.add(&at.key("state"), format!("a state of {state} elements cannot be"));
            }
        }
    }
}

fn row(m: &ModelProfile, r: &QualityRow, at: &Path<'_>, p: &mut Problems) {
    name(&r.benchmark, &at.key("benchmark"), "a benchmark's name", p);
    if !m.formats.contains(&r.weights) {
        p.add(&at.key("weights"), format!("the model is not released at {}", r.weights.name()));
    }
    let share = |v: f64| (0.0..=1.0).contains(&v);
    if !share(r.accuracy.value.get()) {
        p.add(&at.key("accuracy"), format!("must be 0 % to 100 %, is {}", r.accuracy.value));
    }
    if let Some(ceiling) = &r.majority_ceiling
        && !(share(ceiling.value.get()) && ceiling.value >= r.accuracy.value)
    {
        p.add(
            &at.key("majority_ceiling"),
            format!("{} is below one sample's {} or above 100 %", ceiling.value, r.accuracy.value),
        );
    }
    if let Some(beta) = &r.beta
        && !(beta.value.0.is_finite() && beta.value.0 > 0.0 && beta.value.1.is_finite() && beta.value.1 > 0.0)
    {
        p.add(&at.key("beta"), format!("both numbers must be above 0, are {:?}", beta.value));
    }
    if let Some(beta) = &r.beta
        && (beta.value.0 / (beta.value.0 + beta.value.1) - r.accuracy.value.get()).abs() > 0.01
    {
        p.add(&at.key("beta"), format!("the mean of Beta{:?} is not the accuracy of {}", beta.value, r.accuracy.value));
    }
    let budgets = at.key("budgets");
    for (i, (_, accuracy)) in r.budgets.iter().enumerate() {
        if !share(accuracy.value.get()) {
            p.add(&budgets.index(i), format!("must be 0 % to 100 %, is {}", accuracy.value));
        }
        if i > 0 && r.budgets[i - 1].0 >= r.budgets[i].0 {
            p.add(&budgets.index(i), "token counts must increase");
        }
    }
    let votes = at.key("votes");
    for (i, vote) in r.votes.iter().enumerate() {
        if vote.samples < 2 || vote.tokens == 0 {
            p.add(&votes.index(i), "a vote takes at least 2 samples and 1 token");
        }
        if !share(vote.accuracy.value.get()) {
            p.add(&votes.index(i).key("accuracy"), format!("must be 0 % to 100 %, is {}", vote.accuracy.value));
        }
    }
}
