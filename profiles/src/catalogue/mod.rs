//! The catalogue that is built into the program: devices, models and links, each number with its source.
//!
//! A catalogue file has a map of source texts under short keys, then one list:
//!
//! ```yaml
//! sources:
//!   nv-modules: https://example.org/datasheet
//! devices:
//!   - id: board
//!     # … the fields of `DeviceProfile`, with sourced values such as
//!     # bandwidth: { value: 204.8 GB/s, quality: datasheet, source: nv-modules }
//! ```
//!
//! A `source` is a key of the file's own map, replaced by its text when read, or a text of its own
//! with a space or a slash in it. Entries begin with `- id:` at one indentation, so that an
//! entry is found without parsing the file and parsed when it is first asked for.

#[cfg(test)]
mod device_tests;
mod files;
mod shelf;
pub(crate) mod sources;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use crate::device::DeviceProfile;
use crate::link::LinkProfile;
use crate::model::ModelProfile;
use shelf::Shelf;

/// All built-in profiles, parsed one by one on first use.
#[derive(Debug)]
pub struct Catalogue {
    devices: Shelf<DeviceProfile>,
    models: Shelf<ModelProfile>,
    links: Shelf<LinkProfile>,
}

impl Catalogue {
    /// The catalogue of this program. The first call lists the ids (well under a millisecond).
    #[must_use]
    pub fn builtin() -> &'static Catalogue {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| Catalogue {
            devices: Shelf::new("devices", files::DEVICES),
            models: Shelf::new("models", files::MODELS),
            links: Shelf::new("links", files::LINKS),
        })
    }

    #[must_use]
    pub fn device(&self, id: &str) -> Option<&DeviceProfile> {
        self.devices.get(id)
    }

    #[must_use]
    pub fn model(&self, id: &str) -> Option<&ModelProfile> {
        self.models.get(id)
    }

    #[must_use]
    pub fn link(&self, id: &str) -> Option<&LinkProfile> {
        self.links.get(id)
    }

    /// Ids in alphabetical order, nothing parsed.
    pub fn device_ids(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.devices.ids()
    }

    /// Ids in alphabetical order, nothing parsed.
    pub fn model_ids(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.models.ids()
    }

    /// Ids in alphabetical order, nothing parsed.
    pub fn link_ids(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.links.ids()
    }
}
