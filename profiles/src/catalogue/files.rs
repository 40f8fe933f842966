//! The catalogue's texts, built into the program. A test compares the lists with the folders.

/// Name below `profiles/catalogue/` and text.
pub(super) type File = (&'static str, &'static str);

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../catalogue/", $name)))),*] };
}

pub(super) const DEVICES: &[File] = files![
    "devices/raspberry-pi.yaml",
    "devices/sbc.yaml",
    "devices/jetson-orin.yaml",
    "devices/jetson-other.yaml",
    "devices/laptop.yaml",
    "devices/apple-m1-m2.yaml",
    "devices/apple-m3-m4.yaml",
    "devices/phone.yaml",
    "devices/desktop-gpu.yaml",
    "devices/qeil.yaml",
    "devices/accelerator.yaml",
    "devices/literature.yaml",
];

pub(super) const MODELS: &[File] = files![
    "models/literature.yaml",
    "models/llama.yaml",
    "models/qwen2.yaml",
    "models/qwen3.yaml",
    "models/reasoning.yaml",
    "models/recurrent.yaml",
    "models/smollm2.yaml",
    "models/transformers.yaml",
    "models/vision.yaml",
    "models/wattline-tiny.yaml",
    "models/whisper.yaml",
];

pub(super) const LINKS: &[File] = files!["links.yaml"];
