//! Line and column of every key and list item of a YAML text, by path. Built only when something is wrong.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use std::collections::BTreeMap;
use std::fmt;

/// Places by path (`device.processors[0].bandwidth`).
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<String, (u32, u32)>);

impl Places {
    pub(crate) fn of(text: &str) -> Self {
        let mut places = BTreeMap::new();
        // A text that does not parse has no places; its fault is reported by the typed reader.
        if let Ok(root) = serde_yaml::from_str_with_options::<Node>(text, crate::yaml::options()) {
            collect(&root, String::new(), &mut places);
        }
        Self(places)
    }

    /// The place of the path, or of its nearest ancestor; (0, 0) when there is none.
    pub(crate) fn find(&self, path: &str) -> (u32, u32) {
        let mut path = path;
        loop {
            if let Some(&place) = self.0.get(path) {
                return place;
            }
            match path.rfind(['.', '[']) {
                Some(i) => path = &path[..i],
                None => return (0, 0),
            }
        }
    }
}

enum Node {
    Leaf,
    Map(Vec<(Spanned<String>, Node)>),
    List(Vec<Spanned<Node>>),
}

fn collect(node: &Node, path: String, places: &mut BTreeMap<String, (u32, u32)>) {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    match node {
        Node::Leaf => {}
        Node::Map(entries) => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.value.clone() } else { format!("{path}.{}", key.value) };
                places.insert(path.clone(), (number(key.referenced.line()), number(key.referenced.column())));
                collect(value, path, places);
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                places.insert(path.clone(), (number(item.referenced.line()), number(item.referenced.column())));
                collect(&item.value, path, places);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Node, D::Error> {
        Node::deserialize(d)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
