//! What devices say, and what is made of it.

use proptest::prelude::*;

use super::*;

fn value(pick: Option<&str>) -> ValueSettings {
    ValueSettings { sensor: "s".into(), unit: "u".into(), pick: pick.map(Into::into), scale: 1.0, offset: 0.0 }
}

fn picker(format: PayloadFormat, picks: &[&str]) -> Picker {
    let values: Vec<_> = picks.iter().map(|pick| value((!pick.is_empty()).then_some(*pick))).collect();
    Picker::new(format, ',', &values)
}

fn numbers(picker: &Picker, text: &str) -> Vec<(usize, f64)> {
    picker.pick(text.as_bytes()).numbers
}

fn error(picker: &Picker, text: &str) -> Option<String> {
    picker.pick(text.as_bytes()).error.map(|error| error.to_string())
}

#[test]
fn a_number_is_the_first_word() {
    let picker = picker(PayloadFormat::Number, &[""]);
    for (text, number) in [("21.5", 21.5), (" -3\r\n", -3.0), ("1e3 Pa", 1000.0)] {
        assert_eq!(numbers(&picker, text), [(0, number)]);
    }
    for text in ["", "warm", "NaN", "inf", "1e999", "21,5", "21.5C"] {
        assert_eq!(error(&picker, text).unwrap(), "it is no finite number", "{text:?}");
    }
}

#[test]
fn names_are_found_wherever_they_stand() {
    let picker = picker(PayloadFormat::NameValue, &["t", "h"]);
    assert_eq!(numbers(&picker, "t=21.5 h=40"), [(0, 21.5), (1, 40.0)]);
    assert_eq!(numbers(&picker, "h:40;at=3;t:21.5"), [(0, 21.5), (1, 40.0)]);
    assert_eq!(numbers(&picker, "h=40"), [(1, 40.0)]);
    assert_eq!(error(&picker, "h=40"), None, "one of two is fine");
    assert_eq!(error(&picker, "x=1 nonsense").unwrap(), "nothing of what is picked is in it");
    let both = picker.pick(b"t=warm h=40");
    assert_eq!(both.numbers, [(1, 40.0)]);
    assert_eq!(both.error.unwrap().to_string(), "t is no finite number");
}

#[test]
fn columns_are_counted_from_one() {
    let commas = picker(PayloadFormat::Csv, &["2", "3"]);
    assert_eq!(numbers(&commas, "7, \"21.5\" ,40"), [(0, 21.5), (1, 40.0)]);
    assert_eq!(numbers(&commas, "7,21.5"), [(0, 21.5)]);
    let blanks = Picker::new(PayloadFormat::Csv, ' ', &[value(Some("2"))]);
    assert_eq!(numbers(&blanks, "a   5  6"), [(0, 5.0)]);
}

#[test]
fn a_line_of_columns_loses_nothing_but_its_end() {
    let tabs = Picker::new(PayloadFormat::Csv, '\t', &[value(Some("2")), value(Some("3"))]);
    assert_eq!(numbers(&tabs, "\t5\t6\r\n"), [(0, 5.0), (1, 6.0)], "the first column is empty");
    assert_eq!(numbers(&tabs, "\t\t6"), [(1, 6.0)]);
    assert_eq!(error(&tabs, "7\t\t\n").unwrap(), "3 is no finite number", "the last column is empty");
    let lines = Picker::new(PayloadFormat::Csv, '\n', &[value(Some("1")), value(Some("2"))]);
    assert_eq!((numbers(&lines, "5\n"), error(&lines, "5\n")), (vec![(0, 5.0)], None), "its end begins no column");
}

#[test]
fn json_is_picked_by_pointers() {
    let inner = picker(PayloadFormat::Json, &["/air/t", "/list/1", "/on", "/text", "/none"]);
    let text = r#"{"air": {"t": 21.5}, "list": [1, 2], "on": true, "text": "7", "none": null}"#;
    assert_eq!(numbers(&inner, text), [(0, 21.5), (1, 2.0), (2, 1.0), (3, 7.0)]);
    assert_eq!(error(&inner, r#"{"air": {}}"#).unwrap(), "nothing of what is picked is in it");
    assert_eq!(error(&inner, r#"{"air": {"t": []}}"#).unwrap(), "/air/t is no finite number");
    assert_eq!(error(&inner, "21.5 C").unwrap(), "it is no json");
    assert_eq!(numbers(&picker(PayloadFormat::Json, &[""]), "21.5"), [(0, 21.5)]);
}

#[test]
fn scale_and_offset_are_applied_and_may_not_overflow() {
    let fahrenheit = ValueSettings { scale: 5.0 / 9.0, offset: -160.0 / 9.0, ..value(None) };
    let picker = Picker::new(PayloadFormat::Number, ',', &[fahrenheit]);
    let [(0, celsius)] = numbers(&picker, "212")[..] else { panic!() };
    assert!((celsius - 100.0).abs() < 1e-9);
    let huge = Picker::new(PayloadFormat::Number, ',', &[ValueSettings { scale: 1e300, ..value(None) }]);
    assert!(error(&huge, "1e300").is_some());
}

#[test]
fn a_quote_is_the_beginning_of_a_text_whatever_its_characters() {
    assert_eq!(quoted(b"short \xff"), "short \u{fffd}");
    for character in ['x', '\u{e9}', '\u{20ac}', '\u{1f321}'] {
        let text = character.to_string();
        assert_eq!(quoted(text.repeat(1000).as_bytes()), text.repeat(80));
        assert_eq!(quoted(format!("a{}", text.repeat(1000)).as_bytes()), format!("a{}", text.repeat(79)));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_no_number_is_without_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        use PayloadFormat::{Csv, Json, NameValue, Number};
        for (format, pick) in [(Number, ""), (NameValue, "t"), (Csv, "1"), (Json, "/t")] {
            let picked = picker(format, &[pick]).pick(&bytes);
            prop_assert!(picked.numbers.iter().all(|(_, number)| number.is_finite()));
            prop_assert!(picked.numbers.is_empty() == picked.error.is_some());
        }
    }

    #[test]
    fn a_number_that_is_written_is_read(number in -1e12_f64..1e12) {
        use PayloadFormat::{Csv, Json, NameValue, Number};
        for (format, pick, text) in [
            (Number, "", format!("{number}")),
            (NameValue, "t", format!("a=1,t={number}")),
            (Csv, "2", format!("1,{number}")),
            (Json, "/t", format!(r#"{{"t": {number}}}"#)),
        ] {
            let [(0, read)] = numbers(&picker(format, &[pick]), &text)[..] else { panic!("{text}") };
            prop_assert!((read - number).abs() <= number.abs() * 1e-15);
        }
    }
}
