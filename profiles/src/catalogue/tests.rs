use super::files::{DEVICES, File, LINKS, MODELS};
use super::*;
use crate::check;

/// Every entry parses, every source is known: else the faults, one a line.
#[test]
fn every_entry_is_read() {
    let c = Catalogue::builtin();
    let faults: Vec<_> = c.devices.faults().into_iter().chain(c.models.faults()).chain(c.links.faults()).collect();
    let text: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", text.join("\n"));
}

/// Every value can be computed with.
#[test]
fn every_entry_is_sound() {
    let c = Catalogue::builtin();
    let mut text = Vec::new();
    let mut note = |id: &str, problems: Vec<crate::Problem>| {
        text.extend(problems.into_iter().map(|p| format!("{id}: {}: {}", p.at, p.message)));
    };
    for id in c.device_ids() {
        let profile = c.device(id).expect("listed");
        assert_eq!(profile.id, id);
        note(id, check::device(profile));
    }
    for id in c.model_ids() {
        let profile = c.model(id).expect("listed");
        assert_eq!(profile.id, id);
        note(id, check::model(profile));
    }
    for id in c.link_ids() {
        let profile = c.link(id).expect("listed");
        assert_eq!(profile.id, id);
        note(id, check::link(profile));
    }
    assert!(text.is_empty(), "{}", text.join("\n"));
}

#[test]
fn the_catalogue_is_large() {
    let c = Catalogue::builtin();
    assert!(c.model_ids().count() >= 40);
    assert!(c.device_ids().count() >= 40);
    assert!(c.link_ids().count() >= 5);
    assert!(c.model("smollm2-135m").is_some() && c.model("no-such-model").is_none());
}

/// Whole files hold the entries that the scan of their lines finds: none is lost, and ids are unique.
#[test]
fn entries_are_found_without_parsing() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        #[serde(default)]
        #[expect(dead_code, reason = "only the lists are compared")]
        sources: super::sources::Sources,
        #[serde(default)]
        devices: Vec<DeviceProfile>,
        #[serde(default)]
        models: Vec<ModelProfile>,
        #[serde(default)]
        links: Vec<LinkProfile>,
    }
    let whole = |files: &[File]| -> Vec<String> {
        let mut ids = Vec::new();
        for (name, text) in files {
            let file: Whole = crate::yaml::parse(name, text, 0).unwrap_or_else(|f| panic!("{f}"));
            ids.extend(file.devices.into_iter().map(|d| d.id));
            ids.extend(file.models.into_iter().map(|m| m.id));
            ids.extend(file.links.into_iter().map(|l| l.id));
        }
        ids.sort();
        ids
    };
    let c = Catalogue::builtin();
    assert_eq!(whole(DEVICES), c.device_ids().collect::<Vec<_>>());
    assert_eq!(whole(MODELS), c.model_ids().collect::<Vec<_>>());
    assert_eq!(whole(LINKS), c.link_ids().collect::<Vec<_>>());
}

/// A YAML file that is in the folder is in the program, and the other way round.
#[test]
fn every_file_is_listed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let listed = |files: &[File], folder: &str| {
        let mut found: Vec<String> = std::fs::read_dir(root.join(folder))
            .expect("the folder is in the repository")
            .map(|e| format!("{folder}/{}", e.expect("readable").file_name().display()))
            .collect();
        found.sort();
        let mut names: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        assert_eq!(found, names);
    };
    listed(DEVICES, "devices");
    listed(MODELS, "models");
    assert_eq!(LINKS.len(), 1);
}
