//! Dispatch takes only what the core has. `cargo xtask aarch64` runs this on three emulated cores and
//! names the core, so that what is expected does not come from the same detection.

use kernels::{Dense, Format, Kernel, Matrix, PackError, Pool, Wait};

#[test]
fn kernels_are_those_of_the_core() {
    let Ok(core) = std::env::var("WATTLINE_CORE") else {
        println!("SKIPPED: WATTLINE_CORE names no emulated core (cargo xtask aarch64)");
        return;
    };
    let expected: &[Kernel] = match core.as_str() {
        "cortex-a72" => &[Kernel::Scalar, Kernel::Neon],
        "cortex-a76" => &[Kernel::Scalar, Kernel::Neon, Kernel::NeonDotprod],
        "max" => &[Kernel::Scalar, Kernel::Neon, Kernel::NeonDotprod, Kernel::NeonI8mm],
        other => panic!("no kernels are stated for {other}"),
    };
    assert_eq!(Kernel::available(), expected, "{core}");
    for format in Format::ALL {
        assert!(expected.contains(&Kernel::best_for(format)), "{core} {format}");
    }
}

#[test]
fn what_the_core_lacks_is_refused() {
    let pool = Pool::new(1, Wait::Park);
    let weights = [1.0; 64];
    let source = Dense::new(&weights, 2, 32).unwrap();
    for kernel in Kernel::ALL {
        for format in Format::ALL {
            let packed = Matrix::pack(&source, format, kernel, &pool);
            if kernel.is_available() {
                assert!(packed.is_ok(), "{kernel} {format}");
            } else {
                assert!(matches!(packed, Err(PackError::Unavailable { kernel: k }) if k == kernel), "{kernel} {format}");
            }
        }
    }
}
