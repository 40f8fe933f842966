use super::*;
use crate::testing::Tiny;

#[test]
fn the_files_template_is_rendered() {
    let file = Tiny::new("llama").file().expect("fits");
    let tokenizer = Tokenizer::new(&file).expect("sound");
    let template = Template::new(&file, &tokenizer).expect("Jinja").expect("there");
    let chat = [Message::new("system", " Be brief. "), Message::new("user", "Hi <|im_end|>")];
    let text = template.render(&chat, true).expect("rendered");
    assert_eq!(
        text,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n"
    );
    assert!(!template.render(&chat, false).expect("rendered").ends_with("assistant\n"));
    let gemma = Tiny::new("gemma3").file().expect("fits");
    assert!(Template::new(&gemma, &Tokenizer::new(&gemma).expect("sound")).expect("no error").is_none());
}

#[test]
fn what_templates_of_real_models_use_works() {
    let render =
        |source: &str| Template::parse(source, "<s>", "</s>").and_then(|t| t.render(&[Message::new("user", "Hi")], true));
    for (source, wanted) in [
        ("{{ bos_token }}{{ messages[0]['content'].upper() }}{{ eos_token }}", "<s>HI</s>"),
        ("{% set ns = namespace(found=false) %}{% set ns.found = true %}{{ ns.found }}", "True"),
        ("{% for m in messages %}{{ loop.index0 }}{% endfor %}", "0"),
        ("{% if messages[0]['role'] == 'user' and add_generation_prompt %}yes{% endif %}", "yes"),
        ("{{ messages | tojson }}", r#"[{"role":"user","content":"Hi"}]"#),
        ("{{ messages[0]['content'] | trim }}{{ 'a,b'.split(',')[1] }}", "Hib"),
        ("{%- if tools is defined and tools %}x{% else %}none{%- endif %}", "none"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('y') }}", "<y>"),
        ("  {% if true %}\nx\n  {% endif %}\n", "x\n"),
    ] {
        assert_eq!(render(source).unwrap_or_else(|e| panic!("{source}: {e:?}")), wanted, "{source}");
    }
}

#[test]
fn a_template_may_refuse() {
    let t = Template::parse("{{ raise_exception('roles must alternate') }}", "", "").expect("Jinja");
    let error = t.render(&[], true).expect_err("refused");
    assert!(format!("{:?}", error).contains("roles must alternate"));
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let deep =
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    assert!(Template::parse(deep, "", "").expect("Jinja").render(&[], true).is_err());
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    assert!(Template::parse(recursive, "", "").expect("Jinja").render(&[], true).is_err());
}

#[test]
fn templates_that_are_none_are_errors() {
    assert!(Template::parse("{% if %}", "", "").is_err());
    assert!(Template::parse(&"x".repeat(LONGEST + 1), "", "").is_err());
    // Other templates and files are out of reach.
    for source in ["{% include '/etc/passwd' %}", "{% extends 'x' %}", "{{ unknown() }}"] {
        assert!(Template::parse(source, "", "").and_then(|t| t.render(&[], true)).is_err(), "{source}");
    }
}
