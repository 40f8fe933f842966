//! The generated part of the documentation, written anew; the same tests without this compare.

use crate::run::{Done, cargo_with};

/// Reference pages and what `console` blocks show. The tests lie in modules named `docs`.
pub(crate) fn docs() -> Done {
    let update = [("UPDATE_GOLDEN", "1".to_owned())];
    cargo_with(&update, &["test", "--workspace", "--locked", "--test", "main", "docs::"])?;
    println!("written; read the diff: git diff docs README.md");
    Ok(())
}
