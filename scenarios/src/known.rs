//! What a scenario's names can mean: the catalogue, seen through the few questions that reading asks.

use profiles::{DeviceProfile, LinkProfile, ModelProfile};
use std::path::Path;

/// Profiles by id. Ids come in a fixed order, so that messages do.
pub trait Known {
    fn device(&self, id: &str) -> Option<&DeviceProfile>;
    fn model(&self, id: &str) -> Option<&ModelProfile>;
    fn link(&self, id: &str) -> Option<&LinkProfile>;
    fn device_ids(&self) -> Vec<&str>;
    fn model_ids(&self) -> Vec<&str>;
    fn link_ids(&self) -> Vec<&str>;

    /// The user's own profile at `path`, which is relative to the working folder.
    ///
    /// # Errors
    /// Why there is none, for a person. Unless overridden, that files are not read here.
    fn profile_file(&self, path: &Path) -> Result<DeviceProfile, String> {
        Err(format!("{} is not read here: only profiles of the catalogue can be used", path.display()))
    }
}
