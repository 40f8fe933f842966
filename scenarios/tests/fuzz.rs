//! Whatever bytes come, reading ends with a scenario or with findings that have places.

use profiles::Catalogue;
use proptest::prelude::*;
use scenarios::testing::Shelf;
use scenarios::{Known, read_with, render};
use std::path::Path;

/// Reads and renders; the claims hold for every input.
fn survive(bytes: &[u8], known: &dyn Known) {
    match read_with(Path::new("fuzz.yaml"), bytes, known, &|_| Err("no such file".into())) {
        Ok(reading) => {
            let s = &reading.scenario;
            // Indices point at what is there, shares are shares.
            for d in &s.devices {
                assert!(d.site < s.sites.len() && d.host.is_none_or(|h| h < s.devices.len()));
            }
            for v in &s.services {
                let devices = v.pins.iter().chain(&v.forbidden).chain(&v.private_to).map(|d| d.value);
                assert!(devices.chain(v.origin).all(|d| d < s.devices.len()));
                assert!(v.apart_from.iter().all(|o| o.value < s.services.len()));
                assert!(v.rate.value.get() > 0.0 && v.prompt_tokens > 0 && !v.models.is_empty());
                assert!(v.replicas.0 >= 1 && v.replicas.0 <= v.replicas.1 && v.scaling.samples.contains(&1));
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty());
            let text = render(&findings, "fuzz.yaml", bytes);
            assert!(findings.iter().all(|f| f.at.line >= 1 && f.at.column >= 1 && f.help.is_some()), "{text}");
        }
    }
}

/// xorshift64*: a mutation needs no better numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n.max(1)
    }
}

/// Bytes that YAML and the reader treat in a special way.
const SPICE: &[&[u8]] = &[
    b":",
    b"- ",
    b"\n",
    b"  ",
    b"\t",
    b"'",
    b"\"",
    b"[",
    b"]",
    b"{",
    b"}",
    b"#",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!x ",
    b"|",
    b">",
    b"%",
    b"\r",
    b"---\n",
    b"...\n",
    b"~",
    b"null",
    b"0",
    b"-1",
    b"1e999",
    b".nan",
    b"0x1F",
    b"\xff",
    b"\xc2",
    b"\xe2\x80\xae",
    b"\0",
    b"?",
    b", ",
    b"99999999999999999999",
    b"true",
    b"..",
    b" W",
    b" tokens",
];

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(12);
        let end = (at + length).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, SPICE[random.below(SPICE.len())].iter().copied())),
            2 => drop(bytes.splice(at..end, SPICE[random.below(SPICE.len())].iter().copied())),
            3 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            4 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            // A whole line twice, or gone.
            _ => {
                let start = bytes[..at].iter().rposition(|&b| b == b'\n').map_or(0, |p| p + 1);
                let stop = bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |p| at + p + 1);
                if random.below(2) == 0 {
                    bytes.drain(start..stop);
                } else {
                    let line = bytes[start..stop].to_vec();
                    bytes.splice(stop..stop, line);
                }
            }
        }
    }
}

#[test]
fn mutated_files_are_survived() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shelf = Shelf::default();
    let example = |name: &&str| (std::fs::read(folder.join(format!("{name}.yaml"))).unwrap(), Catalogue::builtin() as &dyn Known);
    let mut seeds: Vec<(Vec<u8>, &dyn Known)> = super::examples::NAMES.iter().map(example).collect();
    seeds.extend([super::reading::SMALL, super::reading::FULL].map(|text| (text.as_bytes().to_vec(), &shelf as &dyn Known)));
    let mut random = Random(0x5DEE_CE66_D1CE_4E5B);
    for round in 0..600 {
        for (seed, known) in &seeds {
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut random);
            let survived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| survive(&bytes, *known)));
            assert!(survived.is_ok(), "round {round}:\n{}", String::from_utf8_lossy(&bytes));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        survive(&bytes, &Shelf::default());
    }

    #[test]
    fn any_yaml_like_text_is_survived(text in "([a-z_]{1,8}: ?|- |\\[|\\]|\\{|\\}|, |\n *|[0-9.]{1,4} ?(W|%|s|/s|tokens)?|\"|'|#|&|\\*|é){0,60}") {
        survive(text.as_bytes(), &Shelf::default());
    }

    /// Any value behind any key of a service.
    #[test]
    fn any_value_behind_a_key_is_survived(key in "(models|rate|prompt|answer|deadline|accuracy|replicas|pin|precisions|scaling|max_stages|origin)", value in "\\PC{0,40}") {
        let text = super::reading::SMALL.replace("    models: [llama-3.2-1b]\n", &format!("    models: [llama-3.2-1b]\n    {key}: {value}\n"));
        survive(text.as_bytes(), &Shelf::default());
    }
}
