use super::http::{base64, escaped};

#[test]
fn encodings() {
    assert_eq!(
        ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|t| base64(t.as_bytes())),
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]
    );
    assert_eq!(escaped("a b&c=ü~"), "a%20b%26c%3D%C3%BC~");
}
