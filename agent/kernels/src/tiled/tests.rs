use super::*;
use crate::plain::Plain;

#[test]
fn averages_give_every_digit() {
    for value in 0..243_u16 {
        let byte = !((value * 256).div_ceil(243) as u8);
        let vector = [byte; 16];
        // SAFETY: 16 bytes, plain Rust.
        let digits = unsafe { codes::base3::<Plain>(vector.as_ptr()) };
        let got = digits.iter().fold(0, |acc, d| acc * 3 + (d[0] & 255) as u16);
        assert_eq!(got, value);
    }
}
