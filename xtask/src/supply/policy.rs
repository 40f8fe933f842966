//! The part of `deny.toml` that is checked here.

use crate::run::root;

pub(crate) struct Policy {
    allowed: Vec<String>,
    /// Crate and a licence that it alone may have.
    exceptions: Vec<(String, String)>,
    pub(crate) banned: Vec<String>,
}

impl Policy {
    pub(crate) fn read() -> Result<Self, String> {
        let path = root().join("deny.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let policy = Self::parse(&text);
        if policy.allowed.is_empty() || policy.banned.is_empty() {
            return Err("deny.toml: no `allow` or no `deny` list found".into());
        }
        Ok(policy)
    }

    fn parse(text: &str) -> Self {
        let section = |name: &str| {
            let rest = text.split(&format!("[{name}]\n")).nth(1).unwrap_or_default();
            rest.split("\n[").next().unwrap_or_default().to_owned()
        };
        let licences = section("licenses");
        let list = licences.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
        let exceptions = licences.split("exceptions = [").nth(1).unwrap_or_default();
        let exceptions = exceptions.split("{ crate").skip(1).filter_map(|entry| {
            let words = quoted(entry);
            Some((words.first()?.clone(), words.get(1)?.clone()))
        });
        let banned = section("bans").split("{ crate").skip(1).filter_map(|entry| quoted(entry).first().cloned()).collect();
        Self { allowed: quoted(list), exceptions: exceptions.collect(), banned }
    }

    pub(crate) fn allows(&self, name: &str, licence: &str) -> bool {
        self.allowed.iter().any(|a| a == licence) || self.exceptions.iter().any(|(c, l)| c == name && l == licence)
    }
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
