//! The catalogue's texts, built into the program. A test compares the lists with the folders.

/// Name below `profiles/catalogue/` and text.
pub(super) type File = (&'static str, &'static str);

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$(($name, include_str!(concat!("../../catalogue/", $name)))),*] };
}

pub(super) const DEVICES: &[File] = files![
    "devices/jetson.yaml",
    "devices/sbc.yaml",
    "devices/laptop.yaml",
    "devices/desktop-gpu.yaml",
    "devices/phone.yaml",
    "devices/accelerator.yaml",
    "devices/qeil.yaml",
];

pub(super) const MODELS: &[File] = files!["models/smollm2.yaml"];

pub(super) const LINKS: &[File] = files!["links.yaml"];
