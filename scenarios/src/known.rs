//! What a scenario's names can mean: the catalogue, seen through the few questions that reading asks.

use profiles::{Catalogue, DeviceProfile, LinkProfile, ModelProfile};

/// Profiles by id. Ids come in a fixed order, so that messages do.
pub trait Known {
    fn device(&self, id: &str) -> Option<&DeviceProfile>;
    fn model(&self, id: &str) -> Option<&ModelProfile>;
    fn link(&self, id: &str) -> Option<&LinkProfile>;
    fn device_ids(&self) -> Vec<&str>;
    fn model_ids(&self) -> Vec<&str>;
    fn link_ids(&self) -> Vec<&str>;
}

impl Known for Catalogue {
    fn device(&self, id: &str) -> Option<&DeviceProfile> {
        Catalogue::device(self, id)
    }
    fn model(&self, id: &str) -> Option<&ModelProfile> {
        Catalogue::model(self, id)
    }
    fn link(&self, id: &str) -> Option<&LinkProfile> {
        Catalogue::link(self, id)
    }
    fn device_ids(&self) -> Vec<&str> {
        Catalogue::device_ids(self).collect()
    }
    fn model_ids(&self) -> Vec<&str> {
        Catalogue::model_ids(self).collect()
    }
    fn link_ids(&self) -> Vec<&str> {
        Catalogue::link_ids(self).collect()
    }
}
