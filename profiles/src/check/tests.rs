use crate::read::{ReadError, read_device};
use crate::units::BytesPerSecond;

pub(crate) const BOARD: &str = "\
sources:
  sheet: the board's datasheet
device:
  id: board
  name: Board
  class: sbc
  memories:
    dram: { size: { value: 8 GiB, quality: datasheet, source: sheet }, usable: { value: 80 %, quality: assumed, source: the system needs the rest } }
  processors:
    - id: cpu
      kind: cpu
      memory: dram
      bandwidth: { value: 17 GB/s, quality: datasheet, source: sheet }
      bandwidth_efficiency: { value: 60 %, quality: assumed, source: like its neighbour }
      cache: null
      joules_per_byte: { value: 150 pJ/B, quality: assumed, source: like its neighbour }
      kernels:
        w8:
          peak: { value: 100 GOPS, quality: datasheet, source: sheet }
          efficiency: { value: 50 %, quality: assumed, source: like its neighbour }
          joules_per_op: { value: 10 pJ/OP, quality: assumed, source: like its neighbour }
      launch: { value: 2 us, quality: assumed, source: like its neighbour }
      pass_overhead: { value: 0 s, quality: assumed, source: like its neighbour }
      overlap: { value: 4, quality: assumed, source: like its neighbour }
  storage: null
  modes:
    - id: default
      idle: { value: 2.5 W, quality: datasheet, source: sheet }
      cap: null
  thermal:
    resistance: { value: 5 K/W, quality: assumed, source: like its neighbour }
    capacitance: { value: 40 J/K, quality: assumed, source: like its neighbour }
    throttle: { value: 85 °C, quality: datasheet, source: sheet }
    leakage: { value: 0.3 W, quality: assumed, source: like its neighbour }
    reference: { value: 25 °C, quality: assumed, source: like its neighbour }
    leakage_slope: { value: 40 K, quality: assumed, source: like its neighbour }
  sleep:
    power: { value: 0.1 W, quality: datasheet, source: sheet }
    wake_time: { value: 2 s, quality: assumed, source: like its neighbour }
    wake_energy: { value: 5 J, quality: assumed, source: like its neighbour }
";

fn faults(text: &str) -> Vec<String> {
    match read_device("board.yaml", text) {
        Err(ReadError::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sound_board_is_read_and_its_sources_are_expanded() {
    let d = read_device("board.yaml", BOARD).expect("sound");
    assert_eq!(d.memories["dram"].size.source, "the board's datasheet");
    assert_eq!(d.processors[0].bandwidth.value, BytesPerSecond(17e9));
    assert_eq!(d.processors[0].bandwidth_efficiency.source, "like its neighbour");
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let text = BOARD
        .replace("memory: dram", "memory: vram")
        .replace("value: 17 GB/s", "value: 0 GB/s")
        .replace("value: 80 %", "value: 120 %")
        .replace("throttle: { value: 85 °C", "throttle: { value: 20 °C")
        .replace(
            "idle: { value: 2.5 W, quality: datasheet, source: sheet }",
            "idle: { value: 2.5 W, quality: datasheet, source: shet }",
        );
    assert_eq!(
        faults(&text),
        [
            "board.yaml:8:72: memories.dram.usable: must be above 0 % and at most 100 %, is 120 %",
            "board.yaml:12:7: processors[0].memory: `vram` is not a memory of this device; it has: dram",
            "board.yaml:13:7: processors[0].bandwidth: must be above 0, is 0 B/s",
            "board.yaml:28:7: modes[0].idle: `shet` is not a key of `sources` (add it there, or write a URL or a reason)",
            "board.yaml:33:5: thermal.throttle: throttling at 20.0 °C is not above the reference temperature of 25.0 °C \
             (the reference is the temperature at which leakage is given, often 25 °C)",
        ]
    );
}

#[test]
fn faults_of_the_yaml_name_line_and_remedy() {
    assert_eq!(
        faults(&BOARD.replace("      kind: cpu\n", "      knd: cpu\n")),
        ["board.yaml:11:7: unknown key `knd` (did you mean `kind`?)"]
    );
    assert_eq!(
        faults(&BOARD.replace("value: 17 GB/s", "value: 17")),
        ["board.yaml:13:27: `17` has no unit; write for example `100 MB/s`"]
    );
    assert_eq!(
        faults(&BOARD.replace("class: sbc", "class: sbx")),
        ["board.yaml:6:10: `sbx` is not one of the values allowed here (did you mean `sbc`?)"]
    );
    assert_eq!(
        faults(&BOARD.replace("  name: Board\n", "  name: Board\n  name: Bord\n")),
        ["board.yaml:6:3: key `name` is there twice"]
    );
    assert!(faults(&BOARD.replace("name: Board", "name: &a Board"))[0].starts_with("board.yaml:5:"));
    assert!(faults(&"a".repeat(2 << 20))[0].contains("more than"));
    assert!(faults(&format!("{}1{}", "[".repeat(5000), "]".repeat(5000)))[0].starts_with("board.yaml:1:"));
}

#[test]
fn perplexities_are_checked() {
    let c = crate::Catalogue::builtin();
    let sound = c.model("smollm2-135m").expect("listed").clone();
    assert!(sound.perplexity.len() >= 7, "one a format");
    let said = |change: &dyn Fn(&mut crate::PerplexityRow)| {
        let mut m = sound.clone();
        change(&mut m.perplexity[1]);
        super::model(&m).iter().map(|p| format!("{}: {}", p.at, p.message)).collect::<Vec<_>>()
    };
    assert_eq!(said(&|_| {}), [""; 0]);
    assert_eq!(said(&|r| r.perplexity.value = 0.5), ["perplexity[1].perplexity: must be at least 1, is 0.5"]);
    assert_eq!(said(&|r| r.windows = 0), ["perplexity[1]: 0 windows of 512 tokens score nothing"]);
    assert_eq!(said(&|r| r.text = "Wiki text".into()), ["perplexity[1].text: `Wiki text` is not a text's name"]);
    assert_eq!(said(&|r| r.stderr = Some(f64::NAN)), ["perplexity[1].stderr: must be at least 0, is NaN"]);
    assert_eq!(said(&|r| r.bits_per_weight = Some(0.0)), ["perplexity[1].bits_per_weight: must be above 0 and at most 64, is 0"]);
    let first = sound.perplexity[0].weights;
    assert_eq!(said(&|r| r.weights = first), ["perplexity[1]: a second row for wikitext-2-raw-test at w16"]);
}
